#include "workflows/schema_fit.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/pointer.h"
#include "base/text.h"

namespace settle {
namespace {

constexpr std::size_t depth_max = 12;
constexpr std::size_t values_max = 200;
constexpr int places_max = 2'000;

using Types = std::uint8_t;  // of json_kinds
using Kind = Json::Type;
constexpr Types string_bit = json_kinds::of(Kind::string), array_bit = json_kinds::of(Kind::array),
                object_bit = json_kinds::of(Kind::object);

Types types_of_keyword(const Json& type) {
  if (type.is_string()) return json_kinds::named(type.as_string());
  Types out = json_kinds::none;
  for (std::size_t i = 0; type.is_array() && i < type.size(); ++i) out |= types_of_keyword(type.as_array()[i]);
  return out;
}

/// Formats of which no text has two. (An e-mail address is no date; a hostname may be an IPv4 address, so it is not
/// here.)
bool exclude_each_other(const std::string& a, const std::string& b) {
  constexpr std::array<std::string_view, 8> groups = {"email",     "uuid", "date", "time",
                                                      "date-time", "ipv4", "ipv6", "uri"};
  const auto known = [&](const std::string& name) {
    return std::find(groups.begin(), groups.end(), name) != groups.end();
  };
  return a != b && known(a) && known(b);
}

/// Keywords that at() has followed, or that decide nothing here.
bool is_followed(const std::string& keyword) {
  constexpr std::array<std::string_view, 26> followed = {"$ref",
                                                         "$dynamicRef",
                                                         "allOf",
                                                         "properties",
                                                         "required",
                                                         "additionalProperties",
                                                         "items",
                                                         "$schema",
                                                         "$id",
                                                         "$anchor",
                                                         "$defs",
                                                         "definitions",
                                                         "$comment",
                                                         "title",
                                                         "description",
                                                         "default",
                                                         "examples",
                                                         "deprecated",
                                                         "readOnly",
                                                         "writeOnly",
                                                         "prefixItems",
                                                         "$dynamicAnchor",
                                                         "$vocabulary",
                                                         "contentEncoding",
                                                         "contentMediaType",
                                                         "contentSchema"};
  return std::find(followed.begin(), followed.end(), keyword) != followed.end();
}

/// What a conjunction of schemas says about one value, without its members and elements.
struct Shape {
  Types types = json_kinds::all;
  std::optional<std::vector<const Json*>> values;  ///< of enum and const
  std::vector<std::string> formats, patterns;
  const Json* least = nullptr;  ///< minimum and exclusiveMinimum, as far as one number tells
  const Json* most = nullptr;
  bool least_excluded = false, most_excluded = false;
  std::uint64_t length_least = 0, length_most = UINT64_MAX, items_least = 0, items_most = UINT64_MAX;
  bool closed = false;  ///< additionalProperties: false somewhere
  std::string opaque;   ///< a keyword that is decided only when the value is known
};

std::uint64_t count_of(const Json& value) {
  return value.is_integer() && value.as_integer() >= 0 ? static_cast<std::uint64_t>(value.as_integer()) : 0;
}

void keep_values(Shape& shape, const std::vector<const Json*>& values) {
  if (!shape.values) {
    shape.values = values;
    return;
  }
  std::erase_if(*shape.values, [&](const Json* kept) {
    return std::none_of(values.begin(), values.end(), [&](const Json* one) { return *one == *kept; });
  });
}

void raise_least(Shape& shape, const Json& bound, bool excluded) {
  if (!bound.is_number()) return;
  const int sign = shape.least == nullptr ? -1 : compare_numbers(*shape.least, bound);
  if (sign > 0 || (sign == 0 && !excluded)) return;
  shape.least = &bound;
  shape.least_excluded = excluded;
}

void lower_most(Shape& shape, const Json& bound, bool excluded) {
  if (!bound.is_number()) return;
  const int sign = shape.most == nullptr ? 1 : compare_numbers(*shape.most, bound);
  if (sign < 0 || (sign == 0 && !excluded)) return;
  shape.most = &bound;
  shape.most_excluded = excluded;
}

void add_keyword(Shape& shape, const std::string& name, const Json& value) {
  if (name == "type") {
    shape.types &= types_of_keyword(value);
  } else if (name == "const") {
    keep_values(shape, {&value});
  } else if (name == "enum" && value.is_array()) {
    std::vector<const Json*> values;
    for (const Json& one : value.as_array()) values.push_back(&one);
    keep_values(shape, values);
  } else if (name == "format" && value.is_string()) {
    shape.formats.push_back(value.as_string());
  } else if (name == "pattern" && value.is_string()) {
    shape.patterns.push_back(value.as_string());
  } else if (name == "minimum" || name == "exclusiveMinimum") {
    raise_least(shape, value, name != "minimum");
  } else if (name == "maximum" || name == "exclusiveMaximum") {
    lower_most(shape, value, name != "maximum");
  } else if (name == "minLength") {
    shape.length_least = std::max(shape.length_least, count_of(value));
  } else if (name == "maxLength") {
    shape.length_most = std::min(shape.length_most, count_of(value));
  } else if (name == "minItems") {
    shape.items_least = std::max(shape.items_least, count_of(value));
  } else if (name == "maxItems") {
    shape.items_most = std::min(shape.items_most, count_of(value));
  } else if (!is_followed(name)) {
    shape.opaque = name;
  }
  if (name == "additionalProperties" && value == Json(false)) shape.closed = true;
}

Shape shape_of(const Schema::Place& place) {
  Shape shape;
  for (const Json* schema : place.schemas) {
    if (!schema->is_object()) continue;
    for (const JsonMember& member : schema->as_object()) add_keyword(shape, member.name, member.value);
  }
  if (shape.values) {  // an enum tells types that `type` left open
    Types of_values = 0;
    for (const Json* value : *shape.values) of_values |= json_kinds::of(value->type());
    shape.types &= of_values;
  }
  return shape;
}

std::string list_text(const std::vector<const Json*>& values) {
  std::string out;
  for (std::size_t i = 0; i < values.size() && i < 20; ++i) out += (i == 0 ? "" : ", ") + canonical(*values[i]);
  return (values.size() == 1 ? "" : "one of ") + shorten(out, 200);
}

/// Collects the verdicts of the keywords: one "never" decides, one doubt is enough for "undecided".
class Fitting {
 public:
  explicit Fitting(int& budget) : budget_(budget) {}
  Fit run(const SchemaView& from, const SchemaView& to, std::size_t depth);
  Fit text(const Shape& to, std::size_t length_least);

