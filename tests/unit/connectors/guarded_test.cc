// Circuits and retry budgets in virtual time: when calls are held back, for how long, and what ends that.
#include "connectors/guarded.h"

#include <gtest/gtest.h>

#include <deque>

namespace settle {
namespace {

const std::string host = "http://box.test:8080";

/// A host that answers as the test says, at once or when it is told to.
class Host final : public Connector {
 public:
  void start(Call, CallDone done) override {
    ++calls;
    held.push_back(std::move(done));
  }
  void stop() override {}

  int calls = 0;
  std::deque<CallDone> held;
};

Outcome outcome(OutcomeClass kind, int status, const std::string& code) {
  Outcome out;
  out.kind = kind;
  out.status = status;
  out.code = code;
  return out;
}
Outcome alive() {
  return outcome(OutcomeClass::answered, 200, "");
}
Outcome refused_connection() {
  return outcome(OutcomeClass::not_sent, 0, "connect_failed");
}
Outcome timeout() {
  return outcome(OutcomeClass::ambiguous, 0, "timeout");
}

/// A guard in a time of the test's own.
struct Guarded {
  explicit Guarded(GuardOptions options = {}) : guard(inner, ports(), options) {}

  GuardPorts ports() {
    GuardPorts out;
    out.now = [this] { return now; };
    out.entropy = [this] { return dice; };
    out.post = [this](std::function<void()> task) { posted.push_back(std::move(task)); };
    out.tell = [this](bool opened, const std::string& sentence) {
      told.push_back((opened ? "opened: " : "closed: ") + sentence);
    };
    return out;
  }

  /// Makes a call that ends with `end` if it is let through, and returns how it ended.
  Outcome call(const Outcome& end, bool repeat = false, const std::string& url = host + "/items?x=1") {
    Outcome seen;
    bool done = false;
    Call made;
    made.url = url;
    made.repeat = repeat;
    guard.start(std::move(made), [&](Outcome ended) {
      seen = std::move(ended);
      done = true;
    });
    EXPECT_FALSE(done) << "inside of start()";
    while (!inner.held.empty()) answer(end);
    while (!posted.empty()) {
      const std::function<void()> task = std::move(posted.front());
      posted.pop_front();
      task();
    }
    EXPECT_TRUE(done);
    return seen;
  }
  void answer(const Outcome& end) {
    const CallDone done = std::move(inner.held.front());
    inner.held.pop_front();
    done(end);
  }
  void begin(bool repeat = false) {
    Call made;
    made.url = host + "/";
    made.repeat = repeat;
    guard.start(std::move(made), [](const Outcome&) {});
  }
  void fail(int times, const Outcome& end = refused_connection()) {
    for (int i = 0; i < times; ++i) call(end);
  }

