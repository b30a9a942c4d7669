#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace settle {

struct JsonMember;

/// One JSON value. Objects keep the order in which their members came; two objects are equal whatever their order.
/// Numbers keep their exact value: an integer that fits 64 bits, else a double that stands for exactly the same
/// decimal digits, else the text of the token (`Decimal`, only with `JsonNumbers::exact`).
class Json {
 public:
  enum class Type : std::uint8_t { null, boolean, integer, real, decimal, string, array, object };
  struct Decimal {
    std::string text;  ///< as RFC 8259 §6 writes it
  };
  using Array = std::vector<Json>;
  using Object = std::vector<JsonMember>;

  Json() noexcept;
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();
  // Conversions are the point of all of these.
  Json(std::nullptr_t) noexcept;  // NOLINT
  Json(bool value);               // NOLINT
  Json(int value);                // NOLINT
  Json(std::int64_t value);       // NOLINT
  Json(std::uint64_t value);      // NOLINT  beyond int64: a Decimal
  Json(double value);             // NOLINT  an integral value within ±(2^53-1) becomes `integer`; must be finite
  Json(Decimal value);            // NOLINT
  Json(std::string value);        // NOLINT
  Json(std::string_view value);   // NOLINT
  Json(const char* value);        // NOLINT
  Json(Array value);              // NOLINT
  Json(Object value);             // NOLINT
  static Json array();
  static Json object();
  /// Json::object({{"a", 1}, {"b", "x"}}); names must differ.
  static Json object(std::initializer_list<std::pair<std::string_view, Json>> members);

  Type type() const { return static_cast<Type>(held_.index()); }
  bool is_null() const { return type() == Type::null; }
  bool is_bool() const { return type() == Type::boolean; }
  bool is_integer() const { return type() == Type::integer; }
  bool is_number() const { return type() == Type::integer || type() == Type::real || type() == Type::decimal; }
  bool is_string() const { return type() == Type::string; }
  bool is_array() const { return type() == Type::array; }
  bool is_object() const { return type() == Type::object; }
  /// "null", "boolean", "integer", "number", "string", "array" or "object", for messages.
  std::string_view type_name() const;

  // The value as its type; calling one that does not fit is a bug (assertion).
  bool as_bool() const;
  std::int64_t as_integer() const;
  double as_double() const;  ///< any number, rounded to the nearest double
  const Decimal& as_decimal() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  Array& as_array();
  const Object& as_object() const;
  Object& as_object();

  /// The member `name`, or null when there is none or this is no object. Linear; objects here are small.
  const Json* find(std::string_view name) const;
  Json* find(std::string_view name);
  /// Sets or replaces a member and returns its value; this must be an object (a null becomes one).
  Json& set(std::string_view name, Json value);
  /// Removes a member; false when there was none.
  bool erase(std::string_view name);
  /// Appends to an array (a null becomes one).
  void push_back(Json value);
  /// The members or elements; 0 for anything else.
  std::size_t size() const;

  /// Equality by value: 1 equals 1.0, members in any order. Types never mix: 1 and "1" and true differ.
  friend bool operator==(const Json& a, const Json& b);

 private:
  // Everything that touches held_ is defined after JsonMember is complete: at the end of this header or in
  // json_value.cc.
  std::variant<std::nullptr_t, bool, std::int64_t, double, Decimal, std::string, Array, Object> held_;
};

struct JsonMember {
  std::string name;
  Json value;
};

inline Json::Json() noexcept = default;
inline Json::Json(const Json& other) = default;
inline Json::Json(Json&& other) noexcept = default;
inline Json& Json::operator=(const Json& other) = default;
inline Json& Json::operator=(Json&& other) noexcept = default;
inline Json::~Json() = default;
inline Json::Json(std::nullptr_t) noexcept {}
inline Json::Json(bool value) : held_(value) {}
inline Json::Json(int value) : held_(std::int64_t{value}) {}
inline Json::Json(std::int64_t value) : held_(value) {}
inline Json::Json(Decimal value) : held_(std::move(value)) {}
inline Json::Json(std::string value) : held_(std::move(value)) {}
inline Json::Json(std::string_view value) : held_(std::string(value)) {}
inline Json::Json(const char* value) : held_(std::string(value)) {}
inline Json::Json(Array value) : held_(std::move(value)) {}
inline Json::Json(Object value) : held_(std::move(value)) {}
inline bool Json::as_bool() const {
  SETTLE_ASSERT(is_bool());
  return *std::get_if<bool>(&held_);
}
inline std::int64_t Json::as_integer() const {
  SETTLE_ASSERT(is_integer());
  return *std::get_if<std::int64_t>(&held_);
}
inline const std::string& Json::as_string() const {
  SETTLE_ASSERT(is_string());
  return *std::get_if<std::string>(&held_);
}
inline const Json::Array& Json::as_array() const {
  SETTLE_ASSERT(is_array());
  return *std::get_if<Array>(&held_);
}
inline const Json::Object& Json::as_object() const {
  SETTLE_ASSERT(is_object());
  return *std::get_if<Object>(&held_);
}

/// Orders two numbers by their exact values: negative, 0 or positive. Both must be numbers.
int compare_numbers(const Json& a, const Json& b);

/// What the reader does with numbers that a double can't hold exactly.
enum class JsonNumbers : std::uint8_t {
  strict,  ///< plans, tools, requests: an integer beyond ±(2^53-1) is refused; fractions are read as doubles
  exact,   ///< answers of tools: any such number keeps the text of its token
};

struct JsonLimits {
  std::size_t bytes_max = 1 << 20;
  std::size_t depth_max = 64;
  std::size_t nodes_max = 100'000;
  JsonNumbers numbers = JsonNumbers::strict;
};

/// For what Settle wrote itself: as large as it comes, with the numbers as they came.
inline constexpr JsonLimits own_text{.bytes_max = std::size_t{1} << 30,
                                     .depth_max = 256,
                                     .nodes_max = std::size_t{1} << 30,
                                     .numbers = JsonNumbers::exact};

/// Reads one JSON text (RFC 8259) strictly: UTF-8 checked, no byte order mark, no NUL byte outside of an escape (and
/// \u0000 is refused too), no duplicate names, no unpaired surrogates, nothing after the value.
/// Errors: malformed_json, payload_too_large (bytes, depth or nodes beyond the limits); `problems[0]` has the JSON
/// Pointer of the place and one of the codes documented in docs/codes.md; the message has line and column. Thread: any.
Result<Json> read_json(std::string_view text, const JsonLimits& limits = {});

/// RFC 8785: members ordered by UTF-16 code units, numbers as ECMAScript prints them, no white space. A Decimal is
/// written by its value: normalised digits, so that equal numbers give equal bytes. Appends to `out`.
void write_canonical(const Json& value, std::string& out);
std::string canonical(const Json& value);

/// For people and for answers: members in their own order. `indent` 0: one line without spaces.
std::string write_json(const Json& value, int indent = 0);

/// Appends `text` as a JSON string with its quotation marks, escaped as RFC 8785 demands.
void write_json_string(std::string_view text, std::string& out);

}  // namespace settle
