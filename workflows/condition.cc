#include "workflows/condition.h"

#include <algorithm>

#include "base/text.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr std::size_t depth_max = 32;

bool combines(Operator op) {
  return op == Operator::all || op == Operator::any || op == Operator::not_;
}
bool tells_absence(Operator op) {
  return op == Operator::exists || op == Operator::absent;
}

Problem malformed(const std::string& place, std::string expected, const Json& got, std::string message) {
  return {place, "condition_malformed", std::move(expected), got_text(got), std::move(message)};
}

}  // namespace

Condition Condition::compile(const Json& document, const std::string& place, std::vector<Problem>& problems) {
  Condition out;
  out.place_ = place;
  if (!document.is_object() || document.size() != 1) {
    problems.push_back(malformed(place, "an object with one operator, such as {\"equals\": [LEFT, RIGHT]}", document,
                                 "a condition is an object with one operator"));
    return out;
  }
  const std::size_t depth = static_cast<std::size_t>(std::count(place.begin(), place.end(), '/'));
  const JsonMember& member = document.as_object()[0];
  const std::string inside = place + "/" + escape_token(member.name);
  out.place_ = inside;
  const std::optional<Operator> op = find_operator(member.name);
  if (!op || compares_before(*op)) {
    const std::optional<std::string> near = op ? std::nullopt : nearest(member.name, operator_names());
    problems.push_back({inside, "condition_unknown_operator", "one of the operators of docs/plans.md", member.name,
                        "there is no operator \"" + shorten(member.name, 60) + "\"" + did_you_mean(near),
                        near.value_or("")});
    return out;
  }
  out.op_ = *op;
  const Json& operand = member.value;
  if (depth > depth_max) {
    problems.push_back(malformed(inside, "at most 32 levels", operand, "the condition is nested too deeply"));
  } else if (out.op_ == Operator::not_) {
    out.children_.push_back(compile(operand, inside, problems));
  } else if (combines(out.op_)) {
    if (!operand.is_array() || operand.size() == 0) {
      problems.push_back(malformed(inside, "a list of conditions, not empty", operand,
                                   "\"" + member.name + "\" takes a list of conditions"));
      return out;
    }
    for (std::size_t i = 0; i < operand.size(); ++i)
      out.children_.push_back(compile(operand.as_array()[i], inside + "/" + std::to_string(i), problems));
  } else if (tells_absence(out.op_)) {
    out.left_ = Template::compile(operand, inside, nullptr, problems);
    if (!operand.is_object() || operand.size() != 1 || operand.find("$from") == nullptr)
      problems.push_back(malformed(inside, "{\"$from\": POINTER}", operand,
                                   "\"" + member.name + "\" asks whether a reference has a value"));
  } else if (!operand.is_array() || operand.size() != 2) {
    problems.push_back(malformed(inside, "a list of two values: [LEFT, RIGHT]", operand,
                                 "\"" + member.name + "\" compares two values"));
  } else {
    out.left_ = Template::compile(operand.as_array()[0], inside + "/0", nullptr, problems);
    out.right_ = Template::compile(operand.as_array()[1], inside + "/1", nullptr, problems);
    if (out.right_.is_constant()) {
      const Result<Json> constant = out.right_.resolve(Scope());
      const std::string wrong = constant ? wrong_constant(out.op_, *constant) : "";
      if (!wrong.empty())
        problems.push_back(malformed(inside + "/1", "", operand.as_array()[1], "\"" + member.name + "\" " + wrong));
    }
  }
  return out;
}

bool Condition::holds(const Scope& scope) const {
  return evaluate(scope) == Truth::yes;
}

bool Condition::is_refuted(const Scope& scope) const {
  return evaluate(scope) == Truth::no;
}

Condition::Truth Condition::evaluate(const Scope& scope) const {
  const auto truth = [](bool value) { return value ? Truth::yes : Truth::no; };
  if (op_ == Operator::not_) {
    const Truth inner = children_[0].evaluate(scope);
    return inner == Truth::unknown ? Truth::unknown : truth(inner == Truth::no);
  }
  if (combines(op_)) {  // Kleene's three values: `all` is the least, `any` the greatest
    const bool all = op_ == Operator::all;
    Truth out = all ? Truth::yes : Truth::no;
    for (const Condition& child : children_)
      out = all ? std::min(out, child.evaluate(scope)) : std::max(out, child.evaluate(scope));
    return out;
  }
  if (tells_absence(op_)) {
    const bool there = scope.find(left_.references().front().source) != nullptr;
    return truth(there == (op_ == Operator::exists));
  }
  const Result<Json> left = left_.resolve(scope), right = right_.resolve(scope);
  if (!left || !right) return Truth::unknown;
  return truth(settle::holds(op_, &*left, *right));
}

namespace {

Json side(const Template& value, const Scope& scope) {
  Result<Json> resolved = value.resolve(scope);
  if (resolved) return *std::move(resolved);
  for (const Template::Reference& reference : value.references()) {
    if (scope.find(reference.source) == nullptr) return Json::object({{"$from", reference.source.text()}});
  }
  return Json::object({{"$from", value.references().front().source.text()}});  // a $text of what is no text
}

}  // namespace

Json Condition::resolved(const Scope& scope) const {
  Json operand;
  if (op_ == Operator::not_) {
    operand = children_[0].resolved(scope);
  } else if (combines(op_)) {
    operand = Json::array();
    for (const Condition& child : children_) operand.push_back(child.resolved(scope));
  } else if (tells_absence(op_)) {
    operand = side(left_, scope);
  } else {
    operand = Json(Json::Array{side(left_, scope), side(right_, scope)});
  }
  return Json::object({{name_of(op_), std::move(operand)}});
}

void Condition::collect(std::vector<Comparison>& out) const {
  if (!combines(op_) && !tells_absence(op_)) out.push_back({op_, &left_, &right_, place_});
  for (const Condition& child : children_) child.collect(out);
}

std::vector<Condition::Comparison> Condition::comparisons() const {
  std::vector<Comparison> out;
  collect(out);
  return out;
}

void Condition::collect(std::vector<Template::Reference>& needed, std::vector<Template::Reference>& optional) const {
  for (const Template* side : {&left_, &right_}) {
    std::vector<Template::Reference>& out = tells_absence(op_) ? optional : needed;
    out.insert(out.end(), side->references().begin(), side->references().end());
  }
  for (const Condition& child : children_) child.collect(needed, optional);
}

std::vector<Template::Reference> Condition::references() const {
  std::vector<Template::Reference> needed, optional;
  collect(needed, optional);
  return needed;
}

std::vector<Template::Reference> Condition::optional_references() const {
  std::vector<Template::Reference> needed, optional;
  collect(needed, optional);
  return optional;
}

}  // namespace settle
