#include <algorithm>
#include <bit>
#include <charconv>

#include "base/decimal.h"
#include "base/json.h"
#include "base/json_scan.h"

namespace settle {
namespace {

constexpr std::size_t buffer_bytes = 4096;

/// Bytes on their way to a string. They gather in a buffer on the stack: appending them one by one to a string costs
/// more than anything else a writer does, and the string grows once where it would have grown often.
class Sink {
 public:
  Sink(std::string& out, char (&buffer)[buffer_bytes])
      : out_(out), buffer_(buffer), at_(buffer), end_(buffer + buffer_bytes) {}
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  ~Sink() { flush(); }

  void push_back(char c) {
    if (at_ == end_) flush();
    *at_++ = c;
  }

  void append(std::string_view text) {
    if (text.size() > room()) {
      flush();
      if (text.size() > buffer_bytes) {
        out_.append(text);
        return;
      }
    }
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

  void append(std::size_t count, char c) {
    for (; count > 0; --count) push_back(c);
  }

  /// The next `bytes` bytes, to be written in place and then taken by `advance`. At most buffer_bytes.
  char* space(std::size_t bytes) {
    if (bytes > room()) flush();
    return at_;
  }
  void advance(std::size_t bytes) { at_ += bytes; }

  /// The string itself, with everything that was put so far.
  std::string& flushed() {
    flush();
    return out_;
  }

 private:
  std::size_t room() const { return static_cast<std::size_t>(end_ - at_); }
  void flush() {
    out_.append(buffer_, static_cast<std::size_t>(at_ - buffer_));
    at_ = buffer_;
  }

  std::string& out_;
  char* const buffer_;
  char* at_;
  char* const end_;
};

/// Gives `write` a sink that ends in `out`.
template <class Write>
void through_sink(std::string& out, Write write) {
  // Every byte is written before it is read; filling it with zeros first would cost more than a small document.
  __attribute__((uninitialized)) char buffer[buffer_bytes];
  Sink sink(out, buffer);
  write(sink);
}

void write_escape(char c, Sink& sink) {
  switch (c) {
    case '"':
      return sink.append("\\\"");
    case '\\':
      return sink.append("\\\\");
    case '\b':
      return sink.append("\\b");
    case '\t':
      return sink.append("\\t");
    case '\n':
      return sink.append("\\n");
    case '\f':
      return sink.append("\\f");
    case '\r':
      return sink.append("\\r");
    default:
      break;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  sink.append("\\u00");
  sink.push_back(digits[static_cast<std::size_t>(c) >> 4]);
  sink.push_back(digits[static_cast<std::size_t>(c) & 15]);
}

/// Names and other strings of up to 32 bytes are scanned and copied in one go, as numbers. False, with nothing written,
/// where something needs an escape.
bool write_short_string(std::string_view text, Sink& sink) {
  constexpr std::size_t longest = 32, word_bytes = 8;
  if constexpr (std::endian::native != std::endian::little) return false;
  const std::size_t size = text.size();
  if (size > longest) return false;
  char* const at = sink.space(longest + 2);
  std::uint64_t stops = 0;
  if (size < word_bytes) {
    const std::uint64_t word = load_short(text.data(), size);
    std::memcpy(at + 1, &word, sizeof word);
    // Missing bytes are looked at as spaces, which need no escape.
    constexpr std::uint64_t spaces = 0x2020202020202020;
    stops = stops_of_word<ScanStop::writing>(word | (spaces << (8 * size)));
  } else {
    for (std::size_t i = 0;; i = std::min(i + word_bytes, size - word_bytes)) {  // the last two words may overlap
      std::uint64_t word;
      std::memcpy(&word, text.data() + i, sizeof word);
      std::memcpy(at + 1 + i, &word, sizeof word);
      stops |= stops_of_word<ScanStop::writing>(word);
      if (i == size - word_bytes) break;
    }
  }
  if (stops != 0) return false;
  at[0] = '"';
  at[1 + size] = '"';
  sink.advance(2 + size);
  return true;
}

void write_string(std::string_view text, Sink& sink) {
  if (write_short_string(text, sink)) return;
  const char* const end = text.data() + text.size();
  const char* run = text.data();
  sink.push_back('"');
  for (;;) {
    const char* const stop = skip_run<ScanStop::writing>(run, end);
    sink.append(std::string_view(run, static_cast<std::size_t>(stop - run)));
    if (stop == end) break;
    write_escape(*stop, sink);
    run = stop + 1;
  }
  sink.push_back('"');
}

void write_integer(std::int64_t value, Sink& sink) {
  constexpr std::size_t longest = 24;
  char* const at = sink.space(longest);
  const auto [end, error] = std::to_chars(at, at + longest, value);
  sink.advance(static_cast<std::size_t>(end - at));
}

/// The digits of the shortest decimal number that reads back as `value`, laid out as ECMAScript does.
void write_real(double value, Sink& sink) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  SETTLE_ASSERT(error == std::errc());
  // [-]d[.ddd]e±xx, and the last d of several is no 0.
  char* first = text;
  const bool negative = *first == '-';
  if (negative) ++first;
  const char* const e = std::find(first, end, 'e');
  if (*first == '0') return sink.push_back('0');
  int exponent = 0;
  const char* const power = e + (e[1] == '+' ? 2 : 1);
  const bool read = std::from_chars(power, end, exponent).ec == std::errc();
  SETTLE_ASSERT(read);
  if (e - first > 1) {  // the first digit takes the place of the point
    first[1] = first[0];
    ++first;
  }
  const std::string_view digits(first, static_cast<std::size_t>(e - first));
  lay_out_decimal(negative, digits, std::int64_t{exponent} + 1, sink);
}

/// Everything but arrays, objects and Decimals; these look the same in every form.
void write_scalar(const Json& value, Sink& sink) {
  switch (value.type()) {
    case Json::Type::null:
      return sink.append("null");
    case Json::Type::boolean:
      return sink.append(value.as_bool() ? std::string_view("true") : std::string_view("false"));
    case Json::Type::integer:
      return write_integer(value.as_integer(), sink);
    case Json::Type::real:
      return write_real(value.as_double(), sink);
    case Json::Type::string:
      return write_string(value.as_string(), sink);
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
    for (int i = 0; i < 8; ++i) prefix = (prefix << 8) | ((word >> (8 * i)) & 0xFF);
  } else {
    for (int i = 0; i < 8; ++i)
      prefix = (prefix << 8) | (utf16_rank(static_cast<unsigned char>(word >> (8 * i))) & 0xFF);
  }
  return {prefix, &member};
}

class CanonicalWriter {
 public:
  explicit CanonicalWriter(Sink& sink) : sink_(sink) {}

