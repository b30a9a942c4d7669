#include <algorithm>
#include <charconv>

#include "base/decimal.h"
#include "base/json.h"
#include "base/json_scan.h"

namespace settle {
namespace {

/// Orders names as RFC 8785 §3.2.3 does, by UTF-16 code units. That is the order of the UTF-8 bytes, except that
/// characters beyond U+FFFF (surrogates in UTF-16, lead byte F0 and up) come before U+E000 to U+FFFF (lead EE and EF).
bool before_in_utf16(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  const auto [x, y] = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shorter), b.begin());
  if (x == a.begin() + static_cast<std::ptrdiff_t>(shorter)) return a.size() < b.size();
  const auto left = static_cast<unsigned char>(*x), right = static_cast<unsigned char>(*y);
  if (left >= 0xEE && right >= 0xEE && (left >= 0xF0) != (right >= 0xF0)) return left >= 0xF0;
  return left < right;
}

void write_integer(std::int64_t value, std::string& out) {
  char text[24];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  out.append(text, static_cast<std::size_t>(end - text));
}

/// Everything but arrays and objects; these look the same in every form, but for the text of a Decimal.
void write_scalar(const Json& value, std::string& out) {
  switch (value.type()) {
    case Json::Type::null:
      out += "null";
      return;
    case Json::Type::boolean:
      out += value.as_bool() ? "true" : "false";
      return;
    case Json::Type::integer:
      write_integer(value.as_integer(), out);
      return;
    case Json::Type::real:
    case Json::Type::decimal:
      write_decimal(decimal_value(value), out);
      return;
    case Json::Type::string:
      write_json_string(value.as_string(), out);
      return;
    case Json::Type::array:
    case Json::Type::object:
      break;
  }
  SETTLE_ASSERT(false);
}

class CanonicalWriter {
 public:
  explicit CanonicalWriter(std::string& out) : out_(out) {}

  void write(const Json& value) {
    if (value.is_array()) return write_array(value.as_array());
    if (value.is_object()) return write_object(value.as_object());
    write_scalar(value, out_);
  }

 private:
  void write_array(const Json::Array& elements) {
    out_ += '[';
    bool first = true;
    for (const Json& element : elements) {
      if (!first) out_ += ',';
      first = false;
      write(element);
    }
    out_ += ']';
  }

  void write_object(const Json::Object& members) {
    const auto in_order = [](const JsonMember& a, const JsonMember& b) { return before_in_utf16(a.name, b.name); };
    out_ += '{';
    if (std::is_sorted(members.begin(), members.end(), in_order)) {
      for (const JsonMember& member : members) write_member(member, &member == members.data());
    } else {
      write_sorted(members);
    }
    out_ += '}';
  }

  /// `sorted_` is a stack: each object being written owns the part above `base`, and inner objects go on top of it.
  void write_sorted(const Json::Object& members) {
    const std::size_t base = sorted_.size();
    for (const JsonMember& member : members) sorted_.push_back(&member);
    std::sort(sorted_.begin() + static_cast<std::ptrdiff_t>(base), sorted_.end(),
              [](const JsonMember* a, const JsonMember* b) { return before_in_utf16(a->name, b->name); });
    for (std::size_t i = 0; i < members.size(); ++i) write_member(*sorted_[base + i], i == 0);
    sorted_.resize(base);
  }

  void write_member(const JsonMember& member, bool first) {
    if (!first) out_ += ',';
    write_json_string(member.name, out_);
    out_ += ':';
    write(member.value);
  }

  std::string& out_;
  std::vector<const JsonMember*> sorted_;
};

/// Members in their own order, on one line or indented.
class PlainWriter {
 public:
  PlainWriter(int indent, std::string& out) : indent_(static_cast<std::size_t>(indent)), out_(out) {}

  void write(const Json& value, std::size_t depth) {
    if (value.is_array()) {
      list('[', ']', value.as_array(), depth, [](const Json&) {});
    } else if (value.is_object()) {
      list('{', '}', value.as_object(), depth, [this](const JsonMember& member) {
        write_json_string(member.name, out_);
        out_ += indent_ == 0 ? ":" : ": ";
      });
    } else if (value.type() == Json::Type::decimal) {
      out_ += value.as_decimal().text;
    } else {
      write_scalar(value, out_);
    }
  }

 private:
  template <class Entries, class Lead>
  void list(char open, char close, const Entries& entries, std::size_t depth, Lead lead) {
    out_ += open;
    for (const auto& entry : entries) {
      if (&entry != entries.data()) out_ += ',';
      new_line(depth + 1);
      lead(entry);
      write(value_of(entry), depth + 1);
    }
    if (!entries.empty()) new_line(depth);
    out_ += close;
  }

  static const Json& value_of(const Json& element) { return element; }
  static const Json& value_of(const JsonMember& member) { return member.value; }

  void new_line(std::size_t depth) {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(depth * indent_, ' ');
  }

  std::size_t indent_;
  std::string& out_;
};

void write_escape(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      break;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u00";
  out += digits[static_cast<std::size_t>(c) >> 4];
  out += digits[static_cast<std::size_t>(c) & 15];
}

}  // namespace

void write_canonical(const Json& value, std::string& out) {
  CanonicalWriter(out).write(value);
}

std::string canonical(const Json& value) {
  std::string out;
  write_canonical(value, out);
  return out;
}

std::string write_json(const Json& value, int indent) {
  SETTLE_ASSERT(indent >= 0);
  std::string out;
  PlainWriter(indent, out).write(value, 0);
  return out;
}

void write_json_string(std::string_view text, std::string& out) {
  const char* const end = text.data() + text.size();
  const char* run = text.data();
  const char* at = run;
  out += '"';
  while ((at = skip_plain(at, end)) != end) {
    if (static_cast<unsigned char>(*at) >= 0x80) {
      ++at;  // beyond ASCII nothing needs an escape
      continue;
    }
    out.append(run, static_cast<std::size_t>(at - run));
    write_escape(*at, out);
    run = ++at;
  }
  out.append(run, static_cast<std::size_t>(end - run));
  out += '"';
}

}  // namespace settle
