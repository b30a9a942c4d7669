#include "workflows/check_fit.h"

#include <algorithm>

#include "base/text.h"

namespace settle {
namespace {

constexpr std::uint8_t texts = json_kinds::of(Json::Type::string), lists = json_kinds::of(Json::Type::array),
                       objects = json_kinds::of(Json::Type::object);

/// What an operator can say something about; all kinds where it takes any.
std::uint8_t taken_by(Operator op) {
  switch (op) {
    case Operator::equals_ignoring_case:
    case Operator::matches:
      return texts;
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal:
      return texts | json_kinds::numbers;
    case Operator::contains:
      return texts | lists | objects;
    case Operator::count:
      return lists | objects;
    case Operator::increased_by:
    case Operator::decreased_by:
      return json_kinds::numbers;
    default:
      return json_kinds::all;
  }
}

bool compares_values(Operator op) {
  switch (op) {
    case Operator::equals:
    case Operator::not_equals:
    case Operator::equals_ignoring_case:
    case Operator::equals_unordered:
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal:
      return true;
    default:
      return false;
  }
}

/// What is known of an expectation. `own` holds the schema that stands for a constant or a text.
struct Expected {
  Json own;
  std::optional<Schema::Place> place;
};

class CheckFit {
 public:
  CheckFit(const SchemaView& answer, const Tool& tool, std::vector<Problem>& problems)
      : answer_(answer), tool_(tool), problems_(problems) {}

  void run(const Check& check) {
    for (const Check& child : check.children()) run(child);
    if (!check.children().empty()) return;
    const SchemaView at = check_pointer(check.at(), answer_, false, check.place() + "/at", problems_);
    const Schema::Place place = at.place();
    if (!place.possible) return;
    if (const std::uint8_t taken = taken_by(check.op()); !may_be(place, taken))
      return types(check, json_kinds::text(taken), types_text(place));
    if (compares_before(check.op())) before(check);
    if (check.op() == Operator::in) return one_of(check, place);
    if (!compares_values(check.op()) && !compares_before(check.op())) return;
    Expected expected;
    expectation(check.expected(), expected);
    if (!expected.place) return;
    if (!may_be_equal(place, *expected.place)) return types(check, types_text(place), types_text(*expected.place));
    const Json* constant = expected.own.find("const");
    if (constant != nullptr && (check.op() == Operator::equals || check.op() == Operator::not_equals))
      value(check, place, *constant);
  }

 private:
  void types(const Check& check, const std::string& wanted, const std::string& got) {
    problems_.push_back({operator_place(check), "check_types", wanted, got,
                         "types never mix: \"" + std::string(name_of(check.op())) + "\" at " +
                             (check.at().tokens.empty() ? "the root" : check.at().text()) + " takes " + wanted +
                             ", and this is " + got});
  }

  static std::string operator_place(const Check& check) {
    return check.place() + "/" + std::string(name_of(check.op()));
  }

  /// A text where the schema names the only ones that there are.
  void value(const Check& check, const Schema::Place& place, const Json& constant) {
    const std::vector<std::string> choices = text_choices(place);
    if (choices.empty() || !constant.is_string()) return;
    if (std::find(choices.begin(), choices.end(), constant.as_string()) != choices.end()) return;
    const std::string near = nearest(constant.as_string(), choices).value_or("");
    std::string all;
    for (std::size_t i = 0; i < choices.size() && i < 12; ++i) all += (i == 0 ? "one of " : ", ") + choices[i];
    problems_.push_back({operator_place(check), "check_value", all, shorten(constant.as_string(), 80),
                         "the answer never has this value at " + check.at().text() + did_you_mean(near), near});
  }

  void one_of(const Check& check, const Schema::Place& place) {
    if (!check.expected().is_constant()) return;
    const Result<Json> list = check.expected().resolve(Scope());
    if (!list || !list->is_array()) return;
    for (const Json& element : list->as_array()) {
      const Json schema = Json::object({{"const", element}});
      Schema::Place own;
      own.schemas.push_back(&schema);
      if (!may_be_equal(place, own)) return types(check, types_text(place), types_text(own));
      value(check, place, element);
    }
  }

  /// The same place of the look before must hold a number too.
  void before(const Check& check) {
    if (!tool_.before || !tool_.before->answer_schema) return;
    const Schema::Place place = tool_.before->answer_schema->at(check.at().tokens);
    if (place.possible && !may_be(place, json_kinds::numbers))
      types(check, "a number in the answer of verify.before", types_text(place));
  }

  void expectation(const Template& expected, Expected& out) {
    out.place.emplace();
    std::vector<Template::Hole> holes;
    const Json value = expected.resolve_known(Scope(), holes);
    if (holes.empty()) {
      out.own = Json::object({{"const", value}});
    } else if (!holes[0].place.empty()) {
      out.own = Json::object({{"type", value.type_name()}});
    } else if (holes[0].text) {
      out.own = Json::object({{"type", "string"}});
    } else if (holes[0].sources.size() == 1) {
      return of_source(holes[0].sources[0], out);
    } else {
      out.place.reset();
      return;
    }
    out.place->schemas.push_back(&out.own);
  }

  void of_source(const Pointer& source, Expected& out) {
    const std::string& root = source.tokens[0];
    if (root == "record_id" || root == "idempotency_key") {
      out.own = Json::object({{"type", "string"}});
      out.place->schemas.push_back(&out.own);
      return;
    }
    const Schema* schema = root == "input"                    ? tool_.input_schema.get()
                           : root == "output"                 ? tool_.output_schema.get()
                           : root == "before" && tool_.before ? tool_.before->answer_schema.get()
                                                              : nullptr;
    if (schema == nullptr) return out.place.reset();
    *out.place = schema->at({source.tokens.begin() + 1, source.tokens.end()});
    if (!out.place->possible) out.place.reset();  // the reference itself was refused
  }

  const SchemaView& answer_;
  const Tool& tool_;
  std::vector<Problem>& problems_;
};

}  // namespace

SchemaView element_of(const SchemaView& list) {
  return list.below("1000000");  // past any element that has a schema of its own
}

SchemaView check_pointer(const Pointer& pointer, const SchemaView& answer, bool list, const std::string& place,
                         std::vector<Problem>& problems) {
  SchemaView at = answer;
  for (std::size_t depth = 0; depth < pointer.tokens.size(); ++depth) {
    const SchemaView below = at.below(pointer.tokens[depth]);
    if (below.place().possible) {
      at = below;
      continue;
    }
    std::string suggestion;
    if (const std::optional<std::string> near = nearest(pointer.tokens[depth], at.names())) {
      Pointer better = pointer;
      better.tokens[depth] = *near;
      suggestion = better.text();
    }
    problems.push_back({place, "check_not_in_schema", "a place that the schema of the answer allows", pointer.text(),
                        "the schema of the answer has no place " + pointer.text() + did_you_mean(suggestion),
                        suggestion});
    for (; depth < pointer.tokens.size(); ++depth) at = at.below(pointer.tokens[depth]);
    return at;
  }
  if (list && !may_be(at.place(), lists))
    problems.push_back(
        {place, "check_types", "a list", types_text(at.place()), "the answer has no list at " + pointer.text()});
  return at;
}

void check_fits(const std::vector<Check>& checks, const SchemaView& answer, const Tool& tool,
                std::vector<Problem>& problems) {
  CheckFit fits(answer, tool, problems);
  for (const Check& check : checks) fits.run(check);
}

}  // namespace settle