  Time now{Duration(1'800'000'000'000)};
  std::uint64_t dice = 0;
  Host inner;
  std::deque<std::function<void()>> posted;
  std::vector<std::string> told;
  GuardedConnector guard;
};

TEST(Circuit, what_the_end_of_a_call_says_about_the_host) {
  struct Row {
    Outcome outcome;
    HostSeen want;
  };
  const Row rows[] = {
      {alive(), HostSeen::alive},
      {outcome(OutcomeClass::rejected, 422, "http_422"), HostSeen::alive},
      {outcome(OutcomeClass::rejected, 501, "http_501"), HostSeen::alive},
      {outcome(OutcomeClass::not_sent, 429, "http_429"), HostSeen::alive},
      {outcome(OutcomeClass::ambiguous, 408, "http_408"), HostSeen::alive},
      {outcome(OutcomeClass::ambiguous, 200, "malformed_response"), HostSeen::alive},
      {outcome(OutcomeClass::not_sent, 503, "http_503"), HostSeen::nothing},
      {outcome(OutcomeClass::not_sent, 0, "queue_full"), HostSeen::nothing},
      {outcome(OutcomeClass::not_sent, 0, "engine_shutdown"), HostSeen::nothing},
      {outcome(OutcomeClass::ambiguous, 0, "engine_shutdown"), HostSeen::nothing},
      {outcome(OutcomeClass::rejected, 0, "credential_origin"), HostSeen::nothing},
      {refused_connection(), HostSeen::failed},
      {outcome(OutcomeClass::not_sent, 0, "resolve_failed"), HostSeen::failed},
      {outcome(OutcomeClass::not_sent, 0, "tls_failed"), HostSeen::failed},
      {outcome(OutcomeClass::not_sent, 0, "connect_timeout"), HostSeen::failed},
      {timeout(), HostSeen::failed},
      {outcome(OutcomeClass::ambiguous, 0, "connection_lost"), HostSeen::failed},
      {outcome(OutcomeClass::ambiguous, 200, "truncated_response"), HostSeen::failed},
      {outcome(OutcomeClass::ambiguous, 500, "http_500"), HostSeen::failed},
      {outcome(OutcomeClass::ambiguous, 503, "http_503"), HostSeen::failed},
  };
  for (const Row& row : rows) EXPECT_EQ(host_seen(row.outcome), row.want) << row.outcome.code;
}

TEST(Circuit, opens_after_so_many_failures_in_a_row_and_then_no_call_leaves) {
  Guarded run;
  run.fail(9);
  run.call(alive());
  run.fail(9, timeout());
  EXPECT_EQ(run.call(timeout()).code, "timeout");
  EXPECT_EQ(run.inner.calls, 20);
  ASSERT_EQ(run.told.size(), 1U);
  EXPECT_TRUE(run.told[0].starts_with("opened: circuit to " + host)) << run.told[0];
  const Outcome held = run.call(alive());
  EXPECT_EQ(run.inner.calls, 20);
  EXPECT_EQ(held.kind, OutcomeClass::not_sent);
  EXPECT_EQ(held.code, "circuit_open");
  EXPECT_EQ(held.retry_after, Duration(5'000));
  EXPECT_NE(held.detail.find(host), std::string::npos) << held.detail;
  EXPECT_NE(held.detail.find(format_time(run.now)), std::string::npos) << "since when: " << held.detail;
  EXPECT_NE(held.detail.find(format_time(run.now + Duration(5'000))), std::string::npos) << "until: " << held.detail;
  EXPECT_NE(held.detail.find("timeout"), std::string::npos) << held.detail;
}

TEST(Circuit, another_host_is_another_matter) {
  Guarded run;
  run.fail(10);
  EXPECT_EQ(run.call(alive()).code, "circuit_open");
  EXPECT_EQ(run.call(alive(), false, "http://box.test:8081/items").kind, OutcomeClass::answered);
}

TEST(Circuit, failures_that_are_far_apart_do_not_add_up) {
  Guarded run;
  for (int i = 0; i < 100; ++i) {
    run.fail(1);
    run.now += Duration(3'400);
  }
  EXPECT_EQ(run.inner.calls, 100);
}

TEST(Circuit, one_probe_decides) {
  Guarded run;
  run.fail(10);
  run.now += Duration(4'999);
  EXPECT_EQ(run.call(alive()).code, "circuit_open");
  run.now += Duration(1);
  run.begin();
  EXPECT_EQ(run.inner.calls, 11) << "the probe";
  run.begin();
  EXPECT_EQ(run.inner.calls, 11) << "the others wait for it";
  run.posted.clear();
  run.answer(alive());
  EXPECT_EQ(run.told.back(), "closed: circuit to " + host + " is closed again");
  EXPECT_EQ(run.call(alive()).kind, OutcomeClass::answered);
}

TEST(Circuit, each_probe_that_fails_doubles_the_time_up_to_a_minute) {
  for (const std::uint64_t dice : {0U, 999'999'937U}) {
    Guarded run;
    run.dice = dice;
    run.fail(10);
    for (const std::int64_t seconds : {5, 10, 20, 40, 60, 60}) {
      const Duration wait = *run.call(alive()).retry_after;
      EXPECT_LE(wait, Duration(seconds * 1'000));
      EXPECT_GE(wait, Duration(seconds * 800)) << "at most a fifth of it is jitter";
      run.now += wait;
      run.fail(1);
    }
    run.now += Duration(60'000);
    EXPECT_EQ(run.call(alive()).kind, OutcomeClass::answered);
    run.fail(10);
    EXPECT_LE(*run.call(alive()).retry_after, Duration(5'000)) << "after a success it begins anew";
  }
}

TEST(Circuit, what_began_before_it_opened_decides_nothing_and_a_probe_that_says_nothing_is_taken_again) {
  Guarded run;
  run.begin();
  std::deque<CallDone> early;
  early.swap(run.inner.held);
  run.fail(10);
  early.front()(alive());
  EXPECT_EQ(run.call(alive()).code, "circuit_open");
  run.now += Duration(5'000);
  EXPECT_EQ(run.call(outcome(OutcomeClass::not_sent, 0, "queue_timeout")).code, "queue_timeout");
  EXPECT_EQ(run.call(alive()).kind, OutcomeClass::answered);
}

TEST(Circuit, can_be_turned_off) {
  GuardOptions options;
  options.circuit.failures = 0;
  Guarded run(options);
  run.fail(1'000);
  EXPECT_EQ(run.inner.calls, 1'000);
}

GuardOptions no_circuit() {
  GuardOptions out;
  out.circuit.failures = 0;
  return out;
}

TEST(RetryBudget, repeats_that_fail_are_bounded_and_first_sends_are_not) {
  Guarded run(no_circuit());
  int made = 0;
  for (int i = 0; i < 500; ++i) made += run.call(timeout(), true).code == "timeout" ? 1 : 0;
  EXPECT_EQ(made, 124) << "10 per second for 10 s, and 20 % of all calls";
  const Outcome held = run.call(timeout(), true);
  EXPECT_EQ(held.kind, OutcomeClass::not_sent);
  EXPECT_EQ(held.code, "retry_budget_exhausted");
  EXPECT_EQ(held.retry_after, Duration(1'000));
  EXPECT_NE(held.detail.find(host), std::string::npos);
  EXPECT_EQ(run.call(timeout()).code, "timeout");
  run.now += Duration(10'000);
  EXPECT_EQ(run.call(timeout(), true).code, "timeout") << "ten seconds later all of it is forgotten";
}

TEST(RetryBudget, over_any_ten_seconds_it_holds) {
  Guarded run(no_circuit());
  std::deque<Time> made;
  for (int i = 0; i < 40'000; ++i) {
    if (run.call(timeout(), true).code == "timeout") made.push_back(run.now);
    run.now += Duration(1);
    while (!made.empty() && made.front() + Duration(9'000) <= run.now) made.pop_front();
    ASSERT_LE(made.size(), 125U);
  }
}

TEST(RetryBudget, a_healthy_host_takes_any_number_of_repeats) {
  Guarded run(no_circuit());
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(run.call(alive(), true).kind, OutcomeClass::answered);
}

TEST(RetryBudget, many_first_sends_allow_more) {
  Guarded run(no_circuit());
  for (int i = 0; i < 5'000; ++i) run.call(alive());
  int made = 0;
  for (int i = 0; i < 5'000; ++i) made += run.call(timeout(), true).code == "timeout" ? 1 : 0;
  EXPECT_GE(made, 1'100);
  EXPECT_LE(made, 1'400);
}

TEST(RetryBudget, can_be_turned_off) {
  GuardOptions options = no_circuit();
  options.budget.percent = 100;
  Guarded run(options);
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(run.call(timeout(), true).code, "timeout");
}

TEST(Guarded, hosts_are_bounded) {
  Guarded run;
  for (int i = 0; i < 5'000; ++i) run.call(alive(), false, "http://h" + std::to_string(i) + "/");
  EXPECT_LE(run.guard.hosts(), 1'024U);
  EXPECT_EQ(run.inner.calls, 5'000);
}

}  // namespace
}  // namespace settle
