#include "cli/operator_commands.h"

#include <algorithm>
#include <istream>
#include <ostream>

#include "cli/exchange.h"
#include "cli/render_table.h"
#include "cli/render_tree.h"

namespace settle {

namespace {

// The most that the server takes in one request.
constexpr std::size_t kBulkPage = 500;

/// What several requests for many workflows did.
struct Gathered {
  std::size_t matched = 0;
  Json::Array done = {};
  Json::Array refused = {};
  Json next_cursor = {};
};

int wrong_usage(Client& client, const std::string& why) {
  return refuse(client, refusal_of(fail(ErrorCode::invalid_argument, why)));
}

// A retry or a word whose answer was lost may have been taken, and a second one could meet what came after it.
Exchange ask(Client& client, const ApiRequest& request, bool repeatable) {
  return repeatable ? exchange_patiently(client, request, kPatience) : exchange(client, request);
}

int operate_on_one(Client& client, const std::string& verb, const OperateOptions& options) {
  ApiRequest request = {.method = "POST", .path = workflow_path(options.id) + ":" + verb};
  if (options.latest_tools) request = post(request.path, Json::object({{"tools", "latest"}}));
  Exchange seen = ask(client, request, verb != "retry");
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, render_workflow(answer.document, now_view(client)));
  return 0;
}

Json body_of(const OperateOptions& options, bool dry_run, std::size_t limit, const Json& cursor) {
  Json filter = Json::object();
  for (const auto& [name, value] : filters_of(options.filter)) filter.set(name, value);
  Json body = Json::object({{"filter", std::move(filter)}, {"limit", static_cast<std::int64_t>(limit)}});
  if (!cursor.is_null()) body.set("cursor", cursor);
  if (dry_run) body.set("dry_run", true);
  if (options.latest_tools) body.set("tools", "latest");
  return body;
}

/// Page by page until nothing is left or the limit is reached. The refusal that ended it, if one did.
std::optional<Refusal> operate_on_pages(Client& client, const std::string& verb, const OperateOptions& options,
                                        bool dry_run, Gathered& out) {
  while (true) {
    const auto most = static_cast<std::size_t>(options.limit);
    if (most != 0 && out.matched >= most) return std::nullopt;
    const std::size_t left = most == 0 ? kBulkPage : most - out.matched;
    const Json body = body_of(options, dry_run, std::min(left, kBulkPage), out.next_cursor);
    Exchange seen = ask(client, post("/v1/workflows:" + verb, body), dry_run || verb != "retry");
    if (Refusal* refusal = std::get_if<Refusal>(&seen)) return std::move(*refusal);
    const Json& page = std::get<Answer>(seen).document;
    const Json::Array &done = list_of(page, "done"), &refused = list_of(page, "refused");
    out.done.insert(out.done.end(), done.begin(), done.end());
    out.refused.insert(out.refused.end(), refused.begin(), refused.end());
    out.matched += done.size() + refused.size();
    const Json* next = page.find("next_cursor");
    out.next_cursor = next == nullptr ? Json() : *next;
    if (out.next_cursor.is_null()) return std::nullopt;
  }
}

std::string counted(std::size_t number) {
  return std::to_string(number) + (number == 1 ? " workflow" : " workflows");
}

void show_gathered(Client& client, const std::string& verb, bool dry_run, Gathered gathered) {
  if (client.json) {
    const Json document = Json::object({{"matched", static_cast<std::int64_t>(gathered.matched)},
                                        {"done", std::move(gathered.done)},
                                        {"refused", std::move(gathered.refused)},
                                        {"next_cursor", std::move(gathered.next_cursor)}});
    client.out << write_json(document) << '\n' << std::flush;
    return;
  }
  std::vector<Line> lines;
  if (dry_run) {
    for (const Json& id : gathered.done) lines.push_back({{id.is_string() ? id.as_string() : write_json(id)}});
  }
  for (const Json& one : gathered.refused)
    lines.push_back({{text_of(one, "id"), Style::bold},
                     {"  " + text_of(one, "code"), Style::red},
                     {"  " + text_of(one, "message", "")}});
  std::string end = verb + ": " + counted(gathered.done.size()) + (dry_run ? " would be asked" : " done");
  if (!gathered.refused.empty()) end += ", " + counted(gathered.refused.size()) + " refused";
  if (!gathered.next_cursor.is_null()) end += "; there are more";
  lines.push_back({{end}});
  client.out << draw_lines(lines, client.view) << std::flush;
}

// Whether a person at the terminal says yes to so many.
bool confirmed(Client& client, const std::string& verb, std::size_t many) {
  client.err << verb << " " << counted(many) << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(client.in, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int operate_on_many(Client& client, const std::string& verb, const OperateOptions& options) {
  if (!options.yes && !options.dry_run) {
    if (!client.person) return wrong_usage(client, "nobody can be asked here: say --yes, or look first with --dry-run");
    Gathered fit;
    if (const std::optional<Refusal> refusal = operate_on_pages(client, verb, options, true, fit))
      return refuse(client, *refusal);
    if (fit.matched > 0 && !confirmed(client, verb, fit.matched))
      return wrong_usage(client, "nothing was done, since you did not say yes");
  }
  Gathered gathered;
  const std::optional<Refusal> refusal = operate_on_pages(client, verb, options, options.dry_run, gathered);
  const bool some_refused = !gathered.refused.empty();
  if (!refusal || gathered.matched > 0) show_gathered(client, verb, options.dry_run, std::move(gathered));
  if (refusal) return refuse(client, *refusal);
  return some_refused ? info(ErrorCode::wrong_state).exit_code : 0;
}

Result<Json> word_of(Client& client, const ResolveOptions& options) {
  Json said = Json::object({{"seen", options.seen}});
  if (options.send_again) said.set("send_again", true);
  if (!options.record_id.empty()) said.set("record_id", options.record_id);
  if (options.no_verify) said.set("verify", false);
  if (!options.output.empty()) {
    Result<Json> output = read_argument(client, "--output", options.output);
    if (!output) return output;
    said.set("output", *std::move(output));
  }
  Json body = Json::object({{"who", options.who}});
  body.set(options.happened ? "happened" : "did_not_happen", std::move(said));
  if (options.element) body.set("element", *options.element);
  if (!options.role.empty()) body.set("role", options.role);
  if (options.attempt) body.set("attempt", *options.attempt);
  return body;
}

}  // namespace

int operate(Client& client, const std::string& verb, const OperateOptions& options) {
  const bool filtered = !filters_of(options.filter).empty();
  if (!options.id.empty() && filtered) return wrong_usage(client, "name one workflow by its id, or many by filters");
  if (options.id.empty() && !filtered)
    return wrong_usage(client, "name a workflow by its id, or many by a filter such as --label team=sales");
  const bool of_many = options.limit != 0 || options.dry_run || options.yes;
  if (!filtered && of_many) return wrong_usage(client, "--limit, --dry-run and --yes go with filters, not with an id");
  return filtered ? operate_on_many(client, verb, options) : operate_on_one(client, verb, options);
}

int resolve(Client& client, const ResolveOptions& options) {
  if (options.happened == options.did_not_happen) return wrong_usage(client, "say --happened or --did-not-happen");
  const Result<Json> body = word_of(client, options);
  if (!body) return refuse(client, refusal_of(body.error()));
  const std::string path = workflow_path(options.id) + "/actions/" + percent_encode(options.action) + ":resolve";
  Exchange seen = ask(client, post(path, *body), false);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, render_workflow(answer.document, now_view(client)));
  return 0;
}

}  // namespace settle
