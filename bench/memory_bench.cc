// Memory of an open workflow at rest and of an active one: the engine with its RocksStore in this process, and a
// connector that either puts every call off for an hour (the workflow leaves memory, its timer stays) or never answers.
//
//     memory_bench DIRECTORY bench/load/tools/bench.put.json [COUNT=20000]; DIRECTORY must not exist
//
// Counted are the bytes that are allocated (malloc's own sum), without the store's memtables and block cache, which
// have limits of their own and hold the same data until it is flushed. Prints one JSON object a line.
#include <malloc.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "engine/asio_loop.h"
#include "engine/engine.h"
#include "storage/rocks/rocks_store.h"

namespace {

using namespace settle;

/// Puts every call off for an hour, or holds it for ever.
class StillConnector final : public Connector {
 public:
  StillConnector(AsioLoop& loop, bool holds) : loop_(loop), holds_(holds) {}
  void start(Call call, CallDone done) override {
    if (holds_) return held_.emplace_back(std::move(call), std::move(done)), void();
    Outcome outcome;
    outcome.kind = OutcomeClass::not_sent;
    outcome.status = 429;
    outcome.code = "http_429";
    outcome.retry_after = Duration(3'600'000);
    outcome.started = outcome.ended = loop_.now();
    loop_.post([done = std::move(done), outcome] { done(outcome); });
  }
  void stop() override { held_.clear(); }

 private:
  AsioLoop& loop_;
  const bool holds_;
  std::vector<std::pair<Call, CallDone>> held_;
};

Json document_of(const char* path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  Result<Json> json = read_json(text);
  if (json) return *std::move(json);
  std::fprintf(stderr, "%s: %s\n", path, json.error().message.c_str());
  std::exit(1);
}

double bytes_in_use(const RocksStore& store) {
  const RocksStats stats = store.stats();
  return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd) - static_cast<double>(stats.memtable_bytes) -
         static_cast<double>(stats.block_cache_bytes);
}

/// Submits `count` workflows of `actions` actions each, waits until nothing moves any more, and prints what each holds.
void run(const std::string& directory, const char* tool, std::size_t count, std::size_t actions, bool active) {
  RocksOptions options;
  options.directory = directory;
  Result<std::unique_ptr<RocksStore>> store = RocksStore::open(options);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    std::exit(1);
  }
  boost::asio::io_context io(1);
  const auto keep = boost::asio::make_work_guard(io);  // completions come from the store's thread
  AsioLoop loop(io);
  ToolRegistry tools(**store, {{"tools", "http://127.0.0.1:8750"}});
  StillConnector connector(loop, active);
  Engine engine(**store, tools, {{&loop, &connector}});
  const auto until = [&](const std::function<bool()>& holds) {
    while (!holds()) io.run_one_for(std::chrono::milliseconds(50));
  };
  bool put = false;
  tools.put("default", document_of(tool), loop.now(), loop,
            [&](const Result<ToolRegistry::Put>& done) { put = static_cast<bool>(done); });
  until([&] { return put; });

  Json::Array plan;
  for (std::size_t i = 0; i < actions; ++i) {
    Json action = Json::object({{"id", "a" + std::to_string(i)},
                                {"tool", "bench.put"},
                                {"input", Json::object({{"value", std::string(100, 'v')}})}});
    if (i > 0) action.set("after", Json(Json::Array{"a" + std::to_string(i - 1)}));
    plan.push_back(std::move(action));
  }
  const Json body = Json::object({{"plan", Json::object({{"name", "load"}, {"actions", std::move(plan)}})}});
  const double before = bytes_in_use(**store);
  constexpr std::size_t at_once = 256;
  std::size_t submitted = 0, created = 0;
  while (created < count) {
    for (; submitted < count && submitted - created < at_once; ++submitted) {
      engine.submit({.name_space = "default", .idempotency_key = "", .body = body}, loop,
                    [&](const Result<Engine::Started>& started) { created += started ? 1 : 0; });
    }
    io.run_one_for(std::chrono::milliseconds(50));
    io.poll();
  }
  std::optional<Shard::Counters> counters;
  until([&] {
    engine.counters(loop, [&](const Shard::Counters& now) { counters = now; });
    io.poll();
    return counters && (active ? counters->in_flight == count : counters->live == 0);
  });
  (*store)->sync_floor();
  const double after = bytes_in_use(**store);
  std::printf(
      "{\"what\":\"%s\",\"actions_per_workflow\":%zu,\"workflows\":%zu,\"in_memory\":%zu,\"bytes_each\":%.0f}\n",
      active ? "active" : "resting", actions, count, counters->live, (after - before) / static_cast<double>(count));
  store->reset();
  connector.stop();
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3 || std::filesystem::exists(arguments[1])) {
    std::fprintf(stderr, "usage: memory_bench DIRECTORY TOOL_DOCUMENT [COUNT]; DIRECTORY must not exist\n");
    return 2;
  }
  const std::string directory = arguments[1];
  const std::size_t workflows = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 20'000;
  std::filesystem::create_directories(directory);
  for (const std::size_t actions : {std::size_t{1}, std::size_t{3}, std::size_t{10}}) {
    for (const bool active : {false, true})
      run(directory + "/" + (active ? "active-" : "resting-") + std::to_string(actions), arguments[2], workflows,
          actions, active);
  }
  std::filesystem::remove_all(directory);
  return 0;
}
