#include "schemas/accept.h"

#include <algorithm>

#include "base/characters.h"

namespace settle {
namespace {

bool same_text(const std::string& a, const std::string& b) {
  return a.size() == b.size() && same_bytes(a.data(), b.data(), a.size());
}

bool has_name(const Json::Object& members, const std::string& name) {
  return std::ranges::any_of(members, [&](const JsonMember& member) { return same_text(member.name, name); });
}

}  // namespace

inline bool SchemaAcceptor::fits_integer(const SchemaNumberRules& rules, std::int64_t integer) {
  return integer >= rules.integer_min && integer <= rules.integer_max;
}

/// accepts() with nothing to mark. Part of the loops over members and elements, so that most of these cost no call.
/// `ask` says which rules there are, so they are reached by get(), without the check that operator* makes.
[[gnu::always_inline]] inline bool SchemaAcceptor::fits(const SchemaNode& node, const Json& value) {
  if (!has_type(node, value)) return false;
  switch (node.ask) {
    case SchemaAsk::nothing:
      return true;
    case SchemaAsk::length:
      return !value.is_string() || fits_length(*node.string.get(), value.as_string());
    case SchemaAsk::text:
      return !value.is_string() || string(*node.string.get(), value.as_string());
    case SchemaAsk::range:
      if (!value.is_integer()) return !value.is_number() || number(*node.number, value);
      return fits_integer(*node.number.get(), value.as_integer());
    case SchemaAsk::texts:
      return value.is_string() && node.choices.get()->texts.find(value.as_string()) != NameTable::absent;
    case SchemaAsk::leaf:
      return accepts_leaf(node, value);
    case SchemaAsk::refers:
      return refers(node, value);
    case SchemaAsk::members:
      return !value.is_object() || members(*node.object.get(), value.as_object());
    case SchemaAsk::elements:
      return !value.is_array() || elements(*node.array.get(), value.as_array());
    case SchemaAsk::rules:
      return accepts_rules(node, value, nullptr);
  }
  return false;
}

bool SchemaAcceptor::accepts(const SchemaNode& node, const Json& value, SchemaSeen* seen) {
  if (seen == nullptr || node.ask <= SchemaAsk::leaf) return fits(node, value);
  return has_type(node, value) && accepts_rules(node, value, seen);
}

bool SchemaAcceptor::refers(const SchemaNode& node, const Json& value) {
  if (!enter(1)) return false;
  const bool out = fits(*node.applicators->ref, value);
  --depth_;
  return out;
}

/// The loop of most objects: known names and what is said of all others.
[[gnu::always_inline]] inline bool SchemaAcceptor::known_members(const SchemaObjectRules& rules,
                                                                 const Json::Object& members) {
  std::size_t required_seen = 0;
  std::uint32_t hint = 0;
  const SchemaMember* const rows = rules.members.data();
  for (const JsonMember& member : members) {
    const std::uint32_t at = rules.table.find(member.name, hint);
    const SchemaNode* schema = rules.additional;
    if (at != NameTable::absent) {
      const SchemaMember& row = rows[at];
      hint = at + 1;
      required_seen += row.required ? 1 : 0;
      if (row.schema != nullptr) schema = row.schema;
    }
    if (schema != nullptr && !fits(*schema, member.value)) return false;
  }
  return required_seen >= rules.required_count;
}

bool SchemaAcceptor::members(const SchemaObjectRules& rules, const Json::Object& members) {
  const std::size_t count = members.size();
  if (count < rules.count_min || count > rules.count_max || count < rules.required_count || !enter(1 + count)) {
    return false;
  }
  const bool out = known_members(rules, members);
  --depth_;
  return out;
}

bool SchemaAcceptor::elements(const SchemaArrayRules& rules, const Json::Array& elements) {
  const std::size_t count = elements.size();
  if (count < rules.count_min || count > rules.count_max || !enter(1 + count)) return false;
  bool out = true;
  if (rules.rest != nullptr) {
    for (std::size_t i = 0; i < count && out; ++i) out = fits(*rules.rest, elements.data()[i]);
  }
  if (out && rules.unique) out = repeated_element(elements) == count;
  --depth_;
  return out;
}

bool SchemaAcceptor::accepts_rules(const SchemaNode& node, const Json& value, SchemaSeen* seen) {
  if (!enter(1)) return false;
  const bool fits =
      program_.dynamic || node.tracks ? accepts_tracked(node, value, seen) : accepts_all(node, value, seen);
  --depth_;
  return fits;
}

bool SchemaAcceptor::accepts_leaf(const SchemaNode& node, const Json& value) {
  if (node.string != nullptr && value.is_string() && !string(*node.string, value.as_string())) return false;
  if (node.number != nullptr && value.is_number() && !number(*node.number, value)) return false;
  return node.choices == nullptr || fits_choices(*node.choices, value);
}

bool SchemaAcceptor::accepts_tracked(const SchemaNode& node, const Json& value, SchemaSeen* seen) {
  const Inside inside(*this, node);
  if (!node.tracks) return accepts_all(node, value, seen);
  SchemaSeen own(value.size());
  if (!accepts_all(node, value, &own) || !unevaluated(node, value, own)) return false;
  if (seen != nullptr) seen->add(own);
  return true;
}

bool SchemaAcceptor::accepts_but_unevaluated(const SchemaNode& node, const Json& value, SchemaSeen& seen) {
  const Inside inside(*this, node);
  return accepts_all(node, value, &seen);
}

bool SchemaAcceptor::accepts_all(const SchemaNode& node, const Json& value, SchemaSeen* seen) {
  switch (value.type()) {
    case Json::Type::string:
      if (node.string != nullptr && !string(*node.string, value.as_string())) return false;
      break;
    case Json::Type::integer:
    case Json::Type::real:
    case Json::Type::decimal:
      if (node.number != nullptr && !number(*node.number, value)) return false;
      break;
    case Json::Type::object:
      if (node.object != nullptr && !object(*node.object, value.as_object(), seen)) return false;
      break;
    case Json::Type::array:
      if (node.array != nullptr && !array(*node.array, value.as_array(), seen)) return false;
      break;
    default:
      break;
  }
  if (node.choices != nullptr && !fits_choices(*node.choices, value)) return false;
  return node.applicators == nullptr || applicators(*node.applicators, value, seen);
}

bool SchemaAcceptor::fits_choices(const SchemaChoices& rules, const Json& value) {
  if (rules.constant != nullptr) {
    if (!spend(rules.weight) || !(*rules.constant == value)) return false;
  }
  if (rules.choices == nullptr) return true;
  if (rules.texts_only) return value.is_string() && rules.texts.find(value.as_string()) != NameTable::absent;
  if (rules.by_hash.empty()) {
    return spend(rules.weight) && std::ranges::find(*rules.choices, value) != rules.choices->end();
  }
  std::uint64_t steps = 0;
  const std::uint64_t hash = json_hash(value, steps);
  if (!spend(steps)) return false;
  const auto [first, last] = rules.by_hash.equal_range(hash);
  return std::any_of(first, last, [&](const auto& row) { return spend(steps) && *row.second == value; });
}

/// A character has one to four bytes, so most lengths need no counting.
inline bool SchemaAcceptor::fits_length(const SchemaStringRules& rules, std::string_view text) {
  const std::size_t bytes = text.size();
  if (bytes < rules.length_min) return false;
  return (bytes <= rules.length_max && (bytes + 3) / 4 >= rules.length_min) || fits_count(rules, text);
}

[[gnu::noinline]] bool SchemaAcceptor::fits_count(const SchemaStringRules& rules, std::string_view text) {
  if (!spend(text.size() / 64)) return false;
  const std::size_t count = character_count(text);
  return count >= rules.length_min && count <= rules.length_max;
}

bool SchemaAcceptor::string(const SchemaStringRules& rules, std::string_view text) {
  if (!fits_length(rules, text)) return false;
  if (rules.pattern != nullptr && !fits_pattern(*rules.pattern, text)) return false;
  if (rules.format == nullptr) return true;
  return spend(text.size() / 64) && rules.format->matches(text);
}

bool SchemaAcceptor::fits_pattern(const SchemaPattern& pattern, std::string_view text) {
  return spend(1 + text.size() / 16) && pattern.matches(text);
}

bool SchemaAcceptor::number(const SchemaNumberRules& rules, const Json& value) {
  if (value.is_integer() && rules.integer_range) {
    if (!fits_integer(rules, value.as_integer())) return false;
  } else if (value.type() == Json::Type::real && rules.real_range) {
    const double real = value.as_double();
    if (real < rules.real_min || real > rules.real_max) return false;
  } else {
    if (value.type() == Json::Type::decimal && !spend(value.as_decimal().text.size() / 16)) return false;
    if (!fits_bounds(rules, value)) return false;
  }
  return rules.multiple_of == nullptr || is_multiple(rules, value);
}

bool SchemaAcceptor::object(const SchemaObjectRules& rules, const Json::Object& members, SchemaSeen* seen) {
  const std::size_t count = members.size();
  if (count < rules.count_min || count > rules.count_max || !spend(count)) return false;
  if (count < rules.required_count) return false;
  if (seen == nullptr && rules.patterns.empty() && rules.names == nullptr) return known_members(rules, members);
  std::size_t required_seen = 0;
  std::uint32_t hint = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t at = rules.table.find(members[i].name, hint);
    const SchemaMember* row = nullptr;
    if (at != NameTable::absent) {
      row = &rules.members[at];
      hint = at + 1;
      if (row->required) ++required_seen;
    }
    bool matched = false;
    if (!member(rules, row, members[i], matched)) return false;
    if (seen != nullptr && matched) seen->mark(i);
  }
  return required_seen >= rules.required_count;
}

