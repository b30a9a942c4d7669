#pragma once

#include <algorithm>
#include <deque>
#include <span>
#include <string>

#include "workflows/step.h"

namespace settle {

/// The working side of step.h: one object lives for one step. Internal to the room.
class Stepper {
 public:
  Stepper(Workflow& workflow, const Moment& moment);

  /// Starts what has become ready, ends the workflow when nothing is open, and hands the transition out.
  Transition finish();

  // One member function per event; see the files on_*.cc.
  void start_all();
  void answer(ActionIndex index, std::uint32_t number, Outcome outcome);
  void timer();
  void permit(ActionIndex index);
  void restart();
  void cancel();
  void pause();
  void resume();
  void resolve(ActionIndex index, Resolution resolution);
  void decide(ActionIndex index, const Verdict& verdict);
  void retry();
  void signal(Signal signal);
  void child_ended(ActionIndex index, const ChildEnd& end);
  void child_attention(ActionIndex index, bool attention);

 private:
  void take_up(ActionIndex index);

  // --- on_start.cc: what happens before the first send
  void start(ActionIndex index);
  Result<Json> resolve(const Template& value, ActionIndex index) const;
  bool holds(const Condition& condition, ActionIndex index) const;
  void skip(ActionIndex index);
  void expand(ActionIndex index);
  void begin_elements(ActionIndex index);
  void start_elements(ActionIndex index);
  void give_turns_behind(ActionIndex begun);
  void cancel_elements(ActionIndex index);
  void element_concluded(ActionIndex element);
  void finish_elements(ActionIndex index);
  struct Tally {
    std::uint32_t failed = 0, stopped = 0, unverifiable = 0;
    std::optional<std::uint32_t> first_failed;
    Effect effect = Effect::none;
    Confidence confidence = Confidence::none;
  };
  Tally tally_of(ActionIndex index) const;

  // --- on_approval.cc: what people have to agree to
  void await_approval(ActionIndex index);
  void void_approval(ActionIndex index);
  void withdraw_approval(ActionIndex index);
  void tell_approval(ActionIndex index);
  Json approval_data(ActionIndex index, std::initializer_list<std::pair<std::string_view, Json>> members) const;
  void released(ActionIndex index);
  void not_released(ActionIndex index, std::string code, std::string message);
  void approval_over(ActionIndex index);

  // --- on_before.cc: the look before the first send
  void look_before(ActionIndex index);
  bool comes_too_late(ActionIndex index) const;
  void before_ended(ActionIndex index, Outcome& outcome);

  // --- on_recheck.cc: looking again at what was verified
  void schedule_recheck(ActionIndex index);
  void recheck(ActionIndex index);
  void recheck_ended(ActionIndex index, Outcome& outcome);
  void recheck_over(ActionIndex index, std::string event, Json data);
  bool is_undone(ActionIndex index) const;
  void no_longer_holds(ActionIndex index, const Outcome& outcome, std::string message);
  void fallen(ActionIndex index);

  // --- on_end.cc: what follows when a run has come to its end
  void ended(ActionIndex index);
  void concluded(ActionIndex index);
  void action_concluded(ActionIndex index);
  void cancel_what_depends(ActionIndex index);
  bool will_never_begin(ActionIndex index);
  void go_on(ActionIndex index);
  bool wants_fallback(ActionIndex index) const;
  void begin_fallback(ActionIndex index);
  void give_up_fallback(ActionIndex index);
  void give_up_fallbacks();
  bool list_stopped(ActionIndex element) const;
  const PlannedCall* undoing_of(ActionIndex index) const;
  void begin_compensation();
  void next_compensation(ActionIndex from);
  void expire();
  void expire_if_due();
  void finish_workflow();
  WorkflowOutcome outcome_now() const;

  // --- on_operator.cc: what a person decides
  void hold(ActionIndex index);
  static bool rests_on_word(const ActionState& state);
  void happened(ActionIndex index, Resolution& resolution);
  void seen_to(ActionIndex index, bool left);
  void did_not_happen(ActionIndex index, const Resolution& resolution);

  // --- on_retry.cc: a failed workflow runs again
  void revive(ActionIndex index);
  void revive_run(ActionIndex index);
  void begin_anew(ActionIndex index, bool same_key);
  void take_turn(ActionIndex index);
  void give_back(ActionIndex index);
  void look_anew(ActionIndex index);
  void repeat(ActionIndex index);
  void forget_answer(ActionIndex index);
  void note_retry(ActionIndex index, std::string_view how);

  // --- on_send.cc: sending, and what the end of a send means
  void send(ActionIndex index);
  void send_ended(ActionIndex index, Outcome& outcome);
  bool succeeds(ActionIndex index, const Json& body) const;
  void refused(ActionIndex index, std::string code, std::string message, const Outcome& outcome);
  void unclear(ActionIndex index, std::string code, std::string message, Time closed,
               std::optional<Duration> floor = std::nullopt);
  void not_sent(ActionIndex index, const Outcome& outcome);
  void back_off(ActionIndex index, std::optional<Duration> floor, bool throttled);
  void wake_to_send(ActionIndex index);
  bool may_send_again(ActionIndex index) const;
  std::optional<Time> repeat_by(ActionIndex index) const;

  // --- on_permit.cc: the tool's limits
  /// None when the call may leave now.
  Limit limited(ActionIndex index) const;
  void wait_for_permit(ActionIndex index, Limit limit);
  /// Not started, or held back by a limit or a pause before its first send: nothing of it has begun outside.
  bool never_begun(ActionIndex index) const;

