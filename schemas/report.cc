#include <algorithm>

#include "base/characters.h"
#include "base/pointer.h"
#include "base/text.h"
#include "schemas/accept.h"

namespace settle {
namespace {

constexpr std::size_t failures_max = 100;
constexpr std::size_t got_bytes_max = 80;

/// How many names or values a message lists before it says how many there are.
constexpr std::size_t listed_max = 20;

std::string type_list(const SchemaNode& node) {
  using enum Json::Type;
  constexpr std::pair<Json::Type, std::string_view> names[] = {
      {null, "null"},       {boolean, "true or false"}, {integer, "an integer"}, {real, "a number"},
      {string, "a string"}, {array, "an array"},        {object, "an object"}};
  std::string out;
  for (const auto& [type, name] : names) {
    if ((node.kinds & json_kinds::of(type)) == 0) continue;
    if (type == integer && (node.kinds & json_kinds::fractions) != 0) continue;
    out.append(out.empty() ? "" : " or ").append(name);
  }
  return out;
}

std::string choice_list(const Json::Array& choices) {
  if (choices.empty()) return "nothing (the enum is empty)";
  std::string out = choices.size() == 1 ? "" : "one of ";
  for (std::size_t i = 0; i < choices.size() && i < listed_max; ++i) {
    out.append(i == 0 ? "" : ", ").append(shortened_json(choices[i], got_bytes_max));
  }
  if (choices.size() > listed_max) out += ", … (" + std::to_string(choices.size()) + " in all)";
  return out;
}

std::string counted(std::uint64_t count, std::string_view thing) {
  return std::to_string(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
}

/// One token of a pointer: a chain on the stack, written out only for a failure.
struct Step {
  const Step* up = nullptr;
  std::string_view name = {};
  std::size_t index = 0;
  bool counts = false;  ///< the token is `index`
};

Step below(const Step& up, std::string_view name) {
  return {&up, name, 0, false};
}
Step below(const Step& up, std::size_t index) {
  return {&up, {}, index, true};
}

std::string pointer_text(const Step& last) {
  std::vector<const Step*> steps;
  for (const Step* step = &last; step->up != nullptr; step = step->up) steps.push_back(step);
  std::string out;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
    out += '/';
    out += (*it)->counts ? std::to_string((*it)->index) : escape_token((*it)->name);
  }
  return out;
}

/// Says why an instance does not fit; the acceptor has decided already that it does not.
class Reporter {
 public:
  explicit Reporter(const SchemaProgram& program) : acceptor_(program) {}

  void check(const SchemaNode& node, const Json& value, const Step& at, const Step& path) {
    if (full() || !acceptor_.spend(1)) return;
    // What fits needs no report; this also keeps evaluation from going deeper than the acceptor does.
    if (acceptor_.accepts(node, value) || acceptor_.exhausted()) return;
    if (node.boolean == SchemaNode::Boolean::accepts_none) {
      failures_.push_back({pointer_text(at), pointer_text(path), "false", "nothing at this place",
                           shortened_json(value, got_bytes_max)});
      return;
    }
    const SchemaAcceptor::Inside inside(acceptor_, node);
    if ((node.kinds & json_kinds::of(value.type())) == 0 && !(node.integral && SchemaAcceptor::is_integral(value))) {
      note("type", value, at, path, type_list(node));
    }
    if (node.choices != nullptr) check_choices(*node.choices, value, at, path);
    if (node.number != nullptr && value.is_number()) check_number(*node.number, value, at, path);
    if (node.string != nullptr && value.is_string()) check_string(*node.string, value, at, path);
    if (node.array != nullptr && value.is_array()) check_array(*node.array, value, at, path);
    if (node.object != nullptr && value.is_object()) check_object(*node.object, value, at, path);
    const std::size_t before = failures_.size();
    if (node.applicators != nullptr) check_applicators(*node.applicators, value, at, path);
    // Where another schema of the same place has failed, what it would have looked at is no news.
    if (node.tracks && failures_.size() == before) check_unevaluated(node, value, at, path);
  }

  std::vector<SchemaFailure> take() { return std::move(failures_); }

 private:
  void check_choices(const SchemaChoices& rules, const Json& value, const Step& at, const Step& path) {
    if (rules.choices != nullptr && std::ranges::find(*rules.choices, value) == rules.choices->end()) {
      note("enum", value, at, path, choice_list(*rules.choices));
    }
    if (rules.constant != nullptr && !(value == *rules.constant)) {
      note("const", value, at, path, "exactly " + shortened_json(*rules.constant, got_bytes_max));
    }
  }