inline bool SchemaAcceptor::member(const SchemaObjectRules& rules, const SchemaMember* row, const JsonMember& member,
                                   bool& matched) {
  if (row != nullptr && row->schema != nullptr) {
    matched = true;
    if (!accepts(*row->schema, member.value)) return false;
  }
  for (const SchemaPatternMember& pattern : rules.patterns) {
    if (!fits_pattern(*pattern.pattern, member.name)) continue;
    matched = true;
    if (!accepts(*pattern.schema, member.value)) return false;
  }
  if (!matched && rules.additional != nullptr) {
    matched = true;
    if (!accepts(*rules.additional, member.value)) return false;
  }
  return rules.names == nullptr || accepts(*rules.names, Json(member.name));
}

bool SchemaAcceptor::array(const SchemaArrayRules& rules, const Json::Array& elements, SchemaSeen* seen) {
  const std::size_t count = elements.size();
  if (count < rules.count_min || count > rules.count_max || !spend(count)) return false;
  const std::size_t by_position = std::min(rules.prefix.size(), count);
  for (std::size_t i = 0; i < by_position; ++i) {
    if (!accepts(*rules.prefix[i], elements[i])) return false;
    if (seen != nullptr) seen->mark(i);
  }
  if (rules.rest != nullptr) {
    for (std::size_t i = by_position; i < count; ++i) {
      if (!accepts(*rules.rest, elements[i])) return false;
    }
    if (seen != nullptr) seen->mark_all();
  }
  if (rules.contains != nullptr && !contains(rules, elements, seen)) return false;
  return !rules.unique || repeated_element(elements) == count;
}

