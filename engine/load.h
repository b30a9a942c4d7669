#pragma once

#include <memory>
#include <optional>

#include "engine/kept_bytes.h"
#include "engine/tools.h"
#include "storage/codec.h"
#include "storage/store.h"

namespace settle {

/// One workflow as it is stored.
struct LoadedWorkflow {
  Workflow workflow;
  std::optional<Time> due_at;  ///< time in the key of its entry in `due`
  KeptBytes kept;
};

/// Reads a workflow with its plan, actions and payloads. Null: there is none. Errors: corruption; configuration, when a
/// tool version that it is pinned to can't be compiled any more.
Result<std::optional<LoadedWorkflow>> load_workflow(const Reader& reader, const ToolRegistry& tools,
                                                    const std::string& name_space, const std::string& id);

/// The same without the tools' documents, for looking only: names and versions of the tools are all that is known of
/// them, so it needs no configuration. Null: there is none. Errors: corruption.
Result<std::optional<Workflow>> load_for_show(const Reader& reader, const std::string& name_space,
                                              const std::string& id);

/// How much it keeps, as its last step has written it down; of one that has made none since that is done, counted.
/// Errors: corruption, also when there is no such workflow.
Result<std::uint64_t> kept_bytes_of(const Reader& reader, const std::string& name_space, const std::string& id);
/// What is stored of a plan, or kept in memory: any that was accepted once is read, whatever the limits are now.
/// Errors: those of read_json.
Result<Json> read_plan_document(std::string_view bytes);
/// Its header alone, as it is durable. Null: there is none. Errors: corruption.
Result<std::optional<StoredHeader>> load_header(const Reader& reader, const std::string& name_space,
                                                const std::string& id);

/// A record of `meta` that belongs to a namespace and has a name.
struct NamedRecord {
  std::string name_space, name, bytes;
};
/// Those whose keys are `prefix`, namespace, NUL and name; `what` they are, for the error. Errors: corruption.
Result<std::vector<NamedRecord>> load_named(const Reader& reader, std::string_view prefix, const char* what);

/// The events after `after`, at most `count_max`, in order. Errors: corruption.
Result<std::vector<StoredEvent>> load_events(const Reader& reader, const std::string& name_space, const std::string& id,
                                             std::uint32_t after, std::size_t count_max);

/// The canonical bytes of all receipts, in the order in which they were issued. Errors: corruption.
Result<std::vector<std::string>> load_receipts(const Reader& reader, const std::string& name_space,
                                               const std::string& id);

}  // namespace settle