  void write(const Json& value) {
    switch (value.type()) {
      case Json::Type::array:
        return write_array(value.as_array());
      case Json::Type::object:
        return write_object(value.as_object());
      case Json::Type::string:
        return write_string(value.as_string(), sink_);
      case Json::Type::decimal:
        return write_decimal(decimal_value(value), sink_.flushed());
      default:
        return write_scalar(value, sink_);
    }
  }

 private:
  /// Objects of up to so many members are put into order on the stack, larger ones on the heap.
  static constexpr std::size_t few_members = 16;

  void write_array(const Json::Array& elements) {
    sink_.push_back('[');
    for (const Json& element : elements) {
      if (&element != elements.data()) sink_.push_back(',');
      write(element);
    }
    sink_.push_back(']');
  }

  void write_object(const Json::Object& members) {
    if (members.size() > few_members) {
      std::vector<Ranked> order;
      order.reserve(members.size());
      for (const JsonMember& member : members) order.push_back(ranked(member));
      if (!std::is_sorted(order.begin(), order.end())) std::sort(order.begin(), order.end());
      return write_members(order.data(), order.size());
    }
    __attribute__((uninitialized)) Ranked order[few_members];
    std::size_t count = 0;
    for (const JsonMember& member : members) {  // insertion: members that are in order already stay where they are
      const Ranked next = ranked(member);
      std::size_t at = count++;
      for (; at > 0 && next < order[at - 1]; --at) order[at] = order[at - 1];
      order[at] = next;
    }
    write_members(order, count);
  }

  void write_members(const Ranked* order, std::size_t count) {
    sink_.push_back('{');
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) sink_.push_back(',');
      write_string(order[i].member->name, sink_);
      sink_.push_back(':');
      write(order[i].member->value);
    }
    sink_.push_back('}');
  }

  Sink& sink_;
};

/// Members in their own order, on one line or indented.
class PlainWriter {
 public:
  PlainWriter(int indent, Sink& sink) : indent_(static_cast<std::size_t>(indent)), sink_(sink) {}

  void write(const Json& value, std::size_t depth) {
    switch (value.type()) {
      case Json::Type::array:
        return list('[', ']', value.as_array(), depth, [](const Json&) {});
      case Json::Type::object:
        return list('{', '}', value.as_object(), depth, [this](const JsonMember& member) {
          write_string(member.name, sink_);
          sink_.append(indent_ == 0 ? std::string_view(":") : std::string_view(": "));
        });
      case Json::Type::decimal:
        return sink_.append(std::string_view(value.as_decimal().text));
      default:
        return write_scalar(value, sink_);
    }
  }

 private:
  template <class Entries, class Lead>
  void list(char open, char close, const Entries& entries, std::size_t depth, Lead lead) {
    sink_.push_back(open);
    for (const auto& entry : entries) {
      if (&entry != entries.data()) sink_.push_back(',');
      new_line(depth + 1);
      lead(entry);
      write(value_of(entry), depth + 1);
    }
    if (!entries.empty()) new_line(depth);
    sink_.push_back(close);
  }

  static const Json& value_of(const Json& element) { return element; }
  static const Json& value_of(const JsonMember& member) { return member.value; }

  void new_line(std::size_t depth) {
    if (indent_ == 0) return;
    sink_.push_back('\n');
    sink_.append(depth * indent_, ' ');
  }

  std::size_t indent_;
  Sink& sink_;
};

}  // namespace

void write_canonical(const Json& value, std::string& out) {
  through_sink(out, [&](Sink& sink) { CanonicalWriter(sink).write(value); });
}

std::string canonical(const Json& value) {
  std::string out;
  write_canonical(value, out);
  return out;
}

std::string write_json(const Json& value, int indent) {
  SETTLE_ASSERT(indent >= 0);
  std::string out;
  through_sink(out, [&](Sink& sink) { PlainWriter(indent, sink).write(value, 0); });
  return out;
}

void write_json_string(std::string_view text, std::string& out) {
  through_sink(out, [&](Sink& sink) { write_string(text, sink); });
}

}  // namespace settle
