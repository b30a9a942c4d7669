// What the monitor knows of a workflow, put together from the records that were written of it.
#include "storage/big_endian.h"
#include "tests/sim/monitor.h"

namespace settle::sim {

void Monitor::apply(Shadow& shadow, const Write& write, std::string_view rest) {
  if (rest[0] == 'w') {
    const Result<StoredHeader> header = decode_header(*write.value);
    SETTLE_ASSERT(header);
    shadow.header = header->header;
  } else if (rest[0] == 'x') {
    StoredHeader header{.header = shadow.header, .plan_name = {}, .tools = {}, .due_at = {}};
    const Result<void> applied = apply_progress(*write.value, header);
    SETTLE_ASSERT(applied);
    shadow.header = header.header;
  } else if (rest[0] == 'a') {
    const std::uint32_t index = read_be32(rest, 1);
    const Result<ActionState> run = decode_action(*write.value);
    SETTLE_ASSERT(run);
    if (shadow.runs.size() <= index) shadow.runs.resize(index + 1);
    shadow.runs[index] = *run;
    if (!run->input) shadow.runs[index].input = shadow.apart['i'][index];
    if (!run->output) shadow.runs[index].output = shadow.apart['o'][index];
  } else if (rest[0] == 'i' || rest[0] == 'o') {
    const std::uint32_t index = read_be32(rest, 1);
    const auto value = write.value ? std::make_shared<const Json>(*read_json(*write.value)) : nullptr;
    shadow.apart[rest[0]][index] = value;
    if (shadow.runs.size() <= index) shadow.runs.resize(index + 1);
    // What stands within the record of the run is newer than what had one of its own.
    if (rest[0] == 'i' && value) shadow.runs[index].input = value;
    if (rest[0] == 'o' && value) shadow.runs[index].output = value;
    if (value) counters_.note("a payload with a record of its own");
  } else if (rest[0] == 's') {
    const std::uint32_t number = read_be32(rest, 1);
    const Result<SignalState> signal = decode_signal(*write.value);
    SETTLE_ASSERT(signal && number > 0);
    if (shadow.signals.size() < number) shadow.signals.resize(number);
    shadow.signals[number - 1] = *signal;
  }
}

/// An action of the plan without a record waits for others since it was submitted.
void Monitor::add_fresh(Shadow& shadow) {
  if (shadow.runs.size() < shadow.sketch->actions.size()) shadow.runs.resize(shadow.sketch->actions.size());
  for (ActionIndex i = 0; i < shadow.sketch->actions.size(); ++i) {
    if (shadow.runs[i].recorded) continue;
    counters_.note("an action without a record");
    shadow.runs[i].planned = i;
    shadow.runs[i].since = shadow.header.created_at;
  }
  add_fresh_elements(shadow);
}

/// An element without a record is as its list begins it: ready where the plan lets it run, else waiting for its turn.
void Monitor::add_fresh_elements(Shadow& shadow) {
  for (ActionIndex i = 0; i < shadow.sketch->actions.size() && i < shadow.runs.size(); ++i) {
    const ActionState list = shadow.runs[i];
    if (!shadow.is_list(i)) continue;
    const std::size_t end = list.first_element + list.elements;
    if (shadow.runs.size() < end) shadow.runs.resize(end);
    const std::size_t parallel = shadow.planned(i).max_parallel;
    for (std::uint32_t k = 0; k < list.elements; ++k) {
      ActionState& element = shadow.runs[list.first_element + k];
      if (element.element) continue;
      counters_.note("an element without a record");
      element.planned = element.parent = i;
      element.element = k;
      element.since = list.since;
      if (parallel > 0 && k >= parallel) continue;
      element.stage = Stage::ready;
      element.scheduled_at = list.since;
    }
  }
}

}  // namespace settle::sim
