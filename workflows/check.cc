#include "workflows/check.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/decimal.h"
#include "base/text.h"

namespace settle {
namespace {

struct OperatorName {
  Operator op;
  std::string_view name;
};
constexpr std::array<OperatorName, 19> operator_table = {{
    {Operator::equals, "equals"},
    {Operator::equals_ignoring_case, "equals_ignoring_case"},
    {Operator::equals_unordered, "equals_unordered"},
    {Operator::not_equals, "not_equals"},
    {Operator::less, "less"},
    {Operator::less_equal, "less_equal"},
    {Operator::greater, "greater"},
    {Operator::greater_equal, "greater_equal"},
    {Operator::in, "in"},
    {Operator::contains, "contains"},
    {Operator::matches, "matches"},
    {Operator::exists, "exists"},
    {Operator::absent, "absent"},
    {Operator::count, "count"},
    {Operator::all, "all"},
    {Operator::any, "any"},
    {Operator::not_, "not"},
    {Operator::increased_by, "increased_by"},
    {Operator::decreased_by, "decreased_by"},
}};

/// Negative, 0 or positive for two numbers or two strings (by bytes); null when they can't be ordered.
std::optional<int> order(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_string() && b.is_string()) return a.as_string().compare(b.as_string());
  return std::nullopt;
}

/// Containment below the top: objects and lists hold what is expected, everything else is equal. A string inside is no
/// substring match, or {"status": "paid"} would be held by {"status": "unpaid"}.
bool holds_within(const Json& actual, const Json& expected) {
  if (expected.is_object()) {
    if (!actual.is_object()) return false;
    return std::all_of(expected.as_object().begin(), expected.as_object().end(), [&](const JsonMember& member) {
      const Json* found = actual.find(member.name);
      return found != nullptr && holds_within(*found, member.value);
    });
  }
  if (expected.is_array()) {
    if (!actual.is_array()) return false;
    return std::all_of(expected.as_array().begin(), expected.as_array().end(), [&](const Json& wanted) {
      return std::any_of(actual.as_array().begin(), actual.as_array().end(),
                         [&](const Json& element) { return holds_within(element, wanted); });
    });
  }
  return actual == expected;
}

/// At the top, a string holds a substring and a list one element that stands for itself.
bool contains(const Json& actual, const Json& expected) {
  if (actual.is_string() && expected.is_string())
    return actual.as_string().find(expected.as_string()) != std::string::npos;
  if (actual.is_array() && !expected.is_array()) return holds_within(actual, Json(Json::Array{expected}));
  return holds_within(actual, expected);
}

/// Equal as multisets: canonical bytes make equal values sort together.
bool equals_unordered(const Json& actual, const Json& expected) {
  if (!actual.is_array() || !expected.is_array()) return actual == expected;
  if (actual.size() != expected.size()) return false;
  const auto sorted = [](const Json& list) {
    std::vector<std::string> out;
    out.reserve(list.size());
    for (const Json& element : list.as_array()) out.push_back(canonical(element));
    std::sort(out.begin(), out.end());
    return out;
  };
  return sorted(actual) == sorted(expected);
}

bool matches(const Json& actual, const Json& expected) {
  if (!actual.is_string() || !expected.is_string()) return false;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  const RE2 pattern(expected.as_string(), options);
  return pattern.ok() && RE2::PartialMatch(actual.as_string(), pattern);
}

Problem malformed(const std::string& place, std::string message) {
  return {place, "check_malformed", "{\"at\": POINTER, OPERATOR: EXPECTED}", "", std::move(message)};
}

}  // namespace

std::string_view name_of(Operator op) {
  const auto* row =
      std::find_if(operator_table.begin(), operator_table.end(), [&](const OperatorName& r) { return r.op == op; });
  SETTLE_ASSERT(row != operator_table.end());
  return row->name;
}

std::optional<Operator> find_operator(std::string_view name) {
  const auto* row =
      std::find_if(operator_table.begin(), operator_table.end(), [&](const OperatorName& r) { return r.name == name; });
  return row == operator_table.end() ? std::nullopt : std::optional<Operator>(row->op);
}

std::vector<std::string> operator_names() {
  std::vector<std::string> out;
  for (const OperatorName& row : operator_table) out.emplace_back(row.name);
  return out;
}

