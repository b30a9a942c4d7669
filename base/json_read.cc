#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/decimal.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/pointer.h"
#include "base/text.h"

namespace settle {
namespace {

constexpr std::int64_t exact_integer_max = 9007199254740991;  // 2^53 - 1: above it doubles skip integers

/// Reader, writers, comparison and destruction of a value all recurse; no caller may ask for more than the stack bears.
constexpr std::size_t depth_limit = 1000;

/// Up to this many members, names are compared pair by pair; above it they are sorted.
constexpr std::size_t few_members = 16;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The bytes at `at` for `got` and messages: always printable UTF-8.
std::string describe(const char* at, const char* end) {
  if (at == end) return "the end of the text";
  const auto byte = static_cast<unsigned char>(*at);
  if (byte > 0x20 && byte < 0x7F) return byte == '"' ? "a quotation mark" : "\"" + std::string(1, *at) + "\"";
  const std::size_t length = utf8_sequence(at, end);
  if (length > 1) return "\"" + std::string(at, length) + "\"";
  constexpr std::string_view digits = "0123456789abcdef";
  return std::string("the byte 0x") + digits[byte >> 4] + digits[byte & 15];
}

void append_utf8(std::uint32_t code, std::string& out) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

/// The later one of two members with one name, or nothing. The earliest such member when there are several.
std::optional<std::size_t> duplicate_of(const Json::Object& members) {
  if (members.size() <= few_members) {
    for (std::size_t i = 1; i < members.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (members[i].name == members[j].name) return i;
      }
    }
    return std::nullopt;
  }
  // Sorting instead of hashing: nobody can choose names that make it slow.
  std::vector<const JsonMember*> sorted;
  sorted.reserve(members.size());
  for (const JsonMember& member : members) sorted.push_back(&member);
  std::sort(sorted.begin(), sorted.end(), [](const JsonMember* a, const JsonMember* b) {
    const int order = a->name.compare(b->name);
    return order < 0 || (order == 0 && a < b);
  });
  const JsonMember* found = nullptr;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i]->name == sorted[i - 1]->name && (found == nullptr || sorted[i] < found)) found = sorted[i];
  }
  if (found == nullptr) return std::nullopt;
  return static_cast<std::size_t>(found - members.data());
}

