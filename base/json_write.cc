#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/decimal.h"
#include "base/json.h"
#include "base/json_scan.h"

namespace settle {
namespace {

constexpr std::size_t buffer_bytes = 4096;

/// Bytes on their way to a string. They gather in a buffer on the stack: appending them one by one to a string costs
/// more than anything else a writer does, and the string grows once where it would have grown often. The place of the
/// next byte is handed from function to function as `at`; kept here, it would be read and written again for every byte.
class Sink {
 public:
  Sink(std::string& out, char (&buffer)[buffer_bytes]) : out_(out), begin_(buffer), end_(buffer + buffer_bytes) {}
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  char* begin() const { return begin_; }

  /// Where the next `bytes` bytes, and one mark behind them that needs no asking, may be written. Less than
  /// buffer_bytes.
  char* room(char* at, std::size_t bytes) { return static_cast<std::size_t>(end_ - at) > bytes ? at : flush(at); }

  char* append(char* at, std::string_view text) {
    at = room(at, std::min(text.size(), buffer_bytes - 1));
    if (text.size() >= buffer_bytes) {
      at = flush(at);
      out_.append(text);
      return at;
    }
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }

  [[gnu::noinline]] char* flush(char* at) {
    out_.append(begin_, static_cast<std::size_t>(at - begin_));
    return begin_;
  }

  /// The string itself; what was written is there after a flush.
  std::string& out() { return out_; }