  void check_number(const SchemaNumberRules& rules, const Json& value, const Step& at, const Step& path) {
    const auto bound = [&](const Json* limit, std::string_view keyword, std::string_view words, bool fits) {
      if (fits) return;
      note(keyword, value, at, path, "a number " + std::string(words) + " " + shortened_json(*limit, got_bytes_max));
    };
    const auto order = [&](const Json* limit) { return limit == nullptr ? 0 : compare_numbers(value, *limit); };
    bound(rules.minimum, "minimum", "of at least", order(rules.minimum) >= 0);
    bound(rules.maximum, "maximum", "of at most", order(rules.maximum) <= 0);
    bound(rules.exclusive_minimum, "exclusiveMinimum", "greater than",
          rules.exclusive_minimum == nullptr || order(rules.exclusive_minimum) > 0);
    bound(rules.exclusive_maximum, "exclusiveMaximum", "less than",
          rules.exclusive_maximum == nullptr || order(rules.exclusive_maximum) < 0);
    if (rules.multiple_of != nullptr && !SchemaAcceptor::is_multiple(rules, value)) {
      note("multipleOf", value, at, path, "a multiple of " + shortened_json(*rules.multiple_of, got_bytes_max));
    }
  }

  void check_string(const SchemaStringRules& rules, const Json& value, const Step& at, const Step& path) {
    const std::string& text = value.as_string();
    const std::size_t length = character_count(text);
    if (length < rules.length_min) {
      note("minLength", value, at, path, "a string of at least " + counted(rules.length_min, "character"));
    }
    if (length > rules.length_max) {
      note("maxLength", value, at, path, "a string of at most " + counted(rules.length_max, "character"));
    }
    if (rules.pattern != nullptr && !acceptor_.fits_pattern(*rules.pattern, text)) {
      note("pattern", value, at, path, "a string that matches " + shorten(rules.pattern_text, 200));
    }
    if (rules.format != nullptr && !rules.format->matches(text)) {
      note("format", value, at, path, std::string(rules.format->expected));
    }
  }

  void check_array(const SchemaArrayRules& rules, const Json& value, const Step& at, const Step& path) {
    const Json::Array& elements = value.as_array();
    if (elements.size() < rules.count_min) {
      note("minItems", value, at, path, "at least " + counted(rules.count_min, "element"));
    }
    if (elements.size() > rules.count_max) {
      note("maxItems", value, at, path, "at most " + counted(rules.count_max, "element"));
    }
    if (rules.unique) {
      const std::size_t repeated = acceptor_.repeated_element(elements);
      if (repeated < elements.size()) {
        note("uniqueItems", elements[repeated], below(at, repeated), path,
             "an element that differs from all before it");
      }
    }
    const Step prefix = below(path, rules.prefix_keyword), rest = below(path, rules.rest_keyword);
    for (std::size_t i = 0; i < elements.size() && !full(); ++i) {
      if (i < rules.prefix.size()) {
        check(*rules.prefix[i], elements[i], below(at, i), below(prefix, i));
      } else if (rules.rest != nullptr) {
        check(*rules.rest, elements[i], below(at, i), rest);
      }
    }
    if (rules.contains != nullptr) check_contains(rules, value, at, path);
  }

  void check_contains(const SchemaArrayRules& rules, const Json& value, const Step& at, const Step& path) {
    std::uint64_t found = 0;
    for (const Json& element : value.as_array()) found += acceptor_.accepts(*rules.contains, element) ? 1 : 0;
    if (found < rules.contains_min) {
      note(rules.contains_min == 1 ? "contains" : "minContains", value, at, path,
           "at least " + counted(rules.contains_min, "element") + " of the kind that \"contains\" describes, not " +
               std::to_string(found));
    }
    if (found > rules.contains_max) {
      note("maxContains", value, at, path,
           "at most " + counted(rules.contains_max, "element") + " of the kind that \"contains\" describes, not " +
               std::to_string(found));
    }
  }

  void check_object(const SchemaObjectRules& rules, const Json& value, const Step& at, const Step& path) {
    const Json::Object& members = value.as_object();
    if (members.size() < rules.count_min) {
      note("minProperties", value, at, path, "at least " + counted(rules.count_min, "member"));
    }
    if (members.size() > rules.count_max) {
      note("maxProperties", value, at, path, "at most " + counted(rules.count_max, "member"));
    }
    std::size_t required_seen = 0;
    for (const JsonMember& member : members) {
      if (full()) return;
      const std::uint32_t row = rules.table.find(member.name);
      if (row != NameTable::absent && rules.members[row].required) ++required_seen;
      check_member(rules, row == NameTable::absent ? nullptr : rules.members[row].schema, member,
                   below(at, member.name), path);
    }
    if (required_seen < rules.required_count) note_missing(rules, value, at, path);
  }