/// Recursive descent over the bytes. Each read_… begins on the first byte of its thing and ends behind the last one;
/// false means that `problem_` is set. On the way back up after a problem, every container adds its token to `path_`.
class Reader {
 public:
  Reader(std::string_view text, const JsonLimits& limits)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()), limits_(limits) {}

  Result<Json> read() {
    if (static_cast<std::size_t>(end_ - begin_) > limits_.bytes_max) {
      at_ = begin_ + limits_.bytes_max;
      const std::string most = "at most " + std::to_string(limits_.bytes_max) + " bytes";
      refuse_as(ErrorCode::payload_too_large, "too_large", most, std::to_string(end_ - begin_) + " bytes");
      return std::move(error_);
    }
    Json out;
    if (!read_text(out)) {
      complete_error();
      return std::move(error_);
    }
    return out;
  }

 private:
  bool read_text(Json& out) {
    skip_space();
    if (at_ == end_) return refuse("empty", "a JSON value", "nothing but white space");
    if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with("\xEF\xBB\xBF")) {
      return refuse("syntax", "a JSON value without a byte order mark before it", "a byte order mark");
    }
    if (!read_value(out, 0)) return false;
    skip_space();
    if (at_ == end_) return true;
    if (*at_ == '\0') return refuse("nul_character", "nothing after the value", "a NUL byte");
    return refuse("trailing_bytes", "nothing after the value", describe(at_, end_));
  }

  bool read_value(Json& out, std::size_t depth) {
    if (++nodes_ > limits_.nodes_max) {
      return refuse_as(ErrorCode::payload_too_large, "too_many_nodes",
                       "at most " + std::to_string(limits_.nodes_max) + " values", "more");
    }
    switch (at_ == end_ ? '\0' : *at_) {
      case '{':
        return read_object(out, depth + 1);
      case '[':
        return read_array(out, depth + 1);
      case '"': {
        std::string text;
        if (!read_string(text)) return false;
        out = Json(std::move(text));
        return true;
      }
      case 't':
        return read_word("true", Json(true), out);
      case 'f':
        return read_word("false", Json(false), out);
      case 'n':
        return read_word("null", Json(), out);
      case '-':
      case '0':
      case '1':
      case '2':
      case '3':
      case '4':
      case '5':
      case '6':
      case '7':
      case '8':
      case '9':
        return read_number(out);
      default:
        return refuse_byte("a JSON value");
    }
  }

  bool enter(std::size_t depth) {
    if (depth > limits_.depth_max) {
      return refuse_as(ErrorCode::payload_too_large, "too_deep",
                       "arrays and objects nested at most " + std::to_string(limits_.depth_max) + " deep", "one more");
    }
    ++at_;
    skip_space();
    return true;
  }

  bool read_array(Json& out, std::size_t depth) {
    if (!enter(depth)) return false;
    Json::Array elements;
    if (at_ == end_ || *at_ != ']') {
      elements.reserve(4);
      do {
        skip_space();
        if (!read_value(elements.emplace_back(), depth)) {
          path_.push_back(std::to_string(elements.size() - 1));
          return false;
        }
        skip_space();
      } while (take(','));
    }
    if (!take(']')) return refuse_byte("\",\" or \"]\" after an element");
    out = Json(std::move(elements));
    return true;
  }

  bool read_object(Json& out, std::size_t depth) {
    if (!enter(depth)) return false;
    const std::size_t first_start = name_starts_.size();
    Json::Object members;
    if (at_ == end_ || *at_ != '}') {
      members.reserve(4);
      do {
        skip_space();
        if (!read_member(members.emplace_back(), depth)) return false;
        skip_space();
      } while (take(','));
    }
    if (!take('}')) return refuse_byte("\",\" or \"}\" after a member");
    if (const std::optional<std::size_t> duplicate = duplicate_of(members)) {
      at_ = begin_ + name_starts_[first_start + *duplicate];
      path_.push_back(members[*duplicate].name);
      return refuse("duplicate_name", "names that differ",
                    "the name \"" + shorten(members[*duplicate].name, 80) + "\" again");
    }
    name_starts_.resize(first_start);
    out = Json(std::move(members));
    return true;
  }

  bool read_member(JsonMember& member, std::size_t depth) {
    if (at_ == end_ || *at_ != '"') return refuse_byte("the name of a member in quotation marks");
    name_starts_.push_back(static_cast<std::size_t>(at_ - begin_));
    if (!read_string(member.name)) return false;
    skip_space();
    const bool good = take(':') ? (skip_space(), read_value(member.value, depth)) : refuse_byte("\":\" after the name");
    if (!good) path_.push_back(member.name);
    return good;
  }

  bool read_string(std::string& out) {
    ++at_;
    const char* run = at_;
    for (;;) {
      at_ = skip_plain(at_, end_);
      if (at_ == end_) return refuse_byte("a quotation mark that ends the string");
      if (*at_ == '"') {
        out.append(run, static_cast<std::size_t>(at_ - run));
        ++at_;
        return true;
      }
      if (*at_ == '\\') {
        out.append(run, static_cast<std::size_t>(at_ - run));
        if (!read_escape(out)) return false;
        run = at_;
      } else if (const std::size_t length = utf8_sequence(at_, end_); length > 1) {
        at_ += length;
      } else {
        return refuse_byte("control characters as escapes (\\n, \\u001f)");
      }
    }
  }

  bool read_escape(std::string& out) {
    const char* const start = at_++;
    const char kind = at_ == end_ ? '\0' : *at_;
    switch (kind) {
      case '"':
      case '\\':
      case '/':
        out += kind;
        break;
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u':
        ++at_;
        return read_unicode_escape(start, out);
      default:
        return refuse_byte("one of \" \\ / b f n r t u after a backslash");
    }
    ++at_;
    return true;
  }

  /// `start` is the backslash; at_ is behind "\u".
  bool read_unicode_escape(const char* start, std::string& out) {
    std::uint32_t code = 0;
    if (!read_four_hex(code)) return false;
    if (code == 0) return refuse_at(start, "nul_character", "text without NUL characters", "\\u0000");
    if (code >= 0xD800 && code < 0xE000) {
      std::uint32_t low = 0;
      const bool another = code < 0xDC00 && end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'u';
      if (another) {
        at_ += 2;
        if (!read_four_hex(low)) return false;
      }
      if (low < 0xDC00 || low >= 0xE000) {
        return refuse_at(start, "unpaired_surrogate", "surrogates in pairs", std::string(start, 6));
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(code, out);
    return true;
  }

  bool read_four_hex(std::uint32_t& code) {
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = at_ == end_ ? '\0' : *at_;
      std::uint32_t digit = 0;
      if (is_digit(c)) {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        digit = static_cast<std::uint32_t>((c | 0x20) - 'a') + 10;
      } else {
        return refuse_byte("four hexadecimal digits after \\u");
      }
      code = code * 16 + digit;
    }
    return true;
  }

  bool read_word(std::string_view word, Json value, Json& out) {
    for (const char c : word) {
      if (at_ == end_ || *at_ != c) return refuse_byte("the literal " + std::string(word));
      ++at_;
    }
    out = std::move(value);
    return true;
  }

  bool read_number(Json& out) {
    const char* const first = at_;
    bool whole = true;
    take('-');
    if (take('0')) {
      if (at_ != end_ && is_digit(*at_)) return refuse_byte("a number without leading zeros");
    } else if (!skip_digits()) {
      return refuse_byte("a digit");
    }
    if (take('.')) {
      whole = false;
      if (!skip_digits()) return refuse_byte("a digit after the decimal point");
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      whole = false;
      ++at_;
      if (!take('+')) take('-');
      if (!skip_digits()) return refuse_byte("a digit in the exponent");
    }
    const std::string_view token(first, static_cast<std::size_t>(at_ - first));
    if (whole) {
      std::int64_t value = 0;
      const bool fits = std::from_chars(first, at_, value).ec == std::errc();
      if (fits && (limits_.numbers == JsonNumbers::exact || std::abs(value) <= exact_integer_max)) {
        out = Json(value);
        return true;
      }
      if (limits_.numbers == JsonNumbers::strict) {
        return refuse_at(first, "number_not_exact", "an integer within ±9007199254740991, or the number as a string",
                         shorten(token, 80));
      }
    }
    return limits_.numbers == JsonNumbers::strict ? real_number(token, out) : exact_number(token, out);
  }

  bool real_number(std::string_view token, Json& out) {
    const std::optional<double> value = nearest_double(token);
    if (!value)
      return refuse_at(token.data(), "number_too_large", "a number of at most 1.7976931348623157e308",
                       shorten(token, 80));
    out = Json(*value);
    return true;
  }

  bool exact_number(std::string_view token, Json& out) {
    const DecimalValue exact = decimal_value(token);
    if (exact.is_integral() && exact.point <= 19) {
      std::string digits = exact.negative ? "-" : "";
      digits.append(exact.is_zero() ? "0" : exact.digits);
      digits.append(static_cast<std::size_t>(exact.point) - exact.digits.size(), '0');
      std::int64_t value = 0;
      if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc()) {
        out = Json(value);
        return true;
      }
    }
    // Shortest doubles have 17 digits at most.
    if (exact.digits.size() <= 17) {
      const std::optional<double> value = nearest_double(token);
      if (value && decimal_value(*value) == exact) {
        out = Json(*value);
        return true;
      }
    }
    if (std::abs(exact.point) > decimal_point_max) {
      return refuse_at(token.data(), "number_too_large", "an exponent within ±999999999", shorten(token, 80));
    }
    out = Json(Json::Decimal{std::string(token)});
    return true;
  }

  /// Null on overflow; what is too small for a double is 0.
  static std::optional<double> nearest_double(std::string_view token) {
    double value = 0;
    const std::errc error = std::from_chars(token.data(), token.data() + token.size(), value).ec;
    if (error == std::errc() && std::isfinite(value)) return value;
    if (decimal_value(token).point > 0) return std::nullopt;
    return 0.0;
  }

  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }

  bool skip_digits() {
    const char* const first = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != first;
  }

  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  /// The byte at `at_` does not belong there; what kind of problem that is depends on the byte.
  bool refuse_byte(std::string expected) {
    std::string code = "syntax";
    if (at_ != end_ && *at_ == '\0') code = "nul_character";
    if (at_ != end_ && utf8_sequence(at_, end_) == 0) code = "invalid_utf8";
    if (code == "invalid_utf8") expected = "UTF-8";
    return refuse(std::move(code), std::move(expected), describe(at_, end_));
  }

  bool refuse_at(const char* place, std::string code, std::string expected, std::string got) {
    at_ = place;
    return refuse(std::move(code), std::move(expected), std::move(got));
  }

  bool refuse(std::string code, std::string expected, std::string got) {
    return refuse_as(ErrorCode::malformed_json, std::move(code), std::move(expected), std::move(got));
  }

  bool refuse_as(ErrorCode kind, std::string code, std::string expected, std::string got) {
    std::string message = place_text() + ": expected " + expected + ", found " + got;
    error_ = fail(kind, message, {Problem{"", std::move(code), std::move(expected), std::move(got), message}});
    return false;
  }

  /// Fills in the pointer, once every container has added its token.
  void complete_error() {
    Pointer pointer;
    pointer.tokens.assign(path_.rbegin(), path_.rend());
    error_.problems.front().pointer = pointer.text();
  }

  /// "line 3, column 14" of `at_`; columns count characters.
  std::string place_text() const {
    std::size_t line = 1, column = 1;
    for (const char* c = begin_; c != at_; ++c) {
      if (*c == '\n') {
        ++line;
        column = 1;
      } else if ((static_cast<unsigned char>(*c) & 0xC0) != 0x80) {
        ++column;
      }
    }
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  const JsonLimits& limits_;
  std::size_t nodes_ = 0;
  /// A stack: where the names begin of every object that is being read.
  std::vector<std::size_t> name_starts_;
  /// The tokens of the place of the problem, innermost first.
  std::vector<std::string> path_;
  Error error_;
};

}  // namespace

Result<Json> read_json(std::string_view text, const JsonLimits& limits) {
  SETTLE_ASSERT(limits.depth_max <= depth_limit);
  return Reader(text, limits).read();
}

}  // namespace settle
