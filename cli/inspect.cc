// `settle inspect`: the store of a stopped or running engine, without the server and without a configuration.

#include <unistd.h>
#include <iostream>

#include "cli/render_table.h"
#include "cli/render_tree.h"
#include "cli/serve.h"
#include "engine/documents.h"
#include "engine/load.h"
#include "storage/keys.h"
#include "storage/rocks/inspect.h"

namespace settle {
namespace {

int refuse(const Error& error) {
  std::cerr << "settle inspect: " << error.message << "\n";
  return info(error.code).exit_code;
}

/// Every workflow of the namespace, newest first.
Result<Json> list_all(const Reader& reader, const std::string& name_space) {
  Json::Array workflows;
  std::optional<Error> error;
  const std::string from = keys::summary_prefix(name_space);
  const Result<void> scanned = reader.scan(
      Family::index, {.from = from, .to = keys::after(from)}, [&](std::string_view key, std::string_view value) {
        const auto place = keys::parse_place(key, from);
        Result<Summary> summary = decode_summary(value);
        if (!place || !summary) {
          error = place ? summary.error() : fail(ErrorCode::corruption, "a listing entry has a wrong key");
          return false;
        }
        summary->id = place->second;
        workflows.push_back(summary_document(*summary));
        return true;
      });
  if (!scanned) return scanned.error();
  if (error) return *error;
  return Json::object({{"workflows", std::move(workflows)}, {"next_cursor", Json()}});
}

/// {"workflow", "events", "receipts"}.
Result<Json> show_one(const Reader& reader, const std::string& name_space, const std::string& id) {
  const Result<std::optional<Workflow>> workflow = load_for_show(reader, name_space, id);
  if (!workflow) return workflow.error();
  if (!*workflow) return fail(ErrorCode::not_found, "the store has no workflow \"" + id + "\"");
  const Result<std::vector<StoredEvent>> events = load_events(reader, name_space, id, 0, SIZE_MAX);
  if (!events) return events.error();
  const Result<std::vector<std::string>> receipts = load_receipts(reader, name_space, id);
  if (!receipts) return receipts.error();
  Json::Array event_list, receipt_list;
  for (const StoredEvent& event : *events) event_list.push_back(event_document(event, *(*workflow)->plan));
  for (const std::string& bytes : *receipts) {
    Result<Json> receipt = read_json(bytes, own_text);
    if (!receipt) return fail(ErrorCode::corruption, "a receipt can't be read");
    receipt_list.push_back(*std::move(receipt));
  }
  return Json::object({{"workflow", workflow_text(**workflow).document()},
                       {"events", std::move(event_list)},
                       {"receipts", std::move(receipt_list)}});
}

}  // namespace

int inspect(const InspectOptions& options) {
  const Result<std::unique_ptr<ReadOnlyStore>> store = open_read_only(options.data);
  if (!store) return refuse(store.error());
  const std::unique_ptr<Reader> reader = (*store)->snapshot();
  const Result<Json> document = options.workflow.empty() ? list_all(*reader, options.name_space)
                                                         : show_one(*reader, options.name_space, options.workflow);
  if (!document) return refuse(document.error());
  if (options.json) {
    std::cout << write_json(*document, 2) << "\n";
    return 0;
  }
  const View view = view_of(STDOUT_FILENO, ColorChoice::automatic);
  if (options.workflow.empty()) {
    std::cout << render_workflows(*document, view);
  } else {
    std::cout << render_workflow(*document->find("workflow"), view) << "\n" << render_events(*document, view);
  }
  return 0;
}

}  // namespace settle
