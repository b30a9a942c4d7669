#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/api.h"
#include "connectors/connector.h"
#include "engine/asio_loop.h"
#include "storage/memory/memory_store.h"

namespace settle::test {

/// Never answers a call.
class StillConnector final : public Connector {
 public:
  void start(Call, CallDone done) override { held_.push_back(std::move(done)); }
  void stop() override { held_.clear(); }

 private:
  std::vector<CallDone> held_;
};

/// What the schedule "nightly" is.
inline constexpr const char* schedule_body = R"({"every": "1000d", "plan": {"name": "p", "actions": [
    {"id": "a", "tool": "flow.assert", "input": {"that": {"equals": [1, 1]}}}]}})";

/// What a responder was told.
struct Seen {
  std::optional<HttpResponse> response;
  bool streams = false;
  std::string streamed;
  bool feed_closed = false;
};

/// The whole API over a store in memory, on one loop that the test turns. In namespace "own" there is the tool box.put
/// and the workflow "w-own" (action "done" has ended with receipt 1, action "held" is under way, "asked" waits for an
/// approver), the subscription "hook" with the dead letter "1.0", and the schedule "nightly" that has not run.
class ApiWorld {
 public:
  explicit ApiWorld(ApiOptions options = {});
  ~ApiWorld();

  /// A token, as text.
  std::string token(const std::string& name, const std::string& name_space, Roles roles,
                    std::optional<Time> expires_at = std::nullopt);
  /// Sends a request with a bearer token (empty: none) and turns the loop until it is answered or streams.
  std::shared_ptr<Seen> start(const std::string& method, const std::string& target, const std::string& token,
                              const std::string& body = "",
                              std::vector<std::pair<std::string, std::string>> headers = {});
  HttpResponse ask(const std::string& method, const std::string& target, const std::string& token,
                   const std::string& body = "", std::vector<std::pair<std::string, std::string>> headers = {});
  /// Turns the loop until `holds`; false after ten seconds.
  bool reaches(const std::function<bool()>& holds);
  void put_tool_and_workflow();
  void put_subscription();
  void put_schedule();

  boost::asio::io_context io{1};
  AsioLoop loop{io};
  MemoryStore store{true};
  ToolRegistry tools{store, {}};
  TokenRegistry tokens{store};
  StillConnector connector;
  std::unique_ptr<Engine> engine;
  std::atomic<bool> ready{true};
  std::unique_ptr<HttpApi> api;
  std::string tool_version;  ///< hexadecimal
  Json approval;             ///< the open request, as the list has it
};

}  // namespace settle::test