  // --- on_look.cc: what is in doubt
  void resolve_doubt(ActionIndex index);
  void look(ActionIndex index);
  void look_ended(ActionIndex index, Outcome& outcome);
  void absent(ActionIndex index);
  Time quiet_over(ActionIndex index) const;
  void settle(ActionIndex index);
  void settle_ended(ActionIndex index, Outcome& outcome);
  void park_in_doubt(ActionIndex index, std::string code, std::string message);
  std::optional<std::string> endpoint_moved(ActionIndex index) const;
  bool endpoint_changed(ActionIndex index);
  /// Waits between looks that could not be read: doubling up to the policy's maximum, without jitter (one look at a
  /// time).
  static Duration look_delay(const ActionState& state, const RetryPolicy& policy);
  static bool has_further_page(const Json& answer, const std::optional<Pointer>& next);

  // --- on_read_back.cc: from executed to verified
  void executed(ActionIndex index, Json output, int status, Time at);
  void read(ActionIndex index);
  void read_ended(ActionIndex index, Outcome& outcome);
  void duplicate_found(ActionIndex index);
  void park_unverified(ActionIndex index, std::string code, std::string message);
  void verified(ActionIndex index, Time at);
  enum class Seen : std::uint8_t { match, mismatch, pending, duplicate, unreadable };
  bool answer_is_lost(ActionIndex index) const;
  std::span<const ReadBack> looks(ActionIndex index) const;
  bool begin_looks(ActionIndex index);
  std::optional<Seen> looked(ActionIndex index, Outcome& outcome, Time counts_from);
  bool compare(ActionIndex index, const ReadBack& look, Outcome& outcome);
  void keep_checks(ActionIndex index, Time at);
  std::string what_differs(ActionIndex index, const Outcome& outcome) const;
  Time match_counts_from(ActionIndex index) const;
  Effect effect_seen(ActionIndex index) const;

  // --- on_builtin.cc: Settle's own tools
  void begin_builtin(ActionIndex index);
  void begin_wait_signal(ActionIndex index);
  void begin_child(ActionIndex index);
  void begin_another_child(ActionIndex index);
  void wait(ActionIndex index, std::optional<Time> until);
  void wait_over(ActionIndex index);
  void take_signal(ActionIndex index, std::size_t taken);
  void held(ActionIndex index);
  void emit(ActionIndex index);
  void builtin_done(ActionIndex index, Json output);
  void ask_child(ActionIndex index);
  void stop_waiting(ActionIndex index);
  void stop_idle_waits();
  void expire_wait(ActionIndex index);
  bool waits_idly(ActionIndex index) const;
  void child_succeeded(ActionIndex index, const ChildEnd& end);
  bool out_of_time(ActionIndex index) const;

  // --- stepper.cc: shared
  /// The engine itself ended a look because it stops: that says nothing about the outside; it is taken again after the
  /// start.
  static bool interrupted(const Outcome& outcome) {
    return outcome.code == "engine_stopping" || outcome.code == "engine_shutdown";
  }
  /// The idempotency key of a run, which few templates and checks ask for, so that it is made when one does.
  struct KeyRoot {
    const Stepper& stepper;
    ActionIndex index;
    mutable Json key = {};
    static const Json* find(const void* owner, const std::vector<std::string>& tokens);
  };
  /// What checks can see (CONTRACT §2, "Verification"): /input, /output, /record_id, /before and
  /// /idempotency_key. `output` null: unknown.
  struct CheckScope {
    CheckScope(const Stepper& stepper, ActionIndex index, const Json* output);
    CheckScope(const CheckScope&) = delete;
    CheckScope& operator=(const CheckScope&) = delete;
    KeyRoot key;
    Json record_id;
    Scope scope;
  };
  /// From when on something counts that has to have lasted by the outside's time: anew when our clock has leapt since.
  Time not_before_leap(Time since) const { return std::max(since, moment_.leapt); }
  std::string key_of(ActionIndex index) const;
  ActionState& action(ActionIndex index);
  const PlannedCall& planned(ActionIndex index) const { return workflow_.call_of(index); }
  const Tool& tool(ActionIndex index) const { return *planned(index).tool; }
  ActionIndex add_run(ActionIndex planned, CallRole role, ActionIndex parent, std::optional<std::uint32_t> element);
  Time deadline(ActionIndex index) const;
  bool cancelling() const { return workflow_.header.status == WorkflowStatus::cancelling; }
  /// An action failed, and by the plan's rule nothing new may start.
  bool stopping() const { return workflow_.failed > 0 && workflow_.plan->on_failure != OnFailure::continue_others; }
  void run_ready();
  bool has_room() const;
  bool calls(ActionIndex index) const;
  void use_room();
  void forget_deadline();
  void enter(ActionIndex index, Stage stage, std::optional<Time> wake_at = std::nullopt);
  void fail(ActionIndex index, std::string code, std::string message, Effect effect);
  void enter_failure(ActionIndex index, Stage stage, ActionError error, Effect effect);
  void cancelled(ActionIndex index, Effect effect = Effect::none);
  void issue_receipt(ActionIndex index);
  void note(std::string type, std::optional<ActionIndex> index, Json data = Json::object());
  Result<Call> prepare(const CallSpec& spec, ActionIndex index) const;
  /// Issues the call of the stage just entered. False when it can't be prepared (then `error` of the action says why).
  bool begin_call(ActionIndex index, const CallSpec& spec, bool write);
  void issue_call(ActionIndex index, const CallSpec& spec, Call call, bool write);
  Duration jittered(Duration most);

  Workflow& workflow_;
  const Moment moment_;
  std::uint64_t dice_;
  Transition out_;
  std::deque<ActionIndex> ready_;
  bool attention_before_;
  bool newly_failed_ = false;  ///< in this step something failed for good, which may stop what waits
};

/// The first few failures in one line, for messages.
std::string first_failures(const std::vector<SchemaFailure>& failures);

}  // namespace settle
