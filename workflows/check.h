#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workflows/template.h"

namespace settle {

/// The operators that checks and conditions share (CONTRACT §4); increased_by and decreased_by are for checks only,
/// since they need a `before`. Stored by number: never renumber.
enum class Operator : std::uint8_t {
  equals,
  equals_ignoring_case,
  equals_unordered,
  not_equals,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  contains,
  matches,
  exists,
  absent,
  count,
  all,
  any,
  not_,
  increased_by,
  decreased_by,
};

/// The operator compares a value with what the same place held before the first send.
constexpr bool compares_before(Operator op) {
  return op == Operator::increased_by || op == Operator::decreased_by;
}

std::string_view name_of(Operator op);
/// The operator of that name, or null.
std::optional<Operator> find_operator(std::string_view name);
/// Every name, for suggestions.
std::vector<std::string> operator_names();
/// What `op` demands of a constant on its right side ("takes a list"); empty when `expected` is fine.
std::string wrong_constant(Operator op, const Json& expected);

/// Applies one operator that compares a value with an expectation. `actual` null: there is nothing at the place.
/// Types never mix; numbers compare by exact value. Not for all, any, not_,
/// increased_by, decreased_by.
bool holds(Operator op, const Json* actual, const Json& expected);

/// How one check of `expect` came out; an entry of a receipt's verification.checks.
struct CheckResult {
  std::string at;
  Operator op = Operator::equals;
  Json expected;
  Json actual;          ///< null where there was nothing; of increased_by and decreased_by the difference
  bool present = true;  ///< there was something at the place
  bool ok = false;
  std::string read = {};  ///< which of several looks it belongs to, by its name; empty where there is one
  friend bool operator==(const CheckResult&, const CheckResult&) = default;
};

/// One check: {"at": POINTER, OPERATOR: EXPECTED}, or {"all": [CHECK…]}, {"any": [CHECK…]}, {"not": CHECK}. Immutable.
/// Thread: any.
class Check {
 public:
  /// Problems (check_malformed, check_unknown_operator, and those of templates) are appended.
  static Check compile(const Json& document, const std::string& place, const Values* values,
                       std::vector<Problem>& problems);
  static std::vector<Check> compile_list(const Json& document, const std::string& place, const Values* values,
                                         std::vector<Problem>& problems);

  /// Evaluates against `document`; expectations see `scope`. A check that needs a value which is not there is not met.
  CheckResult evaluate(const Json& document, const Scope& scope) const;

  /// All references of its expectations, nested ones included; increased_by and decreased_by refer to the same place in
  /// /before.
  std::vector<Template::Reference> references() const;
  /// Those whose value was surely found at a place when the check is met: of equalities that stand alone or below
  /// `all`.
  std::vector<Template::Reference> demanded() const;
  const Pointer& at() const { return at_; }
  Operator op() const { return op_; }
  const Template& expected() const { return expected_; }
  const std::vector<Check>& children() const { return children_; }
  const std::string& place() const { return place_; }  ///< JSON Pointer of the check in its document
  /// It, or one inside of it, is increased_by or decreased_by.
  bool needs_before() const;

 private:
  Pointer before_place() const;
  void evaluate_difference(const Json* actual, const Scope& scope, CheckResult& result) const;

  std::string place_;
  Pointer at_;
  Operator op_ = Operator::equals;
  Template expected_;
  std::vector<Check> children_;
};

/// True when every one holds; the results are appended to `results` if given.
bool evaluate_all(const std::vector<Check>& checks, const Json& document, const Scope& scope,
                  std::vector<CheckResult>* results);

}  // namespace settle
