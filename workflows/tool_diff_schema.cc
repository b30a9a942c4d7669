#include <algorithm>
#include <set>

#include "base/pointer.h"
#include "workflows/tool_diff.h"

namespace settle {
namespace {

/// How the set of accepted values changed.
enum class Shift : std::uint8_t { same, narrower, wider, different };

constexpr std::string_view annotations[] = {"$schema", "$id",      "$comment", "title",     "description",
                                            "default", "examples", "readOnly", "writeOnly", "deprecated"};
constexpr std::string_view lower_bounds[] = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"};
constexpr std::string_view upper_bounds[] = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"};

template <std::size_t count>
bool is_among(std::string_view name, const std::string_view (&names)[count]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string kind_of(const Json* before, const Json* after) {
  return before == nullptr ? "added" : after == nullptr ? "removed" : "changed";
}

/// The types that a schema lets through; every one where it names none. An integer is a number too.
std::set<std::string> types_of(const Json* type) {
  static const std::set<std::string> all = {"null", "boolean", "integer", "fraction", "string", "array", "object"};
  if (type == nullptr) return all;
  std::set<std::string> out;
  const auto add = [&](const Json& one) {
    if (!one.is_string()) return;
    if (one.as_string() == "number") out.insert({"integer", "fraction"});
    if (one.as_string() != "number") out.insert(one.as_string());
  };
  if (type->is_array()) {
    for (const Json& one : type->as_array()) add(one);
  } else {
    add(*type);
  }
  return out;
}

template <class Set>
Shift shift_of_sets(const Set& before, const Set& after) {
  if (before == after) return Shift::same;
  if (std::includes(before.begin(), before.end(), after.begin(), after.end())) return Shift::narrower;
  if (std::includes(after.begin(), after.end(), before.begin(), before.end())) return Shift::wider;
  return Shift::different;
}

/// Of a keyword that only ever takes values away: there or not, or another one.
Shift shift_of_presence(const Json* before, const Json* after) {
  if (before == nullptr) return Shift::narrower;
  return after == nullptr ? Shift::wider : Shift::different;
}

std::set<std::string> texts_of(const Json* list) {
  std::set<std::string> out;
  for (std::size_t i = 0; list != nullptr && list->is_array() && i < list->size(); ++i)
    out.insert(canonical(list->as_array()[i]));
  return out;
}

Shift shift_of_keyword(const std::string& keyword, const Json* before, const Json* after) {
  if (keyword == "type") return shift_of_sets(types_of(before), types_of(after));
  if (keyword == "required") {
    const Shift fit = shift_of_sets(texts_of(before), texts_of(after));
    return fit == Shift::narrower ? Shift::wider : fit == Shift::wider ? Shift::narrower : fit;
  }
  if (keyword == "enum" && before != nullptr && after != nullptr)
    return shift_of_sets(texts_of(before), texts_of(after));
  if (keyword == "uniqueItems") {
    const auto unique = [](const Json* value) { return value != nullptr && *value == Json(true); };
    if (unique(before) == unique(after)) return Shift::same;
    return unique(after) ? Shift::narrower : Shift::wider;
  }
  const bool numbers = before != nullptr && after != nullptr && before->is_number() && after->is_number();
  if (numbers && (is_among(keyword, lower_bounds) || is_among(keyword, upper_bounds))) {
    const int order = compare_numbers(*before, *after);
    if (order == 0) return Shift::same;
    return (order < 0) == is_among(keyword, lower_bounds) ? Shift::narrower : Shift::wider;
  }
  return shift_of_presence(before, after);
}

class SchemaDiff {
 public:
  SchemaDiff(SchemaSide side, std::vector<ToolChange>& changes) : side_(side), changes_(changes) {}

  void compare(const Json& before, const Json& after, const std::string& place) {
    if (before == after) return;
    if (!before.is_object() || !after.is_object()) {
      const bool opened = after == Json(true) || before == Json(false);
      const bool closed = after == Json(false) || before == Json(true);
      add(place, &before, &after, opened ? Shift::wider : closed ? Shift::narrower : Shift::different, "this place");
      return;
    }
    for (const std::string& keyword : keywords_of(before, after)) {
      const Json* from = before.find(keyword);
      const Json* to = after.find(keyword);
      if (from != nullptr && to != nullptr && *from == *to) continue;
      const std::string at = place + "/" + escape_token(keyword);
      if (keyword == "properties") {
        properties(before, after, at);
      } else if (keyword == "additionalProperties" || keyword == "items") {
        const Json everything(true);
        compare(from == nullptr ? everything : *from, to == nullptr ? everything : *to, at);
      } else if (is_among(keyword, annotations)) {
        changes_.push_back({at, kind_of(from, to), "annotation_changed", ChangeImpact::none, value(from), value(to),
                            "Says something else to people; accepts the same."});
      } else {
        add(at, from, to, shift_of_keyword(keyword, from, to), "\"" + keyword + "\"");
      }
    }
  }

 private:
  static Json value(const Json* json) { return json == nullptr ? Json() : *json; }

  static std::vector<std::string> keywords_of(const Json& before, const Json& after) {
    std::vector<std::string> out;
    for (const Json* schema : {&before, &after}) {
      for (const JsonMember& member : schema->as_object()) {
        if (std::find(out.begin(), out.end(), member.name) == out.end()) out.push_back(member.name);
      }
    }
    return out;
  }

  /// What a schema says of the members that it does not name.
  static Json others_of(const Json& schema) {
    const Json* others = schema.find("additionalProperties");
    return others == nullptr ? Json(true) : *others;
  }

  void properties(const Json& before, const Json& after, const std::string& place) {
    const Json none = Json::object();
    const Json* from = before.find("properties");
    const Json* to = after.find("properties");
    const Json& old_members = from == nullptr || !from->is_object() ? none : *from;
    const Json& new_members = to == nullptr || !to->is_object() ? none : *to;
    for (const JsonMember& member : old_members.as_object()) {
      const std::string at = place + "/" + escape_token(member.name);
      const Json* kept = new_members.find(member.name);
      if (kept != nullptr) {
        compare(member.value, *kept, at);
      } else {
        add(at, &member.value, nullptr, others_of(after) == Json(false) ? Shift::narrower : Shift::wider,
            "the member \"" + member.name + "\"");
      }
    }
    for (const JsonMember& member : new_members.as_object()) {
      if (old_members.find(member.name) != nullptr) continue;
      add(place + "/" + escape_token(member.name), nullptr, &member.value,
          others_of(before) == Json(false) ? Shift::wider : Shift::narrower, "the member \"" + member.name + "\"");
    }
  }

  void add(const std::string& place, const Json* before, const Json* after, Shift fit, const std::string& what) {
    if (fit == Shift::same) return;
    ToolChange change{place, kind_of(before, after), "", ChangeImpact::none, value(before), value(after), ""};
    if (side_ == SchemaSide::input) {
      change.code = fit == Shift::narrower ? "input_narrowed" : fit == Shift::wider ? "input_widened" : "input_changed";
      change.impact = fit == Shift::wider ? ChangeImpact::compatible : ChangeImpact::breaking;
      change.meaning = fit == Shift::wider ? "Takes more than before in " + what + "; plans stay valid."
                       : fit == Shift::narrower
                           ? "Takes less than before in " + what + "; plans that use it are refused."
                           : "Takes other values in " + what + "; plans may be refused.";
    } else {
      const bool lost = after == nullptr && before != nullptr && place.find("/properties/") != std::string::npos;
      change.code = fit == Shift::narrower ? "output_narrowed"
                    : fit == Shift::wider  ? "output_widened"
                                           : "output_changed";
      change.impact = fit == Shift::narrower && !lost ? ChangeImpact::review : ChangeImpact::breaking;
      change.meaning =
          lost ? "Answers no longer promise " + what + "; plans that refer to it may be refused or fail."
          : fit == Shift::narrower
              ? "Promises more in " + what + "; an answer that does not keep it is taken for unclear."
              : "Promises less, or something else, in " + what + "; plans that refer to it may be refused or fail.";
      // A member that may now be answered, where it could not before, is nothing that a plan could have relied on.
      if (fit == Shift::wider && before == nullptr) {
        change.impact = ChangeImpact::compatible;
        change.meaning = "Answers may now hold " + what + ".";
      }
    }
    changes_.push_back(std::move(change));
  }

  SchemaSide side_;
  std::vector<ToolChange>& changes_;
};

}  // namespace

void diff_schemas(const Json& before, const Json& after, const std::string& place, SchemaSide side,
                  std::vector<ToolChange>& changes) {
  SchemaDiff(side, changes).compare(before, after, place);
}

}  // namespace settle
