// How long the pure core takes for the life of one action, and how often it allocates; and what a plan's document
// costs.
//
//     step_bench bench/load/tools/bench.put.json [SECONDS=1]
//
// The action is that of the load benchmark: start (the intent of the POST), its answer, the answer of the read-back.
// Calls and answers exist only as values; nothing is stored or encoded. Prints one JSON object a line.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "bench/allocations.h"
#include "workflows/plan.h"
#include "workflows/step.h"

namespace {

using namespace settle;
using bench::allocations;
using Clock = std::chrono::steady_clock;

/// Time and allocations of many repetitions of one thing.
struct Cost {
  std::uint64_t count = 0, allocated = 0;
  Clock::duration took{};

  void add(std::uint64_t repetitions, const std::function<void()>& body) {
    const std::uint64_t allocated_before = allocations;
    const Clock::time_point begun = Clock::now();
    body();
    took += Clock::now() - begun;
    allocated += allocations - allocated_before;
    count += repetitions;
  }
  double micros() const { return std::chrono::duration<double, std::micro>(took).count() / static_cast<double>(count); }
  double allocations_each() const { return static_cast<double>(allocated) / static_cast<double>(count); }
  void print(const char* what) const {
    std::printf("{\"what\":\"%s\",\"per_second\":%.0f,\"us\":%.3f,\"allocations\":%.1f}\n", what, 1e6 / micros(),
                micros(), allocations_each());
  }
};

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

/// What the tool server answers to the POST and to the GET.
Outcome answered(int status, const std::string& value, Time at) {
  Outcome out;
  out.kind = OutcomeClass::answered;
  out.status = status;
  out.body = Json::object({{"id", "17"}, {"value", value}});
  out.started = out.ended = at;
  return out;
}

void run_steps(const std::shared_ptr<const Plan>& plan, const std::string& value,
               std::chrono::duration<double> duration) {
  constexpr std::size_t batch = 1000;  // one reading of the clock for so many steps
  Cost start, answer, read_back, life;
  const Time now(Duration(1'800'000'000'000));
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(duration);
  for (std::uint64_t round = 0; Clock::now() < end; ++round) {
    std::vector<Workflow> workflows(batch);
    std::vector<Outcome> created(batch), seen(batch);
    for (std::size_t i = 0; i < batch; ++i) {
      workflows[i].header.id = "wf_01930000-0000-7000-8000-" + std::to_string(100'000'000'000 + round * batch + i);
      workflows[i].plan = plan;
      created[i] = answered(201, value, now + Duration(1));
      seen[i] = answered(200, value, now + Duration(2));
    }
    start.add(batch, [&] {
      for (Workflow& workflow : workflows) SETTLE_ASSERT(start_workflow(workflow, {now, 1}).calls.size() == 1);
    });
    answer.add(batch, [&] {
      for (std::size_t i = 0; i < batch; ++i)
        SETTLE_ASSERT(on_answer(workflows[i], 0, 1, std::move(created[i]), {now + Duration(1), 2}).calls.size() == 1);
    });
    read_back.add(batch, [&] {
      for (std::size_t i = 0; i < batch; ++i)
        SETTLE_ASSERT(on_answer(workflows[i], 0, 2, std::move(seen[i]), {now + Duration(2), 3}).changed);
    });
    for (const Workflow& workflow : workflows) SETTLE_ASSERT(workflow.header.outcome == WorkflowOutcome::verified);
  }
  start.print("step: start");
  answer.print("step: answer");
  read_back.print("step: read-back");
  Cost step;
  for (const Cost* cost : {&start, &answer, &read_back}) {
    step.count += cost->count;
    step.took += cost->took;
    step.allocated += cost->allocated;
  }
  life = step;
  life.count = start.count;
  step.print("step");
  life.print("action (three steps)");
}

/// A plan of about 2 KiB: sequential actions with a value of 100 bytes each.
std::string plan_text(std::size_t actions, const std::string& value) {
  std::string out = "{\"name\":\"load\",\"actions\":[";
  for (std::size_t i = 0; i < actions; ++i) {
    out += (i == 0 ? "{\"id\":\"a" : ",{\"id\":\"a") + std::to_string(i) + "\",\"tool\":\"bench.put\",";
    if (i > 0) out += "\"after\":[\"a" + std::to_string(i - 1) + "\"],";
    out += "\"input\":{\"value\":\"" + value + "\"}}";
  }
  return out + "]}";
}

void run_documents(const std::string& text, const ToolOf& tools, std::chrono::duration<double> duration) {
  constexpr std::size_t batch = 100;
  Cost reading, checking, writing;
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(duration);
  const Json document = must(read_json(text));
  while (Clock::now() < end) {
    reading.add(batch, [&] {
      for (std::size_t i = 0; i < batch; ++i) SETTLE_ASSERT(read_json(text));
    });
    checking.add(batch, [&] {
      for (std::size_t i = 0; i < batch; ++i) SETTLE_ASSERT(check_plan(document, tools, {"bench.put"}));
    });
    writing.add(batch, [&] {
      for (std::size_t i = 0; i < batch; ++i) SETTLE_ASSERT(canonical(document).size() == text.size());
    });
  }
  reading.print("plan of 2 KiB: read_json");
  checking.print("plan of 2 KiB: check_plan");
  writing.print("plan of 2 KiB: canonical");
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: step_bench TOOL_DOCUMENT [SECONDS]\n");
    return 2;
  }
  const std::chrono::duration<double> duration(count > 2 ? std::atof(arguments[2]) : 1.0);
  std::ifstream file(arguments[1]);
  const std::string document((std::istreambuf_iterator<char>(file)), {});
  const std::shared_ptr<const Tool> tool =
      must(compile_tool(must(read_json(document)), {{"tools", "http://127.0.0.1:8750"}}));
  const ToolOf tools = [&](std::string_view, std::string_view) { return tool; };
  const std::string value(100, 'v');
  run_steps(must(check_plan(must(read_json(plan_text(1, value))), tools, {"bench.put"})), value, duration);
  run_documents(plan_text(13, value), tools, duration);
  return 0;
}