 private:
  std::string& out_;
  char* const begin_;
  char* const end_;
};

/// Gives `write` a sink that ends in `out`, and its beginning; it returns where it has come to.
template <class Write>
void through_sink(std::string& out, Write write) {
  // Every byte is written before it is read; filling it with zeros first would cost more than a small document.
  __attribute__((uninitialized)) char buffer[buffer_bytes];
  Sink sink(out, buffer);
  sink.flush(write(sink, sink.begin()));
}

/// What follows the backslash of a character that has an escape of its own; 0 for the others.
constexpr char short_escape(char c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\t':
      return 't';
    case '\n':
      return 'n';
    case '\f':
      return 'f';
    case '\r':
      return 'r';
    default:
      return c == '"' || c == '\\' ? c : '\0';
  }
}

constexpr std::size_t escape_bytes = 6;

/// Writes at most escape_bytes.
char* write_escape(char c, char* at) {
  *at++ = '\\';
  if (const char known = short_escape(c); known != 0) {
    *at++ = known;
    return at;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::memcpy(at, "u00", 3);
  at[3] = digits[static_cast<std::size_t>(c) >> 4];
  at[4] = digits[static_cast<std::size_t>(c) & 15];
  return at + 5;
}

constexpr std::size_t short_bytes = 32;

/// Copies a text of at most short_bytes to `at`, with room for short_bytes there; false when something in it needs an
/// escape.
bool copy_short(std::string_view text, char* at) {
  constexpr std::size_t word_bytes = 8;
  const std::size_t size = text.size();
  if (size < word_bytes) {
    const std::uint64_t word = load_short(text.data(), size);
    std::memcpy(at, &word, sizeof word);
    // Missing bytes are looked at as spaces, which need no escape.
    constexpr std::uint64_t spaces = 0x2020202020202020;
    return stops_of_word<ScanStop::writing>(word | (spaces << (8 * size))) == 0;
  }
  std::uint64_t stops = 0;
  for (std::size_t i = 0;; i = std::min(i + word_bytes, size - word_bytes)) {  // the last two words may overlap
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof word);
    std::memcpy(at + i, &word, sizeof word);
    stops |= stops_of_word<ScanStop::writing>(word);
    if (i == size - word_bytes) return stops == 0;
  }
}

char* write_long_string(std::string_view text, char* at, Sink& sink) {
  const char* const end = text.data() + text.size();
  const char* run = text.data();
  at = sink.room(at, 1);
  *at++ = '"';
  for (;;) {
    const char* const stop = skip_run<ScanStop::writing>(run, end);
    at = sink.append(at, std::string_view(run, static_cast<std::size_t>(stop - run)));
    at = sink.room(at, escape_bytes);
    if (stop == end) break;
    at = write_escape(*stop, at);
    run = stop + 1;
  }
  *at++ = '"';
  return at;
}

/// Byte by byte: in a short text, runs are too short for anything else.
char* write_short_escaped(std::string_view text, char* at, Sink& sink) {
  at = sink.room(at, 2 + short_bytes * escape_bytes);
  *at++ = '"';
  for (const char c : text) {
    if (stops_scan<ScanStop::writing>(c)) {
      at = write_escape(c, at);
    } else {
      *at++ = c;
    }
  }
  *at++ = '"';
  return at;
}

char* write_string(std::string_view text, char* at, Sink& sink) {
  const std::size_t size = text.size();
  if (size > short_bytes || std::endian::native != std::endian::little) return write_long_string(text, at, sink);
  at = sink.room(at, 2 + short_bytes);
  if (!copy_short(text, at + 1)) return write_short_escaped(text, at, sink);
  at[0] = '"';
  at[1 + size] = '"';
  return at + 2 + size;
}

char* write_integer(std::int64_t value, char* at, Sink& sink) {
  constexpr std::size_t longest = 24;
  at = sink.room(at, longest);
  return std::to_chars(at, at + longest, value).ptr;
}

/// Numbers of at most six decimals, such as prices; null for the others. A double has no two decimal numbers of up to
/// 15 digits, so where millionths / 10^6 is `value`, these are the digits of the shortest number.
char* write_short_real(double value, char* at, Sink& sink) {
  constexpr std::uint64_t million = 1'000'000;
  const double about = std::abs(value) * static_cast<double>(million);
  if (!(about < 1e15 - 1)) return nullptr;
  const auto millionths = static_cast<std::uint64_t>(about + 0.5);
  if (millionths == 0 || static_cast<double>(millionths) / static_cast<double>(million) != std::abs(value))
    return nullptr;
  at = sink.room(at, 40);
  if (value < 0) *at++ = '-';
  at = std::to_chars(at, at + 24, millionths / million).ptr;
  std::uint64_t rest = millionths % million;
  if (rest == 0) return at;
  *at++ = '.';
  for (std::uint64_t place = million / 10; rest > 0; rest %= place, place /= 10) {
    *at++ = static_cast<char>('0' + rest / place);
  }
  return at;
}

/// Appends to bytes that are there, as std::string does.
struct Pen {
  char* at;
  void push_back(char c) { *at++ = c; }
  void append(std::string_view text) { at = std::copy(text.begin(), text.end(), at); }
  void append(std::size_t count, char c) { at = std::fill_n(at, count, c); }
};

/// The digits of the shortest decimal number that reads back as `value`, laid out as ECMAScript does.
char* write_real(double value, char* at, Sink& sink) {
  if (char* const end = write_short_real(value, at, sink)) return end;
  constexpr std::size_t longest = 40;
  char text[longest];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  SETTLE_ASSERT(error == std::errc());
  // [-]d[.ddd]e±xx, and the last d of several is no 0.
  char* first = text;
  const bool negative = *first == '-';
  if (negative) ++first;
  const char* const e = std::find(first, end, 'e');
  Pen pen{sink.room(at, longest)};
  if (*first == '0') {
    pen.push_back('0');
    return pen.at;
  }
  int exponent = 0;
  const char* const power = e + (e[1] == '+' ? 2 : 1);
  const bool read = std::from_chars(power, end, exponent).ec == std::errc();
  SETTLE_ASSERT(read);
  if (e - first > 1) {  // the first digit takes the place of the point
    first[1] = first[0];
    ++first;
  }
  const std::string_view digits(first, static_cast<std::size_t>(e - first));
  lay_out_decimal(negative, digits, std::int64_t{exponent} + 1, pen);
  return pen.at;
}

/// Everything but arrays, objects and Decimals; these look the same in every form.
char* write_scalar(const Json& value, char* at, Sink& sink) {
  switch (value.type()) {
    case Json::Type::null:
      return sink.append(at, "null");
    case Json::Type::boolean:
      return sink.append(at, value.as_bool() ? std::string_view("true") : std::string_view("false"));
    case Json::Type::integer:
      return write_integer(value.as_integer(), at, sink);
    case Json::Type::real:
      return write_real(value.as_double(), at, sink);
    case Json::Type::string:
      return write_string(value.as_string(), at, sink);
    case Json::Type::decimal:
    case Json::Type::array:
    case Json::Type::object:
      break;
  }
  SETTLE_ASSERT(false);
}

/// The bytes of a name in an order-preserving form: RFC 8785 §3.2.3 orders by UTF-16 code units, which is the order of
/// the UTF-8 bytes, except that characters beyond U+FFFF (surrogates in UTF-16, lead byte F0 and up) come before U+E000
/// to U+FFFF (lead EE and EF).
unsigned utf16_rank(unsigned char byte) {
  if (byte < 0xEE) return byte;
  return byte < 0xF0 ? byte + 0x10U : byte - 2U;
}

bool before_in_utf16(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  const auto [x, y] = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shorter), b.begin());
  if (x == a.begin() + static_cast<std::ptrdiff_t>(shorter)) return a.size() < b.size();
  return utf16_rank(static_cast<unsigned char>(*x)) < utf16_rank(static_cast<unsigned char>(*y));
}

/// A member on its way into order. The first bytes of its name, as a number that compares as they do, decide nearly
/// always.
struct Ranked {
  std::uint64_t prefix;
  const JsonMember* member;

  friend bool operator<(const Ranked& a, const Ranked& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return before_in_utf16(a.member->name, b.member->name);
  }
};

