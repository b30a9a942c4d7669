#include <algorithm>
#include <memory>
#include <optional>

#include "base/characters.h"
#include "base/json.h"
#include "base/json_number.h"
#include "base/json_scan.h"
#include "base/pointer.h"
#include "base/text.h"

namespace settle {
namespace {

/// Reader, writers, comparison and destruction of a value all recurse; no caller may ask for more than the stack bears.
constexpr std::size_t depth_limit = 1000;

/// Up to this many members, names are compared pair by pair; above it they are sorted.
constexpr std::size_t few_members = 16;

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

/// Makes `out`, which is null and so owns nothing, the value that `from` gives: built in its place, without a move.
template <class From>
void put(Json& out, From&& from) {
  std::construct_at(&out, std::forward<From>(from));
}

/// Where the name of member `index` begins in the text of an object that has been read already. `at` is behind "{".
const char* name_place(const char* at, std::size_t index) {
  bool name_follows = true;
  for (std::size_t depth = 1;; ++at) {
    switch (*at) {
      case '"':
        if (name_follows && index-- == 0) return at;
        name_follows = false;
        for (++at; *at != '"'; ++at) at += *at == '\\' ? 1 : 0;
        break;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        --depth;
        break;
      case ',':
        name_follows = depth == 1;
        break;
      default:
        break;
    }
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
      case '"':
        return read_string_value(out);
      case 't':
        return read_word("true", true, out);
      case 'f':
        return read_word("false", false, out);
      case 'n':
        return read_word("null", nullptr, out);
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
    put(out, Json::Array());
    Json::Array& elements = out.as_array();
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
    return true;
  }

  bool read_object(Json& out, std::size_t depth) {
    if (!enter(depth)) return false;
    const char* const first = at_;
    put(out, Json::Object());
    Json::Object& members = out.as_object();
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
      at_ = name_place(first, *duplicate);
      path_.push_back(members[*duplicate].name);
      return refuse("duplicate_name", "names that differ",
                    "the name \"" + shorten(members[*duplicate].name, 80) + "\" again");
    }
    return true;
  }

  bool read_member(JsonMember& member, std::size_t depth) {
    if (at_ == end_ || *at_ != '"') return refuse_byte("the name of a member in quotation marks");
    if (const std::optional<std::string_view> plain = take_plain_string()) {
      member.name.assign(*plain);
    } else if (!read_string(member.name)) {
      return false;
    }
    skip_space();
    const bool good = take(':') ? (skip_space(), read_value(member.value, depth)) : refuse_byte("\":\" after the name");
    if (!good) path_.push_back(member.name);
    return good;
  }

  /// Most strings hold nothing but plain ASCII: they are taken whole, without their quotation marks. Null, with nothing
  /// taken, when the string is another.
  std::optional<std::string_view> take_plain_string() {
    const char* const first = at_ + 1;
    const char* const last = skip_run<ScanStop::reading>(first, end_);
    if (last == end_ || *last != '"') return std::nullopt;
    at_ = last + 1;
    return std::string_view(first, static_cast<std::size_t>(last - first));
  }

  bool read_string_value(Json& out) {
    if (const std::optional<std::string_view> plain = take_plain_string()) {
      put(out, *plain);
      return true;
    }
    std::string text;
    if (!read_string(text)) return false;
    put(out, std::move(text));
    return true;
  }

  bool read_string(std::string& out) {
    ++at_;
    const char* run = at_;
    for (;;) {
      at_ = skip_run<ScanStop::reading>(at_, end_);
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

  template <class Value>
  bool read_word(std::string_view word, Value value, Json& out) {
    for (const char c : word) {
      if (at_ == end_ || *at_ != c) return refuse_byte("the literal " + std::string(word));
      ++at_;
    }
    put(out, value);
    return true;
  }

  /// Integers of up to 15 digits, which are all within ±(2^53-1). Whatever else begins here is left to read_number.
  bool read_short_integer(Json& out) {
    constexpr std::ptrdiff_t digits_max = 15;
    const bool negative = *at_ == '-';
    const char* const first = at_ + (negative ? 1 : 0);
    const char* at = first;
    std::int64_t value = 0;
    while (at != end_ && is_digit(*at) && at - first < digits_max) value = value * 10 + (*at++ - '0');
    if (at == first || (*first == '0' && at - first > 1)) return false;
    if (at != end_ && (is_digit(*at) || *at == '.' || *at == 'e' || *at == 'E')) return false;
    at_ = at;
    put(out, negative ? -value : value);
    return true;
  }

  bool read_number(Json& out) {
    if (read_short_integer(out)) return true;
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
    const NumberRefusal refusal = read_number_token(token, whole, limits_.numbers, out);
    return refusal == NumberRefusal::none || refuse_number(refusal, token);
  }

  bool refuse_number(NumberRefusal refusal, std::string_view token) {
    const std::string got = shorten(token, 80);
    switch (refusal) {
      case NumberRefusal::not_exact:
        return refuse_at(token.data(), "number_not_exact",
                         "an integer within ±9007199254740991, or the number as a string", got);
      case NumberRefusal::beyond_double:
        return refuse_at(token.data(), "number_too_large", "a number of at most 1.7976931348623157e308", got);
      case NumberRefusal::exponent_too_large:
        return refuse_at(token.data(), "number_too_large", "an exponent within ±999999999", got);
      case NumberRefusal::none:
        break;
    }
    SETTLE_ASSERT(false);
  }

  void skip_space() {
    // Nearly always there is none: one comparison then.
    if (at_ != end_ && static_cast<unsigned char>(*at_) > ' ') return;
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