bool SchemaAcceptor::contains(const SchemaArrayRules& rules, const Json::Array& elements, SchemaSeen* seen) {
  if (!spend(elements.size())) return false;
  std::uint64_t found = 0;
  const bool mark = seen != nullptr && rules.contains_marks;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (!accepts(*rules.contains, elements[i])) continue;
    if (++found > rules.contains_max) return false;
    if (mark) seen->mark(i);
    // With no upper bound and nothing to mark, enough is enough.
    if (!mark && found >= rules.contains_min && rules.contains_max >= elements.size()) return true;
  }
  return found >= rules.contains_min;
}

bool SchemaAcceptor::applicators(const SchemaApplicators& rules, const Json& value, SchemaSeen* seen) {
  // All of these must accept, so what they mark counts only if they do: they share `seen`.
  if (rules.ref != nullptr && !accepts(*rules.ref, value, seen)) return false;
  if (rules.dynamic_ref && !accepts(*dynamic_target(*rules.dynamic_ref), value, seen)) return false;
  for (const SchemaNode* node : rules.all_of) {
    if (!accepts(*node, value, seen)) return false;
  }
  if (!rules.any_of.empty() && !any_of(rules, value, seen)) return false;
  if (!rules.one_of.empty() && !one_of(rules, value, seen)) return false;
  if (rules.negation != nullptr && (accepts(*rules.negation, value) || exhausted_)) return false;
  if (rules.condition != nullptr && !condition(rules, value, seen)) return false;
  if (rules.dependencies.empty() || !value.is_object()) return true;
  return std::ranges::all_of(rules.dependencies,
                             [&](const SchemaDependency& rule) { return dependency(rule, value, seen); });
}