  void check_member(const SchemaObjectRules& rules, const SchemaNode* known, const JsonMember& member, const Step& at,
                    const Step& path) {
    bool matched = known != nullptr;
    if (known != nullptr) {
      const Step properties = below(path, "properties");
      check(*known, member.value, at, below(properties, member.name));
    }
    const Step patterns = below(path, "patternProperties");
    for (const SchemaPatternMember& pattern : rules.patterns) {
      if (!acceptor_.fits_pattern(*pattern.pattern, member.name)) continue;
      matched = true;
      check(*pattern.schema, member.value, at, below(patterns, pattern.text));
    }
    if (!matched && rules.additional != nullptr) {
      if (rules.additional->boolean == SchemaNode::Boolean::accepts_none) {
        note("additionalProperties", member.value, at, path, unknown_member(rules, member.name));
      } else {
        check(*rules.additional, member.value, at, below(path, "additionalProperties"));
      }
    }
    if (rules.names != nullptr) check(*rules.names, Json(member.name), at, below(path, "propertyNames"));
  }

  static std::string unknown_member(const SchemaObjectRules& rules, std::string_view name) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < rules.members.size(); ++i) {
      if (rules.members[i].schema != nullptr) names.push_back(rules.table.names()[i]);
    }
    std::ranges::sort(names);
    std::string known;
    for (std::size_t i = 0; i < names.size() && i < listed_max; ++i) {
      known.append(known.empty() ? "" : ", ").append(shorten(names[i], got_bytes_max));
    }
    if (names.size() > listed_max) known += ", … (" + std::to_string(names.size()) + " in all)";
    if (names.empty()) known = "none";
    return "no member \"" + shorten(name, got_bytes_max) + "\"; known: " + known;
  }

  void note_missing(const SchemaObjectRules& rules, const Json& value, const Step& at, const Step& path) {
    std::vector<std::string_view> there;
    there.reserve(value.size());
    for (const JsonMember& member : value.as_object()) there.emplace_back(member.name);
    std::ranges::sort(there);
    for (std::size_t i = 0; i < rules.members.size() && !full(); ++i) {
      const std::string& name = rules.table.names()[i];
      if (!rules.members[i].required || std::ranges::binary_search(there, std::string_view(name))) continue;
      note("required", value, at, path, "the member \"" + shorten(name, got_bytes_max) + "\"");
    }
  }

  void check_applicators(const SchemaApplicators& rules, const Json& value, const Step& at, const Step& path) {
    if (rules.ref != nullptr) check(*rules.ref, value, at, below(path, "$ref"));
    if (rules.dynamic_ref) {
      check(*acceptor_.dynamic_target(*rules.dynamic_ref), value, at, below(path, "$dynamicRef"));
    }
    const Step all = below(path, "allOf");
    for (std::size_t i = 0; i < rules.all_of.size(); ++i) check(*rules.all_of[i], value, at, below(all, i));
    if (!rules.any_of.empty()) check_branches("anyOf", rules.any_of, value, at, path);
    if (!rules.one_of.empty()) check_branches("oneOf", rules.one_of, value, at, path);
    if (rules.negation != nullptr && acceptor_.accepts(*rules.negation, value)) {
      note("not", value, at, path, "anything but what \"not\" describes");
    }
    if (rules.condition != nullptr) {
      const bool holds = acceptor_.accepts(*rules.condition, value);
      const SchemaNode* next = holds ? rules.then_branch : rules.else_branch;
      if (next != nullptr) check(*next, value, at, below(path, holds ? "then" : "else"));
    }
    for (const SchemaDependency& rule : rules.dependencies) check_dependency(rule, value, at, path);
  }

  void check_dependency(const SchemaDependency& rule, const Json& value, const Step& at, const Step& path) {
    if (value.find(rule.name) == nullptr) return;
    const Step keyword = below(path, rule.keyword);
    if (rule.schema != nullptr) return check(*rule.schema, value, at, below(keyword, rule.name));
    for (const std::string& name : rule.names) {
      if (full() || value.find(name) != nullptr) continue;
      failures_.push_back({pointer_text(at), pointer_text(below(keyword, rule.name)), std::string(rule.keyword),
                           "the member \"" + shorten(name, got_bytes_max) + "\", since \"" +
                               shorten(rule.name, got_bytes_max) + "\" is there",
                           shortened_json(value, got_bytes_max)});
    }
  }

