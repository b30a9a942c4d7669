#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/sim_loop.h"
#include "workflows/tool.h"

namespace settle::sim {

/// How a read-back finds what was written. A search demands exactly one record; an account shows only how much there is
/// now, so that what was written shows as a difference from before.
enum class ReadBy : std::uint8_t { key, record_id, record, search, account };

/// Who must agree before a call leaves, as a document says it.
struct SimRule {
  enum class Asks : std::uint8_t { always, never, seen };  ///< of every input, of none, of those that have `seen`
  Asks asks = Asks::always;
  std::uint32_t approvers = 1;
  Duration expires = std::chrono::hours(24);
  bool escalates = false;
  bool four_eyes = true;
  bool said = true;  ///< false: a destructive tool without a word about it

  bool asks_for(const Json* input) const {
    return asks == Asks::always || (asks == Asks::seen && input != nullptr && input->find("seen") != nullptr);
  }
  Json document() const;
};
SimRule draw_rule(Dice& dice);

/// What a document says about looks beside the plain read-back, and about limits.
struct SimPromises {
  double per_second = 0;  ///< 0: no such limit
  std::size_t concurrency = 0;
  std::optional<std::vector<int>> not_processed;
  bool before = false;           ///< a look before the first send
  bool falls = false;            ///< of an account: it decreases
  bool settles = false;          ///< a record has a status, `new` before it is `settled`
  bool mirrored = false;         ///< the read-back takes two looks
  bool paged = false;            ///< searches say when there is a further page
  std::optional<ReadBy> unseen;  ///< how it is read back while the answer is lost
  Duration recheck_after{0};     ///< 0: never
  std::uint32_t recheck_times = 0;
  Duration settle_max{0};  ///< what the provider takes for it

  bool limited() const { return per_second > 0 || concurrency > 0; }
  /// What may go at once after a quiet time.
  double burst() const { return std::max(1.0, static_cast<double>(static_cast<std::int64_t>(per_second + 0.999))); }
  bool says_not_processed(int status) const {
    return !not_processed || std::find(not_processed->begin(), not_processed->end(), status) != not_processed->end();
  }
};

/// A tool as it is drawn: what its document promises, and what its provider really does. The second keeps the first;
/// where a fault breaks the tool's own word, the truth says so (world.h, Truth::broken).
struct SimTool {
  std::string name;
  Builtin builtin = Builtin::none;  ///< one of Settle's own (flow.h), which has no provider
  Risk risk = Risk::write;
  bool posts = true;  ///< a tool of risk read that is called by POST: its calls need an intent
  IdempotencyMode mode = IdempotencyMode::key;
  bool lookup = false;
  VerifyKind verify = VerifyKind::read_back;
  ReadBy read_by = ReadBy::key;
  bool checks_key = false;    ///< the read-back compares the key, too
  bool success_rule = false;  ///< says "error" with 200
  bool quiet_declared = true;
  Duration quiet{0}, window{0}, within{0}, interval{0};
  Duration timeout{0}, limit{0};  ///< start_to_close, schedule_to_close
  int attempts = 1;
  Duration initial{0}, maximum{0};

  Duration late_max{0};    ///< an effect lands at most so long after the call came
  Duration search_lag{0};  ///< of the look-up
  Duration read_lag{0};    ///< of the read-back
  SimPromises promises;
  std::optional<SimRule> rule;  ///< whose agreement its calls need

  bool is_flow() const { return builtin != Builtin::none; }
  bool reads_only() const { return risk == Risk::read; }
  bool natural() const { return mode == IdempotencyMode::natural; }
  /// Whether a match of a read-back of this kind can only be of our own doing.
  bool is_tied(ReadBy by) const { return checks_key || (by != ReadBy::record && by != ReadBy::account); }
  /// The plan of a child can't know its own id, so these places, which know a run by its input alone, would mix up two
  /// children of one run.
  bool knows_runs_by_input() const {
    const bool account = read_by == ReadBy::account || promises.before || promises.unseen == ReadBy::account;
    return account || (reads_only() && (verify == VerifyKind::read_back || promises.limited()));
  }
  /// A change by so much is what one call makes in an account.
  std::int64_t amount() const { return 3; }
  Json document() const;
};

SimTool draw_tool(Dice& dice, std::size_t number);
/// A tool of mode key gets a window that is soon over, and repeats as often as it can until then.
void hasten(Dice& dice, SimTool& tool);
/// One that only reads; its answer has `items`, `flag` and `n`, which plans refer to.
SimTool draw_reader(Dice& dice, std::size_t number);

}  // namespace settle::sim
