#include "workflows/fields.h"

#include <algorithm>

#include "base/text.h"

namespace settle {

std::string got_text(const Json& value) {
  return shorten(write_json(value), 80);
}

Fields::Fields(const Json& object, std::string place, std::vector<Problem>& problems)
    : object_(object.is_object() ? &object : nullptr), place_(std::move(place)), problems_(problems) {
  if (object_ == nullptr) {
    problems_.push_back(
        {place_, "wrong_type", "an object", std::string(object.type_name()), "an object is needed here"});
  }
}

std::string Fields::place_of(std::string_view name) const {
  return place_ + "/" + escape_token(name);
}

void Fields::problem(std::string_view name, std::string code, std::string expected, std::string message,
                     std::string suggestion) {
  const Json* value = object_ == nullptr ? nullptr : object_->find(name);
  problems_.push_back({place_of(name), std::move(code), std::move(expected),
                       value == nullptr ? "nothing" : got_text(*value), std::move(message), std::move(suggestion)});
}

const Json* Fields::take(std::string_view name) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) known_.emplace_back(name);
  return object_ == nullptr ? nullptr : object_->find(name);
}

const Json* Fields::need(std::string_view name, std::string_view expected) {
  const Json* value = take(name);
  if (value == nullptr && object_ != nullptr) {
    problem(name, "missing_member", std::string(expected), "the member \"" + std::string(name) + "\" is required");
  }
  return value;
}

std::optional<std::string> Fields::text(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->as_string();
  problem(name, "wrong_type", "a string", "\"" + std::string(name) + "\" takes a string");
  return std::nullopt;
}

std::string Fields::needed_text(std::string_view name) {
  if (need(name, "a string") == nullptr) return "";
  const std::optional<std::string> given = text(name);
  if (given && given->empty())
    problem(name, "empty_text", "a string, not empty",
            "\"" + std::string(name) + "\" takes a string that says something");
  return given.value_or("");
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->as_bool();
  problem(name, "wrong_type", "true or false", "\"" + std::string(name) + "\" takes true or false");
  return std::nullopt;
}

std::optional<Duration> Fields::duration(std::string_view name, Duration at_least) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<Duration> read = value->is_string() ? parse_duration(value->as_string()) : std::nullopt;
  if (read && *read >= at_least) return read;
  problem(name, "not_a_duration",
          "a duration such as \"200ms\", \"10s\" or \"24h\"" +
              (at_least.count() > 0 ? ", at least " + format_duration(at_least) : std::string()),
          "\"" + std::string(name) + "\" takes a duration");
  return std::nullopt;
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_integer() && value->as_integer() >= least && value->as_integer() <= most) return value->as_integer();
  problem(name, "out_of_range", "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
          "\"" + std::string(name) + "\" takes a whole number");
  return std::nullopt;
}

std::optional<double> Fields::number(std::string_view name, double least, double most) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number() && value->as_double() >= least && value->as_double() <= most) return value->as_double();
  problem(name, "out_of_range", "a number from " + canonical(Json(least)) + " to " + canonical(Json(most)),
          "\"" + std::string(name) + "\" takes a number");
  return std::nullopt;
}

std::optional<Pointer> Fields::pointer(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  std::optional<Pointer> read = value->is_string() ? Pointer::parse(value->as_string()) : std::nullopt;
  if (!read)
    problem(name, "not_a_pointer", "a JSON Pointer (RFC 6901) such as /id",
            "\"" + std::string(name) + "\" takes a JSON Pointer");
  return read;
}

std::optional<std::size_t> Fields::choice(std::string_view name, std::initializer_list<std::string_view> choices) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  const auto* found =
      value->is_string() ? std::find(choices.begin(), choices.end(), value->as_string()) : choices.end();
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  std::string expected = "one of";
  std::vector<std::string> known;
  for (const std::string_view one : choices) {
    expected += (known.empty() ? " \"" : ", \"") + std::string(one) + "\"";
    known.emplace_back(one);
  }
  const std::optional<std::string> near = value->is_string() ? nearest(value->as_string(), known) : std::nullopt;
  problem(name, "not_in_list", expected, "\"" + std::string(name) + "\" takes " + expected + did_you_mean(near),
          near.value_or(""));
  return std::nullopt;
}

void Fields::not_yet(std::string_view name, std::string_view code) {
  if (take(name) == nullptr) return;
  problem(name, std::string(code), "no \"" + std::string(name) + "\"",
          "\"" + std::string(name) +
              "\" is not offered by this version of Settle; it is refused, so that nothing relies on it");
}

void Fields::finish() {
  if (object_ == nullptr) return;
  for (const JsonMember& member : object_->as_object()) {
    if (std::find(known_.begin(), known_.end(), member.name) != known_.end()) continue;
    const std::optional<std::string> near = nearest(member.name, known_);
    std::string expected = "one of";
    for (std::size_t i = 0; i < known_.size(); ++i) expected += (i == 0 ? " " : ", ") + known_[i];
    problem(member.name, "unknown_member", std::move(expected),
            "there is no member \"" + shorten(member.name, 60) + "\" here" + did_you_mean(near), near.value_or(""));
  }
}

void read_labels(const Json& document, const std::string& place, std::map<std::string, std::string>& labels,
                 std::vector<Problem>& problems) {
  Fields members(document, place, problems);
  if (!members.is_object()) return;
  for (const auto& [name, value] : document.as_object()) {
    if (!is_name(name))
      members.problem(name, "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", "a label's name has other characters");
    if (!value.is_string() || value.as_string().size() > 256) {
      members.problem(name, "wrong_type", "a string of at most 256 bytes", "a label's value is a short string");
    } else {
      labels[name] = value.as_string();
    }
  }
}

}  // namespace settle