std::string wrong_constant(Operator op, const Json& expected) {
  switch (op) {
    case Operator::in:
      return expected.is_array() ? "" : "takes a list";
    case Operator::exists:
    case Operator::absent:
      return expected.is_bool() ? "" : "takes true or false";
    case Operator::count:
      return expected.is_integer() && expected.as_integer() >= 0 ? "" : "takes a whole number, not below 0";
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal:
      return expected.is_number() || expected.is_string() ? "" : "takes a number or a string";
    case Operator::increased_by:
    case Operator::decreased_by:
      return expected.is_number() ? "" : "takes a number";
    case Operator::matches: {
      if (!expected.is_string()) return "takes a pattern (RE2)";
      RE2::Options options;
      options.set_log_errors(false);
      options.set_max_mem(1 << 20);
      const RE2 pattern(expected.as_string(), options);
      return pattern.ok() ? "" : "takes a pattern of RE2: " + pattern.error();
    }
    default:
      return "";
  }
}

bool holds(Operator op, const Json* actual, const Json& expected) {
  if (op == Operator::exists) return expected.is_bool() && (actual != nullptr) == expected.as_bool();
  if (op == Operator::absent) return expected.is_bool() && (actual == nullptr) == expected.as_bool();
  if (actual == nullptr) return op == Operator::not_equals;
  switch (op) {
    case Operator::equals:
      return *actual == expected;
    case Operator::not_equals:
      return !(*actual == expected);
    case Operator::equals_ignoring_case:
      return actual->is_string() && expected.is_string() &&
             to_lower(actual->as_string()) == to_lower(expected.as_string());
    case Operator::equals_unordered:
      return equals_unordered(*actual, expected);
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal: {
      const std::optional<int> sign = order(*actual, expected);
      if (!sign) return false;
      if (op == Operator::less) return *sign < 0;
      if (op == Operator::less_equal) return *sign <= 0;
      if (op == Operator::greater) return *sign > 0;
      return *sign >= 0;
    }
    case Operator::in:
      return expected.is_array() && std::any_of(expected.as_array().begin(), expected.as_array().end(),
                                                [&](const Json& one) { return *actual == one; });
    case Operator::contains:
      return contains(*actual, expected);
    case Operator::matches:
      return matches(*actual, expected);
    case Operator::count:
      return (actual->is_array() || actual->is_object()) && expected.is_integer() &&
             static_cast<std::int64_t>(actual->size()) == expected.as_integer();
    default:
      return false;
  }
}

Check Check::compile(const Json& document, const std::string& place, const Values* values,
                     std::vector<Problem>& problems) {
  Check check;
  check.place_ = place;
  if (!document.is_object()) {
    problems.push_back(malformed(place, "a check is an object"));
    return check;
  }
  const JsonMember* chosen = nullptr;
  bool has_at = false;
  for (const JsonMember& member : document.as_object()) {
    if (member.name == "at") {
      has_at = true;
      const std::optional<Pointer> at =
          member.value.is_string() ? Pointer::parse(member.value.as_string()) : std::nullopt;
      if (at) {
        check.at_ = *at;
      } else {
        problems.push_back(malformed(place + "/at", "\"at\" takes a JSON Pointer"));
      }
    } else if (chosen != nullptr) {
      problems.push_back(malformed(place + "/" + escape_token(member.name), "a check has one operator"));
    } else {
      chosen = &member;
    }
  }
  if (chosen == nullptr) {
    problems.push_back(malformed(place, "a check needs an operator"));
    return check;
  }
  const std::string operator_place = place + "/" + escape_token(chosen->name);
  const std::optional<Operator> op = find_operator(chosen->name);
  if (!op) {
    const std::optional<std::string> near = nearest(chosen->name, operator_names());
    problems.push_back({operator_place, "check_unknown_operator", "one of the operators of docs/tools.md", chosen->name,
                        "there is no operator \"" + chosen->name + "\"" + did_you_mean(near)});
    return check;
  }
  check.op_ = *op;
  const bool combines = check.op_ == Operator::all || check.op_ == Operator::any || check.op_ == Operator::not_;
  if (combines && has_at)
    problems.push_back(
        malformed(place + "/at", "\"" + chosen->name + "\" takes no \"at\"; each check inside has its own"));
  if (check.op_ == Operator::all || check.op_ == Operator::any) {
    check.children_ = compile_list(chosen->value, operator_place, values, problems);
  } else if (check.op_ == Operator::not_) {
    check.children_.push_back(compile(chosen->value, operator_place, values, problems));
  } else {
    if (!has_at) problems.push_back(malformed(place, "a check needs \"at\", the JSON Pointer of what it looks at"));
    check.expected_ = Template::compile(chosen->value, operator_place, values, problems);
    if (check.expected_.is_constant()) {
      const Result<Json> constant = check.expected_.resolve(Scope());
      const std::string wrong = constant ? wrong_constant(check.op_, *constant) : "";
      if (!wrong.empty()) problems.push_back(malformed(operator_place, "\"" + chosen->name + "\" " + wrong));
    }
  }
  return check;
}