  /// anyOf and oneOf: which branches accept; and where none does, why the closest does not.
  void check_branches(std::string_view keyword, const std::vector<const SchemaNode*>& branches, const Json& value,
                      const Step& at, const Step& path) {
    const Step here = below(path, keyword);
    std::vector<std::size_t> accepting;
    std::vector<SchemaFailure> closest;
    std::size_t closest_index = 0;
    const std::string place = pointer_text(at);
    for (std::size_t i = 0; i < branches.size() && !acceptor_.exhausted(); ++i) {
      if (acceptor_.accepts(*branches[i], value)) {
        accepting.push_back(i);
        continue;
      }
      std::vector<SchemaFailure> failures = failures_of(*branches[i], value, at, below(here, i));
      if (failures.empty() || (!closest.empty() && distance(failures, place) >= distance(closest, place))) continue;
      closest = std::move(failures);
      closest_index = i;
    }
    if (acceptor_.exhausted()) return;
    if (accepting.size() > 1 && keyword == "oneOf") {
      std::string list;
      for (const std::size_t i : accepting) list.append(list.empty() ? "" : ", ").append(std::to_string(i));
      return note(keyword, value, at, path, "exactly one alternative that fits, not " + shorten(list, got_bytes_max));
    }
    if (!accepting.empty()) return;
    std::string expected = "one of " + counted(branches.size(), "alternative");
    if (branches.size() > 1 && !closest.empty()) {
      expected += "; the closest is " + std::to_string(closest_index) + ", and what it lacks follows";
    }
    note(keyword, value, at, path, std::move(expected));
    for (SchemaFailure& failure : closest) {
      if (!full()) failures_.push_back(std::move(failure));
    }
  }

  std::vector<SchemaFailure> failures_of(const SchemaNode& node, const Json& value, const Step& at, const Step& path) {
    std::vector<SchemaFailure> before = std::exchange(failures_, {});
    check(node, value, at, path);
    return std::exchange(failures_, std::move(before));
  }

  /// Small for a branch that was probably meant: the type is right, a constant that tells the branches apart fits, and
  /// little else is wrong.
  static std::size_t distance(const std::vector<SchemaFailure>& failures, const std::string& place) {
    std::size_t out = failures.size();
    for (const SchemaFailure& failure : failures) {
      const bool here = failure.instance == place;
      if (here && (failure.keyword == "type" || failure.keyword == "false")) out += 10'000;
      const bool just_below = !here && failure.instance.find('/', place.size() + 1) == std::string::npos;
      if ((here || just_below) && (failure.keyword == "const" || failure.keyword == "enum")) out += 1000;
    }
    return out;
  }

  void check_unevaluated(const SchemaNode& node, const Json& value, const Step& at, const Step& path) {
    const SchemaNode* rest = value.is_object() ? node.unevaluated_properties : nullptr;
    if (value.is_array()) rest = node.unevaluated_items;
    if (rest == nullptr) return;
    const std::string_view keyword = value.is_object() ? "unevaluatedProperties" : "unevaluatedItems";
    SchemaSeen seen(value.size());
    if (!acceptor_.accepts_but_unevaluated(node, value, seen)) return;
    for (std::size_t i = 0; i < value.size() && !full(); ++i) {
      if (seen.has(i)) continue;
      const bool named = value.is_object();
      const Step inner = named ? below(at, value.as_object()[i].name) : below(at, i);
      const Json& one = named ? value.as_object()[i].value : value.as_array()[i];
      if (rest->boolean == SchemaNode::Boolean::accepts_none) {
        note(keyword, one, inner, path, "nothing that no other part of the schema describes");
      } else {
        check(*rest, one, inner, below(path, keyword));
      }
    }
  }

  void note(std::string_view keyword, const Json& value, const Step& at, const Step& path, std::string expected) {
    if (full() || acceptor_.exhausted()) return;
    failures_.push_back({pointer_text(at), pointer_text(below(path, keyword)), std::string(keyword),
                         std::move(expected), shortened_json(value, got_bytes_max)});
  }

  bool full() const { return failures_.size() >= failures_max; }

  SchemaAcceptor acceptor_;
  std::vector<SchemaFailure> failures_;
};

SchemaFailure beyond_limits(const SchemaProgram& program) {
  return {"", "", "limit",
          "an instance that can be judged within " + std::to_string(program.options.steps_max) + " steps and " +
              std::to_string(schema_depth_max) + " nested evaluations",
          "more"};
}

}  // namespace

std::vector<SchemaFailure> Schema::validate(const Json& instance) const {
  // Decided apart from the report, which looks at more than a decision needs: so that both say the same.
  SchemaAcceptor acceptor(*program_);
  const bool accepted = acceptor.accepts(*program_->top, instance);
  if (acceptor.exhausted()) return {beyond_limits(*program_)};
  if (accepted) return {};
  Reporter reporter(*program_);
  reporter.check(*program_->top, instance, Step{}, Step{});
  std::vector<SchemaFailure> failures = reporter.take();
  if (failures.empty()) failures.push_back(beyond_limits(*program_));
  return failures;
}

}  // namespace settle
