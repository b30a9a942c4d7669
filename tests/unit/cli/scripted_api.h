#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/client_commands.h"

namespace settle {

/// A server that answers what a test wrote down, in order, and remembers what it was asked.
class ScriptedApi final : public Api {
 public:
  struct Stream {
    std::vector<std::string> lines;
    Result<void> end;
  };

  Result<ApiReply> call(const ApiRequest& request) override {
    asked.push_back(request);
    if (by_path) return by_path(request);
    if (replies.empty()) return fail(ErrorCode::internal, "the script has no more answers");
    Result<ApiReply> reply = std::move(replies.front());
    replies.pop_front();
    return reply;
  }

  Result<void> stream(const ApiRequest& request, const std::function<bool(std::string_view)>& on_line) override {
    streamed.push_back(request);
    if (streams.empty()) return fail(ErrorCode::unreachable, "the script has no more streams");
    const Stream next = std::move(streams.front());
    streams.pop_front();
    for (const std::string& line : next.lines) {
      if (!on_line(line)) return {};
    }
    return next.end;
  }

  void reply(int status, std::string body) { replies.push_back(ApiReply{status, {}, std::move(body)}); }

  std::deque<Result<ApiReply>> replies;
  std::function<Result<ApiReply>(const ApiRequest&)> by_path;  ///< answers instead of `replies` when set
  std::deque<Stream> streams;
  std::vector<ApiRequest> asked;
  std::vector<ApiRequest> streamed;
};

/// A client whose surroundings the test owns; pauses move its clock and take no time.
class ClientTest : public ::testing::Test {
 protected:
  static std::string file_with(const std::string& text) {
    // Tests run beside each other, each in a process of its own.
    const std::string name = ::testing::TempDir() + "settle-cli-plan-" + std::to_string(::getpid()) + ".json";
    std::ofstream(name, std::ios::binary) << text;
    return name;
  }

  ScriptedApi api;
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  Duration clock{0};
  std::vector<Duration> pauses;
  Client client{.api = api,
                .out = out,
                .err = err,
                .in = in,
                .view = {},
                .error_view = {},
                .json = false,
                .now = [] { return Time{}; },
                .ticks = [this] { return clock; },
                .pause =
                    [this](Duration time) {
                      clock += time;
                      pauses.push_back(time);
                    },
                .fresh_key = [] { return std::string("fresh"); }};
};

}  // namespace settle
