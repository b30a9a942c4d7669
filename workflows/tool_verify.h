#pragma once

#include <string>
#include <vector>

#include "workflows/tool_calls.h"

namespace settle {

/// Compiles how a tool is looked at: its read-back, and the look-up of its idempotency. Internal to the room.
class VerificationCompiler {
 public:
  VerificationCompiler(Tool& tool, CallCompiler& calls, const Values& values, std::vector<Problem>& problems)
      : tool_(tool), calls_(calls), values_(values), problems_(problems) {}

  /// verify.before alone; must come first, since every other call may refer to it.
  void before(const Json& verify);
  /// The object `verify`.
  void read_back(const Json& document);
  /// idempotency.lookup
  void lookup(const Json& document);
  /// One of the looks needs a value that a lost answer takes with it.
  bool needs_answer() const;

 private:
  void reads(Fields& verify);
  void read_unseen(const Json& document);
  void recheck(Fields& verify);
  /// A look: {"read", "expect", "pending", "unique", "next"}.
  ReadBack look(Fields& fields, const std::string& place, bool answer);
  void finish_look(ReadBack& look, const std::string& place);
  std::vector<Check> checks(const Json& list, const std::string& place, bool answer);
  bool is_tied(const ReadBack& look) const;

  Tool& tool_;
  CallCompiler& calls_;
  const Values& values_;
  std::vector<Problem>& problems_;
};

}  // namespace settle
