#include "engine/load.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "receipts/packed.h"
#include "storage/big_endian.h"
#include "storage/keys.h"
#include "workflows/builtin_tools.h"
#include "workflows/consistency.h"

namespace settle {
namespace {

Error damaged(const std::string& id, std::string_view what) {
  return fail(ErrorCode::corruption, "workflow \"" + id + "\": " + std::string(what));
}

/// The plan with exactly the tool versions that the workflow began with.
Result<std::shared_ptr<const Plan>> load_plan(std::string_view bytes, const StoredHeader& stored,
                                              const ToolRegistry& tools, const std::string& name_space,
                                              const std::string& id) {
  const Result<Json> document = read_plan_document(bytes);
  if (!document) return damaged(id, "its plan can't be read");
  std::map<std::string, std::shared_ptr<const Tool>, std::less<>> pinned;
  for (const PinnedTool& pin : stored.tools) {
    pinned[pin.name] = tools.version(name_space, pin.name, pin.version);
    if (pinned[pin.name] == nullptr) {
      return fail(ErrorCode::configuration,
                  "workflow \"" + id + "\" runs version " + to_hex(pin.version).substr(0, 12) + " of tool \"" +
                      pin.name + "\", which this configuration can't compile; is a name of [values] gone?");
    }
  }
  const ToolOf tool_of = [&](std::string_view, std::string_view name) -> std::shared_ptr<const Tool> {
    const auto found = pinned.find(name);
    return found == pinned.end() ? nullptr : found->second;
  };
  Result<std::shared_ptr<const Plan>> plan = reread_plan(*document, tool_of);
  if (!plan) return damaged(id, "its plan can no longer be read: " + plan.error().message);
  return plan;
}

/// Every record of one workflow, undecoded.
struct RawWorkflow {
  std::string header, progress, plan;
  std::map<std::uint32_t, std::string> actions, inputs, outputs, befores, signals;
};

Result<RawWorkflow> read_raw(const Reader& reader, const std::string& name_space, const std::string& id) {
  const std::string prefix = keys::OfWorkflow(name_space, id).prefix();
  RawWorkflow raw;
  const Result<void> scanned = reader.scan(Family::state, {.from = prefix, .to = keys::after(prefix)},
                                           [&](std::string_view key, std::string_view value) {
                                             const std::string_view rest = key.substr(prefix.size());
                                             const char kind = rest.empty() ? '\0' : rest[0];
                                             if (kind == 'w') raw.header = value;
                                             if (kind == 'x') raw.progress = value;
                                             if (kind == 'p') raw.plan = value;
                                             if (rest.size() != 5) return true;
                                             const std::uint32_t index = read_be32(rest, 1);
                                             if (kind == 'a') raw.actions.emplace(index, value);
                                             if (kind == 'i') raw.inputs.emplace(index, value);
                                             if (kind == 'o') raw.outputs.emplace(index, value);
                                             if (kind == 's') raw.signals.emplace(index, value);
                                             if (kind == 'b') raw.befores.emplace(index, value);
                                             return true;
                                           });
  if (!scanned) return scanned.error();
  return raw;
}

Result<StoredHeader> header_of(const std::string& whole, const std::string& progress) {
  Result<StoredHeader> out = decode_header(whole);
  if (!out) return out;
  if (progress.empty() && out->header.version == 0)
    return fail(ErrorCode::corruption, "a workflow's progress is missing");
  if (progress.empty()) return out;
  const Result<void> applied = apply_progress(progress, *out);
  if (!applied) return applied.error();
  return out;
}

/// The run that comes next has no record, since it is an element to which nothing has happened (fresh_element): it and
/// all that follow it in its list are made from the list's record. False: it is no such element.
bool add_fresh_elements(const RawWorkflow& raw, Workflow& workflow) {
  const auto at = static_cast<ActionIndex>(workflow.actions.size());
  const std::vector<PlanAction>& plan = workflow.plan->actions;
  const auto is_its = [&](const ActionState& list) {
    return list.stage == Stage::gathering && at >= list.first_element && at - list.first_element < list.elements;
  };
  for (ActionIndex i = 0; i < plan.size() && i < at; ++i) {
    if (!plan[i].for_each || workflow.actions[i].planned != i || !is_its(workflow.actions[i])) continue;
    const ActionState list = workflow.actions[i];  // a copy: what it lies in grows
    const bool whole = list.input && list.input->is_array() && list.input->size() == list.elements;
    const auto begun = raw.inputs.lower_bound(at);
    if (!whole || (begun != raw.inputs.end() && begun->first - list.first_element < list.elements)) return false;
    for (std::uint32_t k = at - list.first_element; k < list.elements; ++k)
      workflow.actions.push_back(fresh_element(plan[i], list, k));
    return true;
  }
  return false;
}

/// The action of the plan that comes next has no record, since nothing has happened to it. False: that can't be.
bool add_fresh_action(const RawWorkflow& raw, Workflow& workflow) {
  const auto at = static_cast<ActionIndex>(workflow.actions.size());
  const bool may_have_none = workflow.header.recorded > 0 && at < workflow.plan->actions.size();
  if (!may_have_none || raw.inputs.contains(at) || raw.outputs.contains(at)) return false;
  workflow.actions.push_back(fresh_action(at, workflow.header.created_at));
  return true;
}

bool add_fresh(const RawWorkflow& raw, Workflow& workflow) {
  return add_fresh_action(raw, workflow) || add_fresh_elements(raw, workflow);
}

/// Puts header, plan and actions together, and makes sure that they fit each other. Of `raw` the payloads go that do
/// not count, since their runs' records have newer ones.
Result<Workflow> assemble(RawWorkflow& raw, const StoredHeader& stored, std::shared_ptr<const Plan> plan,
                          PlanKnown known, const std::string& name_space, const std::string& id) {
  Workflow workflow;
  workflow.header = stored.header;
  workflow.header.name_space = name_space;
  workflow.header.id = id;
  workflow.plan = std::move(plan);
  const auto payload = [&](const std::map<std::uint32_t, std::string>& from,
                           std::uint32_t index) -> Result<std::shared_ptr<const Json>> {
    const auto found = from.find(index);
    if (found == from.end()) return std::shared_ptr<const Json>();
    Result<Json> json = read_json(found->second, own_text);
    if (!json) return damaged(id, "a payload can't be read");
    return std::make_shared<const Json>(*std::move(json));
  };
  for (const auto& [index, bytes] : raw.actions) {
    while (workflow.actions.size() < index && add_fresh(raw, workflow)) {
    }
    if (index != workflow.actions.size()) return damaged(id, "an action is missing");
    Result<ActionState> action = decode_action(bytes);
    if (!action) return std::move(action).error();
    Result<std::shared_ptr<const Json>> before = payload(raw.befores, index);
    if (!before) return std::move(before).error();
    if (action->before_at) action->before = *before;  // without it, it is of an earlier beginning
    for (const auto& [within, apart] :
         {std::pair(&action->input, &raw.inputs), std::pair(&action->output, &raw.outputs)}) {
      if (*within != nullptr) {
        apart->erase(index);
        continue;
      }
      Result<std::shared_ptr<const Json>> read = payload(*apart, index);
      if (!read) return std::move(read).error();
      *within = *std::move(read);
    }
    workflow.actions.push_back(*std::move(action));
  }
  while (add_fresh(raw, workflow)) {
  }
  const auto found = static_cast<std::uint32_t>(raw.actions.size());
  if (workflow.header.recorded == 0) workflow.header.recorded = found;  // from before that was counted
  if (workflow.header.recorded != found) return damaged(id, "an action is missing");
  for (const auto& [number, bytes] : raw.signals) {
    Result<SignalState> signal = decode_signal(bytes);
    if (!signal) return std::move(signal).error();
    const bool fits =
        number == workflow.signals.size() + 1 && (!signal->taken_by || *signal->taken_by < workflow.actions.size());
    if (!fits) return damaged(id, "a signal is missing, or was taken by nobody");
    workflow.signals.push_back(*std::move(signal));
  }
  if (const std::optional<std::string> why = inconsistency_of(workflow, known)) return damaged(id, *why);
  derive(workflow);
  return workflow;
}

/// As it is stored. `runs` tells what stands within their records; what was written before that was counted has none.
Result<KeptBytes> kept_of(const RawWorkflow& raw, const std::vector<ActionState>& runs) {
  KeptBytes out;
  out.plan(raw.plan.size());
  for (const auto& [index, bytes] : raw.inputs) out.set(KeptBytes::Of::input, index, bytes.size());
  for (const auto& [index, bytes] : raw.outputs) out.set(KeptBytes::Of::output, index, bytes.size());
  for (const auto& [index, bytes] : raw.befores) out.set(KeptBytes::Of::before, index, bytes.size());
  for (ActionIndex i = 0; i < runs.size(); ++i) {
    if (runs[i].input && !raw.inputs.contains(i)) out.set(KeptBytes::Of::input, i, canonical(*runs[i].input).size());
    if (runs[i].output && !raw.outputs.contains(i))
      out.set(KeptBytes::Of::output, i, canonical(*runs[i].output).size());
  }
  std::vector<SignalState> signals;
  for (const auto& [number, bytes] : raw.signals) {
    Result<SignalState> signal = decode_signal(bytes);
    if (!signal) return std::move(signal).error();
    signals.push_back(*std::move(signal));
  }
  out.signals(signals);
  return out;
}

/// The tool of a call, by name and pinned version only.
std::shared_ptr<const Tool> tool_for_show(const Json& call, const StoredHeader& stored) {
  auto tool = std::make_shared<Tool>();
  const Json* name = call.find("tool");
  if (name != nullptr && name->is_string()) tool->name = name->as_string();
  if (const std::shared_ptr<const Tool> own = builtin_tool(tool->name)) *tool = *own;
  for (const PinnedTool& pin : stored.tools) {
    if (pin.name == tool->name && pin.version.size() == tool->version.size())
      std::copy(pin.version.begin(), pin.version.end(), tool->version.begin());
  }
  return tool;
}

/// What a plan's text alone tells: ids, names of tools, and who waits for whom.
Result<std::shared_ptr<const Plan>> plan_for_show(const RawWorkflow& raw, const StoredHeader& stored,
                                                  const std::string& id) {
  const Result<Json> document = read_plan_document(raw.plan);
  const Json* actions = document ? document->find("actions") : nullptr;
  if (actions == nullptr || !actions->is_array()) return damaged(id, "its plan can't be read");
  auto plan = std::make_shared<Plan>();
  plan->name = stored.plan_name;
  plan->document = raw.plan;
  for (const Json& entry : actions->as_array()) {
    const Json* action_id = entry.find("id");
    const Json* tool_name = entry.find("tool");
    if (action_id == nullptr || tool_name == nullptr || !action_id->is_string() || !tool_name->is_string())
      return damaged(id, "its plan can't be read");
    plan->by_id.emplace(action_id->as_string(), static_cast<ActionIndex>(plan->actions.size()));
    PlanAction& action = plan->actions.emplace_back();
    action.id = action_id->as_string();
    action.tool = tool_for_show(entry, stored);
    if (entry.find("for_each") != nullptr) {
      const Json* parallel = entry.find("max_parallel");
      const bool limited = parallel != nullptr && parallel->is_integer();
      action.for_each.emplace().max_parallel = limited ? static_cast<std::uint32_t>(parallel->as_integer()) : 0;
    }
    if (const Json* undoing = entry.find("compensate"); undoing != nullptr)
      action.compensate.emplace().tool = tool_for_show(*undoing, stored);
    const Json* fallback = entry.find("fallback");
    if (fallback == nullptr) continue;
    action.fallback.emplace().tool = tool_for_show(*fallback, stored);
    if (const Json* undoing = fallback->find("compensate"); undoing != nullptr)
      action.fallback->compensate.emplace().tool = tool_for_show(*undoing, stored);
  }
  for (std::size_t i = 0; i < plan->actions.size(); ++i) {
    std::set<ActionIndex> needs;
    const Json& entry = actions->as_array()[i];
    const Json* after = entry.find("after");
    for (std::size_t j = 0; after != nullptr && after->is_array() && j < after->size(); ++j) {
      const Json& name = after->as_array()[j];
      const auto found = name.is_string() ? plan->by_id.find(name.as_string()) : plan->by_id.end();
      if (found != plan->by_id.end()) needs.insert(found->second);
    }
    std::vector<Problem> ignored;
    Json starts = Json::array();  // what must be there when the action starts
    for (const char* name : {"input", "when", "for_each", "fallback"}) {
      if (const Json* member = entry.find(name); member != nullptr) starts.push_back(*member);
    }
    const Template references = Template::compile(starts, "", nullptr, ignored);
    for (const Template::Reference& reference : references.references()) {
      const auto found = reference.source.tokens.size() > 1 && reference.source.tokens[0] == "actions"
                             ? plan->by_id.find(reference.source.tokens[1])
                             : plan->by_id.end();
      if (found != plan->by_id.end()) needs.insert(found->second);
    }
    plan->actions[i].needs.assign(needs.begin(), needs.end());
  }
  return std::shared_ptr<const Plan>(std::move(plan));
}

}  // namespace

Result<Json> read_plan_document(std::string_view bytes) {
  return read_json(bytes, own_text);
}

Result<std::optional<LoadedWorkflow>> load_workflow(const Reader& reader, const ToolRegistry& tools,
                                                    const std::string& name_space, const std::string& id) {
  Result<RawWorkflow> raw = read_raw(reader, name_space, id);
  if (!raw) return raw.error();
  if (raw->header.empty()) return std::optional<LoadedWorkflow>();
  Result<StoredHeader> stored = header_of(raw->header, raw->progress);
  if (!stored) return std::move(stored).error();
  Result<std::shared_ptr<const Plan>> plan = load_plan(raw->plan, *stored, tools, name_space, id);
  if (!plan) return std::move(plan).error();
  Result<Workflow> workflow = assemble(*raw, *stored, *plan, PlanKnown::whole, name_space, id);
  if (!workflow) return std::move(workflow).error();
  Result<KeptBytes> kept = kept_of(*raw, workflow->actions);
  if (!kept) return std::move(kept).error();
  return std::optional<LoadedWorkflow>(LoadedWorkflow{*std::move(workflow), stored->due_at, *std::move(kept)});
}

Result<std::uint64_t> kept_bytes_of(const Reader& reader, const std::string& name_space, const std::string& id) {
  const Result<std::optional<StoredHeader>> stored = load_header(reader, name_space, id);
  if (!stored) return stored.error();
  if (!*stored) return damaged(id, "it is listed, and its record is missing");
  if ((*stored)->kept_bytes > 0) return (*stored)->kept_bytes;
  const Result<RawWorkflow> raw = read_raw(reader, name_space, id);
  if (!raw) return raw.error();
  const Result<KeptBytes> kept = kept_of(*raw, {});
  if (!kept) return kept.error();
  return kept->total();
}

Result<std::optional<Workflow>> load_for_show(const Reader& reader, const std::string& name_space,
                                              const std::string& id) {
  Result<RawWorkflow> raw = read_raw(reader, name_space, id);
  if (!raw) return raw.error();
  if (raw->header.empty()) return std::optional<Workflow>();
  Result<StoredHeader> stored = header_of(raw->header, raw->progress);
  if (!stored) return std::move(stored).error();
  Result<std::shared_ptr<const Plan>> plan = plan_for_show(*raw, *stored, id);
  if (!plan) return std::move(plan).error();
  Result<Workflow> workflow = assemble(*raw, *stored, *plan, PlanKnown::outline, name_space, id);
  if (!workflow) return std::move(workflow).error();
  return std::optional<Workflow>(*std::move(workflow));
}

Result<std::vector<NamedRecord>> load_named(const Reader& reader, std::string_view prefix, const char* what) {
  std::vector<NamedRecord> out;
  bool damaged = false;
  const std::string from(prefix);
  const Result<void> scanned = reader.scan(
      Family::meta, {.from = from, .to = keys::after(from)}, [&](std::string_view key, std::string_view value) {
        key.remove_prefix(from.size());
        const std::size_t end = key.find('\0');
        damaged = end == std::string_view::npos;
        if (!damaged)
          out.push_back({std::string(key.substr(0, end)), std::string(key.substr(end + 1)), std::string(value)});
        return !damaged;
      });
  if (!scanned) return scanned.error();
  if (damaged) return fail(ErrorCode::corruption, std::string("a ") + what + " has a wrong key");
  return out;
}

Result<std::optional<StoredHeader>> load_header(const Reader& reader, const std::string& name_space,
                                                const std::string& id) {
  const keys::OfWorkflow records(name_space, id);
  const Result<std::optional<std::string>> whole = reader.get(Family::state, records.header());
  if (!whole) return whole.error();
  if (!*whole) return std::optional<StoredHeader>();
  const Result<std::optional<std::string>> progress = reader.get(Family::state, records.progress());
  if (!progress) return progress.error();
  Result<StoredHeader> header = header_of(**whole, progress->value_or(""));
  if (!header) return std::move(header).error();
  return std::optional(*std::move(header));
}

Result<std::vector<StoredEvent>> load_events(const Reader& reader, const std::string& name_space, const std::string& id,
                                             std::uint32_t after, std::size_t count_max) {
  std::vector<StoredEvent> out;
  // The record that holds event after+1 may begin before it: start at the last record that begins at or before it.
  const keys::OfWorkflow records(name_space, id);
  const std::string first = records.events(0), next = records.events(after + 1);
  std::string from = next;
  Result<void> scanned = reader.scan(Family::history, {.from = first, .to = next + '\0', .reverse = true},
                                     [&](std::string_view key, std::string_view) {
                                       from = key;
                                       return false;
                                     });
  if (!scanned) return scanned.error();
  std::optional<Error> error;
  scanned = reader.scan(Family::history, {.from = from, .to = records.events(0xffffffffU)},
                        [&](std::string_view key, std::string_view value) {
                          Result<std::vector<StoredEvent>> events =
                              decode_events(value, read_be32(key, key.size() - 4));
                          if (!events) {
                            error = events.error();
                            return false;
                          }
                          for (StoredEvent& event : *events) {
                            if (event.seq > after && out.size() < count_max) out.push_back(std::move(event));
                          }
                          return out.size() < count_max;
                        });
  if (!scanned) return scanned.error();
  if (error) return *error;
  return out;
}

Result<std::vector<std::string>> load_receipts(const Reader& reader, const std::string& name_space,
                                               const std::string& id) {
  std::vector<std::string> out;
  const keys::OfWorkflow records(name_space, id);
  std::optional<Error> error;
  const Result<void> scanned =
      reader.scan(Family::receipts, {.from = records.receipt(0), .to = records.receipt(0xffffffffU)},
                  [&](std::string_view, std::string_view value) {
                    if (value.size() <= 8) return true;
                    Result<std::string> receipt = unpack_receipt(value.substr(8));
                    if (!receipt) {
                      error = receipt.error();
                      return false;
                    }
                    out.push_back(*std::move(receipt));
                    return true;
                  });
  if (!scanned) return scanned.error();
  if (error) return *error;
  return out;
}

}  // namespace settle