 private:
  void never(std::string keyword, std::string expected, std::string got) {
    if (fit_.verdict == Fit::Verdict::never) return;
    fit_ = {Fit::Verdict::never, "", std::move(keyword), std::move(expected), std::move(got)};
  }
  void doubt(std::string keyword, std::string expected, std::string got) {
    if (fit_.verdict != Fit::Verdict::always) return;
    fit_ = {Fit::Verdict::undecided, "", std::move(keyword), std::move(expected), std::move(got)};
  }
  void types(const Shape& from, const Shape& to);
  void values(const Shape& from, const Shape& to);
  struct Range {
    std::uint64_t least, most;
  };
  void counts(Range given, Range taken, bool only, const std::string& keyword, const std::string& unit,
              const std::string& thing);
  void strings(const Shape& from, const Shape& to);
  void numbers(const Shape& from, const Shape& to);
  void members(const SchemaView& from, const SchemaView& to, const Shape& given, const Shape& taken, std::size_t depth);
  void elements(const SchemaView& from, const SchemaView& to, const Shape& given, const Shape& taken,
                std::size_t depth);
  void inner(const std::string& token, const Fit& found, bool always_there);

  int& budget_;  ///< places that may still be compared: recursive schemas have no end
  Fit fit_;
};

void Fitting::types(const Shape& from, const Shape& to) {
  if ((from.types & to.types) == 0)
    never("type", json_kinds::text(to.types), from.types == 0 ? "nothing" : json_kinds::text(from.types));
  else if ((from.types & ~to.types) != 0)
    doubt("type", json_kinds::text(to.types), json_kinds::text(from.types));
}

void Fitting::values(const Shape& from, const Shape& to) {
  if (!to.values) return;
  const std::string expected = list_text(*to.values);
  if (!from.values) return doubt("enum", expected, "a value that is not known yet");
  if (from.values->size() > values_max) return doubt("enum", expected, "many values");
  const auto passing = std::count_if(from.values->begin(), from.values->end(), [&](const Json* value) {
    return std::any_of(to.values->begin(), to.values->end(), [&](const Json* one) { return *one == *value; });
  });
  if (passing == 0) return never("enum", expected, list_text(*from.values));
  if (static_cast<std::size_t>(passing) < from.values->size()) doubt("enum", expected, list_text(*from.values));
}

/// `only`: nothing else than what is counted here can pass.
void Fitting::counts(Range given, Range taken, bool only, const std::string& keyword, const std::string& unit,
                     const std::string& thing) {
  const auto at_least = [&](std::uint64_t n) { return "at least " + std::to_string(n) + unit; };
  const auto at_most = [&](std::uint64_t n) { return "at most " + std::to_string(n) + unit; };
  if (only && given.least > taken.most)
    never("max" + keyword, at_most(taken.most), at_least(given.least));
  else if (only && given.most < taken.least)
    never("min" + keyword, at_least(taken.least), at_most(given.most));
  else if (given.least < taken.least)
    doubt("min" + keyword, at_least(taken.least), thing + " that may be shorter");
  else if (given.most > taken.most)
    doubt("max" + keyword, at_most(taken.most), thing + " that may be longer");
}

void Fitting::strings(const Shape& from, const Shape& to) {
  if ((from.types & to.types & string_bit) == 0) return;
  const bool only = (from.types & to.types) == string_bit;  // else a value of another type may pass
  for (const std::string& format : to.formats) {
    if (std::find(from.formats.begin(), from.formats.end(), format) != from.formats.end()) continue;
    const auto clash = std::find_if(from.formats.begin(), from.formats.end(),
                                    [&](const std::string& given) { return exclude_each_other(given, format); });
    if (clash != from.formats.end() && only)
      never("format", format, *clash);
    else
      doubt("format", format, from.formats.empty() ? "text of no stated format" : from.formats.front());
  }
  for (const std::string& pattern : to.patterns) {
    if (std::find(from.patterns.begin(), from.patterns.end(), pattern) == from.patterns.end())
      doubt("pattern", pattern, from.patterns.empty() ? "text of no stated pattern" : from.patterns.front());
  }
  counts({from.length_least, from.length_most}, {to.length_least, to.length_most}, only, "Length", " characters",
         "text");
}

void Fitting::numbers(const Shape& from, const Shape& to) {
  constexpr Types number = json_kinds::numbers;
  if ((from.types & to.types & number) == 0) return;
  const bool only = (from.types & to.types & ~number) == 0;
  const auto apart = [](const Json* most, bool most_excluded, const Json* least, bool least_excluded) {
    if (most == nullptr || least == nullptr) return false;
    const int sign = compare_numbers(*most, *least);
    return sign < 0 || (sign == 0 && (most_excluded || least_excluded));
  };
  const auto bound = [](const char* word, const Json* value) {
    return value == nullptr ? std::string("a number without that bound") : word + canonical(*value);
  };
  if (only && apart(from.most, from.most_excluded, to.least, to.least_excluded))
    return never("minimum", bound("at least ", to.least), bound("at most ", from.most));
  if (only && apart(to.most, to.most_excluded, from.least, from.least_excluded))
    return never("maximum", bound("at most ", to.most), bound("at least ", from.least));
  const auto inside = [](const Json* outer, bool outer_excluded, const Json* given, bool given_excluded,
                         int direction) {
    if (outer == nullptr) return true;
    if (given == nullptr) return false;
    const int sign = compare_numbers(*given, *outer) * direction;
    return sign > 0 || (sign == 0 && (given_excluded || !outer_excluded));
  };
  if (!inside(to.least, to.least_excluded, from.least, from.least_excluded, 1))
    doubt("minimum", bound("at least ", to.least), bound("at least ", from.least));
  if (!inside(to.most, to.most_excluded, from.most, from.most_excluded, -1))
    doubt("maximum", bound("at most ", to.most), bound("at most ", from.most));
}

void Fitting::inner(const std::string& token, const Fit& found, bool always_there) {
  if (found.verdict == Fit::Verdict::always) return;
  const bool decides = found.verdict == Fit::Verdict::never && always_there;
  if (fit_.verdict == Fit::Verdict::never || (!decides && fit_.verdict == Fit::Verdict::undecided)) return;
  fit_ = found;
  fit_.verdict = decides ? Fit::Verdict::never : Fit::Verdict::undecided;
  fit_.below = "/" + escape_token(token) + found.below;
}

void Fitting::members(const SchemaView& from, const SchemaView& to, const Shape& given, const Shape& taken,
                      std::size_t depth) {
  const bool only = (given.types & taken.types) == object_bit;
  for (const std::string& name : to.names()) {
    const SchemaView target = to.below(name), source = from.below(name);
    const Schema::Place wanted = target.place(), found = source.place();
    if (wanted.required && !found.possible && only)
      never("required", "the member \"" + name + "\"", "an object that never has it");
    else if (wanted.required && !found.required)
      doubt("required", "the member \"" + name + "\"", "an object that may lack it");
    if (found.possible && wanted.possible)
      inner(name, Fitting(budget_).run(source, target, depth + 1), found.required && only);
  }
  if (!taken.closed) return;
  for (const std::string& name : from.names()) {
    if (to.below(name).place().possible) continue;
    if (from.below(name).place().required && only)
      never("additionalProperties", "no member \"" + name + "\"", "an object that always has it");
    else if (from.below(name).place().possible)
      doubt("additionalProperties", "no member \"" + name + "\"", "an object that may have it");
  }
  if (!given.closed) doubt("additionalProperties", "no member that is not named", "an object that may have others");
}

void Fitting::elements(const SchemaView& from, const SchemaView& to, const Shape& given, const Shape& taken,
                       std::size_t depth) {
  const bool only = (given.types & taken.types) == array_bit;
  counts({given.items_least, given.items_most}, {taken.items_least, taken.items_most}, only, "Items", " elements",
         "a list");
  for (const std::string token : {"0", "1", "1000000"}) {  // the first ones may have schemas of their own
    const SchemaView source = from.below(token), target = to.below(token);
    if (!source.place().possible || given.items_most <= (token == "0" ? 0U : 1U)) break;
    inner(token, Fitting(budget_).run(source, target, depth + 1), only && token == "0" && given.items_least > 0);
  }
}

Fit Fitting::run(const SchemaView& from, const SchemaView& to, std::size_t depth) {
  const Schema::Place given = from.place(), wanted = to.place();
  if (wanted.schemas.empty()) return fit_;
  if (given.schemas == wanted.schemas) return fit_;
  const Shape source = shape_of(given), target = shape_of(wanted);
  types(source, target);
  if (fit_.verdict == Fit::Verdict::never) return fit_;
  if (depth > depth_max || --budget_ < 0) {
    doubt("depth", "schemas that are smaller or less deeply nested", "more than is compared");
    return fit_;
  }
  values(source, target);
  strings(source, target);
  numbers(source, target);
  if ((source.types & target.types & object_bit) != 0) members(from, to, source, target, depth);
  if ((source.types & target.types & array_bit) != 0) elements(from, to, source, target, depth);
  const bool same = given.schemas.size() == 1 && wanted.schemas.size() == 1 && *given.schemas[0] == *wanted.schemas[0];
  if (!target.opaque.empty() && !same)
    doubt(target.opaque, "what \"" + target.opaque + "\" demands", "a value that is not known yet");
  return fit_;
}

Fit Fitting::text(const Shape& to, std::size_t length_least) {
  Shape from;
  from.types = string_bit;
  from.length_least = length_least;
  types(from, to);
  values(from, to);
  if (fit_.verdict == Fit::Verdict::never) return fit_;
  strings(from, to);
  if (!to.opaque.empty()) doubt(to.opaque, "what \"" + to.opaque + "\" demands", "a text that is not known yet");
  return fit_;
}

}  // namespace

SchemaView SchemaView::below(const std::string& token) const {
  SchemaView out = *this;
  if (out.schema != nullptr) out.tokens.push_back(token);
  return out;
}

Schema::Place SchemaView::place() const {
  if (schema == nullptr) return {};
  if (!listed) return schema->at(tokens);
  static const Json list = Json::object({{"type", "array"}});
  if (tokens.empty()) return {{&list}, true, true};
  Schema::Place out = schema->at({tokens.begin() + 1, tokens.end()});
  out.possible = out.possible && parse_index(tokens[0]).has_value();
  out.required = false;  // the list may be shorter
  return out;
}

std::vector<std::string> SchemaView::names() const {
  if (schema == nullptr || (listed && tokens.empty())) return {};
  return schema->names_at(listed ? std::vector<std::string>(tokens.begin() + 1, tokens.end()) : tokens);
}

Fit fit(const SchemaView& from, const SchemaView& to) {
  int budget = places_max;
  return Fitting(budget).run(from, to, 0);
}

Fit fit_text(const SchemaView& to, std::size_t length_least) {
  const Schema::Place wanted = to.place();
  int budget = places_max;
  return wanted.schemas.empty() ? Fit() : Fitting(budget).text(shape_of(wanted), length_least);
}

std::string types_text(const Schema::Place& place) {
  const Types types = shape_of(place).types;
  return types == json_kinds::all ? "" : json_kinds::text(types);
}

bool may_be(const Schema::Place& place, std::uint8_t kinds) {
  const Types types = shape_of(place).types;
  return types == json_kinds::none || (types & kinds) != 0;
}

bool may_be_text(const Schema::Place& place) {
  return may_be(place, string_bit | json_kinds::numbers);
}

bool may_be_equal(const Schema::Place& a, const Schema::Place& b) {
  return (shape_of(a).types & shape_of(b).types) != 0;
}

std::vector<std::string> text_choices(const Schema::Place& place) {
  std::vector<std::string> out;
  const Shape shape = shape_of(place);
  for (std::size_t i = 0; shape.values && i < shape.values->size(); ++i) {
    if ((*shape.values)[i]->is_string()) out.push_back((*shape.values)[i]->as_string());
  }
  return out;
}

}  // namespace settle