/// One that may fail without the whole failing: what it marked then does not count.
bool SchemaAcceptor::branch(const SchemaNode& node, const Json& value, SchemaSeen* seen) {
  if (seen == nullptr || node.ask == SchemaAsk::nothing) return accepts(node, value);
  SchemaSeen own(value.size());
  if (!spend(value.size() / 64) || !accepts(node, value, &own)) return false;
  seen->add(own);
  return true;
}

bool SchemaAcceptor::any_of(const SchemaApplicators& rules, const Json& value, SchemaSeen* seen) {
  if (!spend(rules.any_of.size())) return false;
  if (seen == nullptr) {
    return std::ranges::any_of(rules.any_of, [&](const SchemaNode* node) { return fits(*node, value); }) && !exhausted_;
  }
  bool any = false;
  for (const SchemaNode* node : rules.any_of) {
    any = branch(*node, value, seen) || any;
    if (exhausted_) return false;
  }
  return any;
}

bool SchemaAcceptor::one_of(const SchemaApplicators& rules, const Json& value, SchemaSeen* seen) {
  if (!spend(rules.one_of.size())) return false;
  bool one = false;
  for (const SchemaNode* node : rules.one_of) {
    const bool fits = branch(*node, value, seen);
    if (exhausted_ || (fits && one)) return false;
    one = one || fits;
  }
  return one;
}

bool SchemaAcceptor::condition(const SchemaApplicators& rules, const Json& value, SchemaSeen* seen) {
  const bool holds = branch(*rules.condition, value, seen);
  if (exhausted_) return false;
  const SchemaNode* next = holds ? rules.then_branch : rules.else_branch;
  return next == nullptr || accepts(*next, value, seen);
}

bool SchemaAcceptor::dependency(const SchemaDependency& rule, const Json& value, SchemaSeen* seen) {
  const Json::Object& members = value.as_object();
  if (!spend(1 + members.size() / 8) || !has_name(members, rule.name)) return !exhausted_;
  if (rule.schema != nullptr) return accepts(*rule.schema, value, seen);
  if (!spend(rule.names.size() * (1 + members.size() / 8))) return false;
  return std::ranges::all_of(rule.names, [&](const std::string& name) { return has_name(members, name); });
}

const SchemaNode* SchemaAcceptor::dynamic_target(const SchemaDynamic& reference) const {
  const SchemaNode* target = reference.target;
  if (reference.anchor.empty()) return target;
  // The outermost resource that has the name; the chain begins with the innermost.
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->up) {
    const auto resource = program_.dynamic_anchors.find(scope->resource);
    if (resource == program_.dynamic_anchors.end()) continue;
    const auto found = resource->second.find(reference.anchor);
    if (found != resource->second.end()) target = found->second;
  }
  return target;
}

bool SchemaAcceptor::unevaluated(const SchemaNode& node, const Json& value, SchemaSeen& seen) {
  const SchemaNode* rest = value.is_object() ? node.unevaluated_properties : nullptr;
  if (value.is_array()) rest = node.unevaluated_items;
  if (rest == nullptr) return true;
  if (!spend(value.size())) return false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (seen.has(i)) continue;
    if (!accepts(*rest, value.is_object() ? value.as_object()[i].value : value.as_array()[i])) return false;
  }
  seen.mark_all();
  return true;
}

bool Schema::accepts(const Json& instance) const {
  SchemaAcceptor acceptor(*program_);
  // What ran out of steps within a negation may look accepted.
  return acceptor.accepts(*program_->top, instance) && !acceptor.exhausted();
}

}  // namespace settle