std::vector<Check> Check::compile_list(const Json& document, const std::string& place, const Values* values,
                                       std::vector<Problem>& problems) {
  std::vector<Check> checks;
  if (!document.is_array() || document.size() == 0) {
    problems.push_back({place, "check_malformed", "a list of checks, not empty", std::string(document.type_name()),
                        "a list of checks is needed here"});
    return checks;
  }
  for (std::size_t i = 0; i < document.size(); ++i) {
    checks.push_back(compile(document.as_array()[i], place + "/" + std::to_string(i), values, problems));
  }
  return checks;
}

CheckResult Check::evaluate(const Json& document, const Scope& scope) const {
  CheckResult result;
  result.at = at_.text();
  result.op = op_;
  if (op_ == Operator::all || op_ == Operator::any || op_ == Operator::not_) {
    std::size_t met = 0;
    for (const Check& child : children_) met += child.evaluate(document, scope).ok ? 1 : 0;
    result.expected = static_cast<std::int64_t>(children_.size());
    result.actual = static_cast<std::int64_t>(met);
    result.ok = op_ == Operator::all ? met == children_.size() : op_ == Operator::any ? met > 0 : met == 0;
    // A child that is not met for want of a value must not make its negation true.
    if (op_ == Operator::not_ && result.ok) {
      const std::vector<Template::Reference> needed = references();
      result.ok = std::all_of(needed.begin(), needed.end(),
                              [&](const Template::Reference& r) { return scope.find(r.source) != nullptr; });
    }
    return result;
  }
  const Json* actual = find_below(document, at_.tokens, 0);
  result.present = actual != nullptr;
  if (actual != nullptr) result.actual = *actual;
  Result<Json> expected = expected_.resolve(scope);
  if (!expected) return result;  // what it needs went with a lost answer: not met
  result.expected = *std::move(expected);
  if (compares_before(op_)) {
    evaluate_difference(actual, scope, result);
    return result;
  }
  result.ok = holds(op_, actual, result.expected);
  // What was counted can be long; what it came to is the evidence.
  const bool counted = op_ == Operator::count && actual != nullptr && (actual->is_array() || actual->is_object());
  if (counted) result.actual = static_cast<std::int64_t>(actual->size());
  return result;
}

/// By how much the value differs from the one before; the exact difference is the evidence. Where it can't be told,
/// there is none, and the check is not met.
void Check::evaluate_difference(const Json* actual, const Scope& scope, CheckResult& result) const {
  result.present = false;
  result.actual = Json();
  const Json* before = scope.find(before_place());
  if (actual == nullptr || before == nullptr || !actual->is_number() || !before->is_number()) return;
  const bool up = op_ == Operator::increased_by;
  const std::optional<DecimalValue> by =
      difference(decimal_value(up ? *actual : *before), decimal_value(up ? *before : *actual));
  if (!by) return;
  std::string text;
  write_decimal(*by, text);
  Result<Json> number = read_json(text, {.numbers = JsonNumbers::exact});
  if (!number) return;
  result.present = true;
  result.actual = *std::move(number);
  result.ok = result.expected.is_number() && result.actual == result.expected;
}

Pointer Check::before_place() const {
  Pointer out{{"before"}};
  out.tokens.insert(out.tokens.end(), at_.tokens.begin(), at_.tokens.end());
  return out;
}

bool Check::needs_before() const {
  return compares_before(op_) ||
         std::any_of(children_.begin(), children_.end(), [](const Check& child) { return child.needs_before(); });
}

std::vector<Template::Reference> Check::references() const {
  std::vector<Template::Reference> out = expected_.references();
  if (compares_before(op_)) out.push_back({before_place(), place_ + "/" + std::string(name_of(op_)), false});
  for (const Check& child : children_) {
    const std::vector<Template::Reference> more = child.references();
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

std::vector<Template::Reference> Check::demanded() const {
  if (op_ == Operator::equals || op_ == Operator::equals_ignoring_case || op_ == Operator::equals_unordered ||
      op_ == Operator::contains) {
    return expected_.references();
  }
  std::vector<Template::Reference> out;
  if (op_ != Operator::all && !(op_ == Operator::any && children_.size() == 1)) return out;
  for (const Check& child : children_) {
    const std::vector<Template::Reference> more = child.demanded();
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

bool evaluate_all(const std::vector<Check>& checks, const Json& document, const Scope& scope,
                  std::vector<CheckResult>* results) {
  bool ok = true;
  for (const Check& check : checks) {
    CheckResult result = check.evaluate(document, scope);
    ok = ok && result.ok;
    if (results != nullptr) results->push_back(std::move(result));
  }
  return ok;
}

}  // namespace settle