Ranked ranked(const JsonMember& member) {
  const std::uint64_t word = load_short(member.name.data(), member.name.size());
  std::uint64_t prefix = 0;
  if ((word & 0x8080808080808080) == 0) {
    prefix = __builtin_bswap64(word);
  } else {
    for (int i = 0; i < 8; ++i)
      prefix = (prefix << 8) | (utf16_rank(static_cast<unsigned char>(word >> (8 * i))) & 0xFF);
  }
  return {prefix, &member};
}

class CanonicalWriter {
 public:
  explicit CanonicalWriter(Sink& sink) : sink_(sink) {}

  char* write(const Json& value, char* at) {
    switch (value.type()) {
      case Json::Type::array:
        return write_array(value.as_array(), at);
      case Json::Type::object:
        return write_object(value.as_object(), at);
      case Json::Type::string:
        return write_string(value.as_string(), at, sink_);
      case Json::Type::decimal:
        at = sink_.flush(at);
        write_decimal(decimal_value(value), sink_.out());
        return at;
      default:
        return write_scalar(value, at, sink_);
    }
  }

 private:
  /// Objects of up to so many members are put into order on the stack, larger ones on the heap.
  static constexpr std::size_t few_members = 16;

  char* write_array(const Json::Array& elements, char* at) {
    at = sink_.room(at, 1);
    *at++ = '[';
    for (const Json& element : elements) {
      if (&element != elements.data()) *at++ = ',';
      at = write(element, at);
    }
    at = sink_.room(at, 1);
    *at++ = ']';
    return at;
  }

  char* write_object(const Json::Object& members, char* at) {
    if (members.size() > few_members) {
      std::vector<Ranked> order;
      order.reserve(members.size());
      for (const JsonMember& member : members) order.push_back(ranked(member));
      if (!std::is_sorted(order.begin(), order.end())) std::sort(order.begin(), order.end());
      return write_members(order.data(), order.size(), at);
    }
    __attribute__((uninitialized)) Ranked order[few_members];
    std::size_t count = 0;
    for (const JsonMember& member : members) {  // insertion: members that are in order already stay where they are
      const Ranked next = ranked(member);
      std::size_t place = count++;
      for (; place > 0 && next < order[place - 1]; --place) order[place] = order[place - 1];
      order[place] = next;
    }
    return write_members(order, count, at);
  }

  char* write_members(const Ranked* order, std::size_t count, char* at) {
    at = sink_.room(at, 1);
    *at++ = '{';
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) *at++ = ',';
      at = write_string(order[i].member->name, at, sink_);
      *at++ = ':';
      at = write(order[i].member->value, at);
    }
    at = sink_.room(at, 1);
    *at++ = '}';
    return at;
  }

  Sink& sink_;
};

/// Members in their own order, on one line or indented.
class PlainWriter {
 public:
  PlainWriter(int indent, Sink& sink) : indent_(static_cast<std::size_t>(indent)), sink_(sink) {}

  char* write(const Json& value, std::size_t depth, char* at) {
    switch (value.type()) {
      case Json::Type::array:
        return list('[', ']', value.as_array(), depth, at);
      case Json::Type::object:
        return list('{', '}', value.as_object(), depth, at);
      case Json::Type::decimal:
        return sink_.append(at, value.as_decimal().text);
      default:
        return write_scalar(value, at, sink_);
    }
  }

 private:
  template <class Entries>
  char* list(char open, char close, const Entries& entries, std::size_t depth, char* at) {
    at = sink_.room(at, 1);
    *at++ = open;
    for (const auto& entry : entries) {
      if (&entry != entries.data()) *at++ = ',';
      at = write_entry(entry, depth + 1, new_line(depth + 1, at));
    }
    if (!entries.empty()) at = new_line(depth, at);
    at = sink_.room(at, 1);
    *at++ = close;
    return at;
  }

  char* write_entry(const Json& element, std::size_t depth, char* at) { return write(element, depth, at); }
  char* write_entry(const JsonMember& member, std::size_t depth, char* at) {
    at = write_string(member.name, at, sink_);
    *at++ = ':';
    if (indent_ > 0) at = sink_.append(at, " ");
    return write(member.value, depth, at);
  }

  char* new_line(std::size_t depth, char* at) {
    if (indent_ == 0) return at;
    at = sink_.append(at, "\n");
    for (std::size_t i = 0; i < depth * indent_; ++i) at = sink_.append(at, " ");
    return at;
  }

  std::size_t indent_;
  Sink& sink_;
};

}  // namespace

void write_canonical(const Json& value, std::string& out) {
  through_sink(out, [&](Sink& sink, char* at) { return CanonicalWriter(sink).write(value, at); });
}

std::string canonical(const Json& value) {
  std::string out;
  write_canonical(value, out);
  return out;
}

std::string write_json(const Json& value, int indent) {
  SETTLE_ASSERT(indent >= 0);
  std::string out;
  through_sink(out, [&](Sink& sink, char* at) { return PlainWriter(indent, sink).write(value, 0, at); });
  return out;
}

void write_json_string(std::string_view text, std::string& out) {
  through_sink(out, [&](Sink& sink, char* at) { return write_string(text, at, sink); });
}

}  // namespace settle
