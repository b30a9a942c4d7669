// What the steps cost that have to do with a whole list: one workflow with many parallel actions holds its loop for so
// long, and nobody else of that loop has a turn meanwhile.
//
//     list_bench bench/load/tools/bench.put.json [ELEMENTS=10000] [ROUNDS=5]
//
// Core, records and documents are real; the store is in memory and calls exist only as values. Prints one JSON object a
// line: milliseconds, the median of the rounds; what a batch holds; for the steps in between the longest.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "engine/documents.h"
#include "engine/load.h"
#include "engine/step_records.h"
#include "engine/tools.h"
#include "storage/keys.h"
#include "storage/memory/memory_store.h"

namespace {

using namespace settle;
using Clock = std::chrono::steady_clock;

constexpr Time begun_at(Duration(1'800'000'000'000));
constexpr std::uint32_t calls_max = 32;  // as the engine sets it

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

/// What a commit has to say is of no interest.
class NoSink final : public CompletionSink {
 public:
  void deliver(std::vector<Completion> completions) override {
    for (Completion& completion : completions) completion.done(completion.result);
  }
};

/// Milliseconds of each kind of step, over all rounds.
class Costs {
 public:
  void time(const std::string& what, const std::function<void()>& body) {
    const Clock::time_point begun = Clock::now();
    body();
    took_[what].push_back(std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
  }
  void holds(const std::string& what, const WriteBatch& batch) {
    std::size_t bytes = 0;
    for (const Write& write : batch.writes) bytes += write.key.size() + write.value.value_or("").size();
    for (const LedgerEntry& entry : batch.ledger) bytes += entry.key.size() + entry.bytes.size();
    held_[what] = {batch.writes.size() + batch.ledger.size(), bytes};
  }
  void print(std::size_t elements) {
    for (auto& [what, took] : took_) {
      std::sort(took.begin(), took.end());
      std::printf("{\"what\":\"%s\",\"elements\":%zu,\"ms\":%.3f,\"longest_ms\":%.3f", what.c_str(), elements,
                  took[took.size() / 2], took.back());
      if (const auto held = held_.find(what); held != held_.end())
        std::printf(",\"records\":%zu,\"bytes\":%zu", held->second.first, held->second.second);
      std::printf("}\n");
    }
  }

 private:
  std::map<std::string, std::vector<double>> took_;
  std::map<std::string, std::pair<std::size_t, std::size_t>> held_;
};

Json plan_document(std::size_t elements) {
  Json::Array list;
  for (std::size_t i = 0; i < elements; ++i) list.push_back(static_cast<std::int64_t>(i));
  return Json::object(
      {{"name", "list"},
       {"actions", Json(Json::Array{Json::object({{"id", "each"},
                                                  {"tool", "bench.put"},
                                                  {"for_each", Json(std::move(list))},
                                                  {"input", Json::object({{"value", std::string(100, 'v')}})}})})}});
}

/// One list from its beginning to its end, as the engine goes about it.
class Round {
 public:
  Round(Costs& costs, const std::shared_ptr<const Plan>& plan, const ToolRegistry& tools)
      : costs_(costs), tools_(tools) {
    workflow_.header.id = "wf_01930000-0000-7000-8000-100000000000";
    workflow_.plan = plan;
  }

  void begin() {
    Transition transition;
    costs_.time("begin: step", [&] { transition = start_workflow(workflow_, moment()); });
    write("begin: records", transition);
    take(transition);
  }
  void show(const std::string& what) {
    costs_.time(what + ": document", [&] { SETTLE_ASSERT(!workflow_text(workflow_).text.empty()); });
  }
  void load_again() {
    costs_.time("load", [&] {
      const auto loaded = must(load_workflow(*store_.snapshot(), tools_, "default", workflow_.header.id));
      SETTLE_ASSERT(loaded && loaded->workflow.actions.size() == workflow_.actions.size());
    });
  }
  void run() {
    while (!calls_.empty()) {
      const CallEffect call = std::move(calls_.back());
      calls_.pop_back();
      Outcome outcome;
      outcome.kind = OutcomeClass::answered;
      outcome.status = call.at_once ? 200 : 201;
      outcome.body = Json::object({{"id", "17"}, {"value", std::string(100, 'v')}});
      outcome.started = outcome.ended = now_ += Duration(1);
      const bool last = workflow_.open <= 2;
      Transition transition;
      costs_.time(last ? "end: step" : "between: step",
                  [&] { transition = on_answer(workflow_, call.action, call.number, std::move(outcome), moment()); });
      write(last ? "end: records" : "between: records", transition);
      take(transition);
    }
    SETTLE_ASSERT(workflow_.header.outcome == WorkflowOutcome::verified);
  }
  void cancel() {
    Transition transition;
    costs_.time("cancel: step", [&] { transition = on_cancel(workflow_, moment()); });
    write("cancel: records", transition);
  }

 private:
  Moment moment() const { return {.now = now_, .entropy = 1, .calls_max = calls_max}; }

  void write(const std::string& what, const Transition& transition) {
    WriteBatch batch;
    if (workflow_.header.version == 1) {
      const keys::OfWorkflow records(workflow_.header.name_space, workflow_.header.id);
      batch.put(Family::state, records.plan(), workflow_.plan->document);
    }
    costs_.time(what, [&] { write_step(workflow_, transition, due_of(workflow_), kept_, batch); });
    costs_.holds(what, batch);
    store_.commit(std::move(batch), sink_, [](const CommitResult&) {});
  }
  void take(Transition& transition) {
    for (CallEffect& call : transition.calls) calls_.push_back(std::move(call));
  }

  Costs& costs_;
  const ToolRegistry& tools_;
  MemoryStore store_{true};
  NoSink sink_;
  Workflow workflow_;
  KeptBytes kept_;
  std::vector<CallEffect> calls_;
  Time now_ = begun_at;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: list_bench TOOL_DOCUMENT [ELEMENTS] [ROUNDS]\n");
    return 2;
  }
  const std::size_t elements = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 10'000;
  const std::size_t rounds = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 5;
  std::ifstream file(arguments[1]);
  const std::string document((std::istreambuf_iterator<char>(file)), {});
  MemoryStore store(true);
  NoSink sink;
  ToolRegistry tools(store, {{"tools", "http://127.0.0.1:8750"}});
  tools.put("default", must(read_json(document)), begun_at, sink,
            [](const Result<ToolRegistry::Put>& put) { SETTLE_ASSERT(put); });
  const ToolOf tool_of = [&](std::string_view, std::string_view name) { return tools.latest("default", name); };
  const std::string text = canonical(plan_document(elements));
  Costs costs;
  for (std::size_t i = 0; i < rounds; ++i) {
    Json given;
    std::shared_ptr<const Plan> plan;
    costs.time("submission: its reading", [&] { given = must(read_json(text)); });
    costs.time("submission: its check", [&] { plan = must(check_plan(given, tool_of, {"bench.put"})); });
    Round whole(costs, plan, tools);
    whole.begin();
    whole.show("begun");
    whole.load_again();
    whole.run();
    whole.show("ended");
    Round cut(costs, plan, tools);
    cut.begin();
    cut.cancel();
    cut.show("cancelled");
  }
  costs.print(elements);
  return 0;
}
