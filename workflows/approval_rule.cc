#include "workflows/approval_rule.h"

#include <algorithm>

#include "workflows/schema_fit.h"

namespace settle {
namespace {

bool compares_types(Operator op) {
  return op == Operator::equals || op == Operator::not_equals || op == Operator::equals_ignoring_case ||
         op == Operator::less || op == Operator::less_equal || op == Operator::greater || op == Operator::greater_equal;
}

void check_reference(const Template::Reference& reference, const Schema* input, std::vector<Problem>& problems) {
  const std::string source = reference.source.text();
  if (reference.source.tokens[0] != "input") {
    problems.push_back({reference.place, "reference_unknown", "/input/…", source,
                        "an approval rule sees the resolved input of its call, and nothing else"});
    return;
  }
  const std::vector<std::string> below(reference.source.tokens.begin() + 1, reference.source.tokens.end());
  if (input == nullptr || input->at(below).possible) return;
  problems.push_back({reference.place, "reference_not_in_schema", "a place that input_schema allows", source,
                      "input_schema has no place " + source});
}

/// Types never mix: a comparison of two that have none in common would never ask.
void check_comparison(const Condition::Comparison& comparison, const Schema& input, std::vector<Problem>& problems) {
  Json constants[2];
  Schema::Place sides[2];
  const Template* templates[2] = {comparison.left, comparison.right};
  for (int i = 0; i < 2; ++i) {
    std::vector<Template::Hole> holes;
    const Json value = templates[i]->resolve_known(Scope(), holes);
    const bool taken = holes.size() == 1 && holes[0].place.empty() && holes[0].sources.size() == 1;
    if (holes.empty()) {
      constants[i] = Json::object({{"const", value}});
      sides[i].schemas.push_back(&constants[i]);
    } else if (taken && !holes[0].text && holes[0].sources[0].tokens[0] == "input") {
      const std::vector<std::string>& tokens = holes[0].sources[0].tokens;
      sides[i] = input.at({tokens.begin() + 1, tokens.end()});
    } else {
      return;
    }
  }
  if (may_be_equal(sides[0], sides[1])) return;
  const std::string both = types_text(sides[0]) + " and " + types_text(sides[1]);
  problems.push_back(
      {comparison.place, "condition_types", "two values of one type", both,
       "types never mix: " + both + " can't be compared by \"" + std::string(name_of(comparison.op)) + "\""});
}

Condition read_condition(const Json& document, const std::string& place, const Schema* input,
                         std::vector<Problem>& problems) {
  const std::size_t before = problems.size();
  Condition out = Condition::compile(document, place, problems);
  if (problems.size() > before) return out;
  for (const Template::Reference& reference : out.references()) check_reference(reference, input, problems);
  for (const Template::Reference& reference : out.optional_references()) check_reference(reference, input, problems);
  if (problems.size() > before || input == nullptr) return out;
  for (const Condition::Comparison& comparison : out.comparisons()) {
    if (compares_types(comparison.op)) check_comparison(comparison, *input, problems);
  }
  return out;
}

/// What a document says; what it does not say stays open.
struct Said {
  std::optional<Condition> when;
  std::optional<std::int64_t> approvers;
  std::optional<Duration> expires;
  std::optional<OnExpiry> on_expiry;
  std::optional<bool> four_eyes;
};

Said read_said(Fields& fields, const Schema* input, std::vector<Problem>& problems) {
  Said out;
  if (const Json* when = fields.take("when"))
    out.when = read_condition(*when, fields.place_of("when"), input, problems);
  out.approvers = fields.integer("approvers", 1, approvers_max);
  out.expires = fields.duration("expires", Duration(1));
  if (const auto rule = fields.choice("on_expiry", {"reject", "escalate"}))
    out.on_expiry = static_cast<OnExpiry>(*rule);
  out.four_eyes = fields.boolean("four_eyes");
  fields.finish();
  return out;
}

ApprovalRule rule_of(const Said& said) {
  ApprovalRule out;
  if (said.when) out.when.push_back(*said.when);
  out.approvers = static_cast<std::uint32_t>(said.approvers.value_or(out.approvers));
  out.expires = said.expires.value_or(out.expires);
  out.on_expiry = said.on_expiry.value_or(out.on_expiry);
  out.four_eyes = said.four_eyes.value_or(out.four_eyes);
  return out;
}

void loosened(Fields& fields, std::string_view name, std::string expected) {
  fields.problem(name, "policy_loosened", std::move(expected) + ", as the tool says",
                 "a plan may only tighten who must agree to a tool's call");
}

void refuse_looser(Fields& fields, const Said& said, const ApprovalRule& tool) {
  if (said.approvers && *said.approvers < tool.approvers)
    loosened(fields, "approvers", "at least " + std::to_string(tool.approvers));
  if (said.expires && *said.expires > tool.expires)
    loosened(fields, "expires", "at most " + format_duration(tool.expires));
  if (said.on_expiry == OnExpiry::escalate && tool.on_expiry == OnExpiry::reject)
    loosened(fields, "on_expiry", "\"reject\"");
  if (said.four_eyes == false && tool.four_eyes) loosened(fields, "four_eyes", "true");
}

}  // namespace

std::string_view name_of(OnExpiry rule) {
  return rule == OnExpiry::reject ? "reject" : "escalate";
}

bool ApprovalRule::asks(const Json& input) const {
  Scope scope;
  scope.add("input", &input);
  return when.empty() || std::any_of(when.begin(), when.end(),
                                     [&](const Condition& condition) { return !condition.is_refuted(scope); });
}

Rare<ApprovalRule> read_approval(Fields& tool, bool destructive, const Schema* input, std::vector<Problem>& problems) {
  const Json* document = tool.take("approval");
  if (document == nullptr) return destructive ? Rare<ApprovalRule>(ApprovalRule()) : std::nullopt;
  if (*document == Json("none")) return std::nullopt;
  if (!document->is_object()) {
    tool.problem("approval", "wrong_type", "\"none\" or {\"when\": …, \"approvers\": …, \"expires\": …}",
                 "\"approval\" says who has to agree before a call is sent");
    return std::nullopt;
  }
  Fields fields(*document, tool.place_of("approval"), problems);
  return rule_of(read_said(fields, input, problems));
}

Rare<ApprovalRule> tighten_approval(Fields& call, const Rare<ApprovalRule>& of_tool, const Schema* input,
                                    std::vector<Problem>& problems) {
  const Json* document = call.take("approval");
  if (document == nullptr) return of_tool;
  Fields fields(*document, call.place_of("approval"), problems);
  if (!fields.is_object()) return of_tool;
  const Said said = read_said(fields, input, problems);
  ApprovalRule out = rule_of(said);
  if (!of_tool) return out;
  refuse_looser(fields, said, *of_tool);
  if (out.when.empty() || of_tool->when.empty()) {
    out.when.clear();  // one of the two always asks
  } else {
    out.when.insert(out.when.begin(), of_tool->when.begin(), of_tool->when.end());
  }
  out.approvers = std::max(out.approvers, of_tool->approvers);
  out.expires = said.expires ? std::min(*said.expires, of_tool->expires) : of_tool->expires;
  out.on_expiry = said.on_expiry.value_or(of_tool->on_expiry);
  out.four_eyes = of_tool->four_eyes || said.four_eyes.value_or(false);
  return out;
}

}  // namespace settle
