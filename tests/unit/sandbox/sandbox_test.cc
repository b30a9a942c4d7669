#include "sandbox/sandbox.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include "api/http/client.h"
#include "base/json.h"

namespace settle {
namespace {

/// The sandbox in a process of its own, since it is there to be killed.
class Process {
 public:
  Process(const std::string& file, const std::string& listen) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    std::fflush(stdout);  // else the child would print what is still in the buffer of the test
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      const Result<void> done = run_sandbox({.listen = listen, .file = file});
      if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
      ::_exit(done ? 0 : info(done.error().code).exit_code);
    }
    ::close(ends[1]);
    std::string line;
    for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(ends[0]);
    const std::string start = "sandbox listening on ";
    if (line.starts_with(start)) url = line.substr(start.size());
  }
  ~Process() { stop(SIGKILL); }

  /// The exit code, or minus the number of the signal.
  int stop(int signal) {
    if (pid_ <= 0) return 0;
    ::kill(pid_, signal);
    return wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::string url;

 private:
  pid_t pid_ = 0;
};

class Sandbox : public ::testing::Test {
 protected:
  Sandbox() : file(::testing::TempDir() + "settle-sandbox-" + std::to_string(::getpid())) { std::remove(file.c_str()); }
  ~Sandbox() override { std::remove(file.c_str()); }

  static Json get(const Process& process, const std::string& path) {
    const Result<HttpReply> reply = HttpClient(process.url, "", Duration{5'000}).call("GET", path);
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().message);
    const Result<Json> body = reply ? read_json(reply->body) : Result<Json>(Json());
    return body ? *body : Json();
  }
  static Result<HttpReply> post(const Process& process, const std::string& path, const std::string& body,
                                const HttpClient::Headers& headers = {}) {
    return HttpClient(process.url, "", Duration{5'000}).call("POST", path, body, headers);
  }

  const std::string mail = R"({"to": "a@example.org", "subject": "s", "body": "b", "reference": "k1"})";
  std::string file;
};

TEST_F(Sandbox, WhatItAnsweredSurvivesAKillAndAKeyIsStillKnown) {
  std::string first;
  {
    Process process(file, "127.0.0.1:0");
    ASSERT_NE(process.url, "");
    const auto reply = post(process, "/crm/contacts", R"({"email": "a@example.org"})", {{"Idempotency-Key", "\"k\""}});
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 201);
    first = reply->body;
    EXPECT_EQ(process.stop(SIGKILL), -SIGKILL);
  }
  Process process(file, "127.0.0.1:0");
  const auto again = post(process, "/crm/contacts", R"({"email": "a@example.org"})", {{"Idempotency-Key", "k"}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->body, first);
  EXPECT_EQ(*get(process, "/_sandbox/summary").find("effects"), Json(1));
  EXPECT_EQ(process.stop(SIGTERM), 0);
}

TEST_F(Sandbox, AnAnswerThatIsLostOrCutIsNoAnswerButHasItsEffect) {
  Process process(file, "127.0.0.1:0");
  for (const char* fault : {"drop_after", "truncate"}) {
    ASSERT_TRUE(post(process, "/_sandbox/faults",
                     R"({"fault": ")" + std::string(fault) + R"(", "match": {"path_prefix": "/mail"}})"));
    const auto lost = post(process, "/mail/messages", mail);
    EXPECT_FALSE(lost) << fault;
  }
  EXPECT_EQ(get(process, "/mail/messages?reference=k1").find("messages")->size(), 2U);
  EXPECT_EQ(*get(process, "/_sandbox/summary").find("duplicates"), Json(1));
}

TEST_F(Sandbox, ALateEffectComesEvenWhenTheServiceWasKilledInBetween) {
  {
    Process process(file, "127.0.0.1:0");
    ASSERT_TRUE(post(process, "/_sandbox/faults", R"({"fault": "late", "delay_ms": 1})"));
    EXPECT_FALSE(post(process, "/mail/messages", mail));
    process.stop(SIGKILL);
  }
  Process process(file, "127.0.0.1:0");
  std::size_t found = 0;
  for (int i = 0; i < 10'000 && found == 0; ++i)
    found = get(process, "/mail/messages?reference=k1").find("messages")->size();
  EXPECT_EQ(found, 1U);
}

TEST_F(Sandbox, AStartThatCanNotWorkSaysWhyWithItsExitCode) {
  Process first(file, "127.0.0.1:0");
  Process second(file, "127.0.0.1:0");
  EXPECT_EQ(second.url, "");
  EXPECT_EQ(second.wait(), info(ErrorCode::in_use).exit_code);

  const std::string damaged = file + "-damaged";
  std::ofstream(damaged) << "{}\n{}\n";
  Process third(damaged, "127.0.0.1:0");
  EXPECT_EQ(third.wait(), info(ErrorCode::corruption).exit_code);
  std::remove(damaged.c_str());

  const std::string other = file + "-other";
  Process fourth(other, "nonsense");
  EXPECT_EQ(fourth.wait(), info(ErrorCode::invalid_argument).exit_code);
  std::remove(other.c_str());
}

}  // namespace
}  // namespace settle
