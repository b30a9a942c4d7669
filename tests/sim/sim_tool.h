#pragma once

#include <string>
#include <vector>

#include "tests/sim/sim_loop.h"
#include "workflows/tool.h"

namespace settle::sim {

/// How a read-back finds what was written.
enum class ReadBy : std::uint8_t { key, record_id, record };

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

  bool is_flow() const { return builtin != Builtin::none; }
  bool reads_only() const { return risk == Risk::read; }
  bool natural() const { return mode == IdempotencyMode::natural; }
  Json document() const;
};

SimTool draw_tool(Dice& dice, std::size_t number);
/// One that only reads; its answer has `items`, `flag` and `n`, which plans refer to.
SimTool draw_reader(Dice& dice, std::size_t number);

}  // namespace settle::sim
