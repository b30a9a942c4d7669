#pragma once

#include <memory>
#include <string>
#include <vector>

#include "workflows/check.h"
#include "workflows/template.h"

namespace settle {

/// A condition of a plan (CONTRACT §4): {OPERATOR: [LEFT, RIGHT]} with references on either side, {"exists": VALUE},
/// {"absent": VALUE}, {"all": [CONDITION…]}, {"any": [CONDITION…]}, {"not": CONDITION}. It shares its operators with
/// checks (check.h), but for those that need a `before`. Immutable. Thread: any.
class Condition {
 public:
  /// Problems (condition_malformed, condition_unknown_operator, and those of templates) are appended; pointers begin
  /// with `place`.
  static Condition compile(const Json& document, const std::string& place, std::vector<Problem>& problems);

  /// A comparison with a value that is not there is false, and so is its negation: what is not known decides nothing.
  /// Only `exists` and `absent` tell absence.
  bool holds(const Scope& scope) const;

  /// Known not to hold: with values that are not there, neither this nor holds() is true.
  bool is_refuted(const Scope& scope) const;

  /// The condition with the values that it compares in their places. What has no value stays {"$from": POINTER}.
  Json resolved(const Scope& scope) const;

  /// Both sides of a comparison, for the static check.
  struct Comparison {
    Operator op = Operator::equals;
    const Template* left = nullptr;
    const Template* right = nullptr;
    std::string place;
  };
  std::vector<Comparison> comparisons() const;
  std::vector<Template::Reference> references() const;
  /// References of `exists` and `absent`: their value may well be missing.
  std::vector<Template::Reference> optional_references() const;

 private:
  enum class Truth : std::uint8_t { no, unknown, yes };
  Truth evaluate(const Scope& scope) const;
  void collect(std::vector<Template::Reference>& needed, std::vector<Template::Reference>& optional) const;
  void collect(std::vector<Comparison>& out) const;

  Operator op_ = Operator::all;  // of nothing: true
  std::string place_;
  Template left_, right_;
  std::vector<Condition> children_;
};

}  // namespace settle
