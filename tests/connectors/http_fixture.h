#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/http/http_connector.h"
#include "tests/support/fault_server.h"

namespace settle::test {

inline std::shared_ptr<const CredentialStore> no_credentials() {
  return *CredentialStore::load({});
}

/// One connector on a loop that runs in the test's own thread.
class HttpFixture : public ::testing::Test {
 protected:
  void SetUp() override { make({}); }

  /// One that may go to loopback, where the servers of tests are.
  void make(HttpConnectorOptions options, std::shared_ptr<const CredentialStore> credentials = no_credentials()) {
    options.addresses = AddressPolicy::any;
    make_guarded(std::move(options), std::move(credentials));
  }
  /// One as the options say.
  void make_guarded(HttpConnectorOptions options,
                    std::shared_ptr<const CredentialStore> credentials = no_credentials()) {
    connector = std::make_unique<HttpConnector>(loop, std::move(options), std::move(credentials));
  }

  static Call get(const std::string& url) {
    return {
        .connector = "http", .method = "GET", .url = url, .headers = {}, .body = {}, .credential = {}, .write = false};
  }
  static Call post(const std::string& url, std::optional<std::string> body = R"({"a":1})") {
    return {.connector = "http",
            .method = "POST",
            .url = url,
            .headers = {},
            .body = std::move(body),
            .credential = {},
            .write = true};
  }

  /// Runs the loop until the condition holds; fails the test after 20 s.
  bool run_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    loop.restart();
    while (!condition() && std::chrono::steady_clock::now() < end) {
      loop.run_one_for(std::chrono::milliseconds(20));
      if (loop.stopped()) loop.restart();
    }
    EXPECT_TRUE(condition()) << "the condition did not come true in time";
    return condition();
  }

  Outcome run(Call call) {
    std::optional<Outcome> outcome;
    connector->start(std::move(call), [&](Outcome seen) {
      EXPECT_FALSE(outcome.has_value()) << "done ran twice";
      outcome = std::move(seen);
    });
    EXPECT_FALSE(outcome.has_value()) << "done ran inside of start()";
    if (!run_until([&] { return outcome.has_value(); })) return {};
    return *outcome;
  }

  boost::asio::io_context loop;
  std::unique_ptr<HttpConnector> connector;
};

}  // namespace settle::test
