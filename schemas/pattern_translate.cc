#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "base/characters.h"
#include "schemas/pattern.h"

namespace settle {
namespace {

/// White space and line ends of ECMA-262 (§12.2, §12.3), and everything else, as RE2 writes them within a class.
constexpr std::string_view space_class =
    R"(\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";
constexpr std::string_view no_space_class =
    R"(\x00-\x08\x0e-\x1f\x21-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e})"
    R"(\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff})";

struct Category {
  std::string_view long_name;
  std::string_view short_name;
};
/// General categories: ECMA-262 knows both names, RE2 the short one.
constexpr Category categories[] = {
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Private_Use", "Co"},
};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// A recursive descent is not needed: groups are counted, and everything else is local.
class Translator {
 public:
  explicit Translator(std::string_view text) : text_(text) {}

  PatternTranslation run() {
    while (at_ < text_.size() && out_.mistake.empty()) term();
    if (out_.mistake.empty() && !groups_.empty()) out_.mistake = "a group is not closed";
    return std::move(out_);
  }

 private:
  void term() {
    const char c = text_[at_];
    if (c == '\\') return escape();
    if (c == '[') return character_class();
    if (c == '(') return open();
    if (c == ')') return close();
    if (c == '*' || c == '+' || c == '?') return quantify(1);
    if (c == '{') return braces();
    ++at_;
    if (c == '.') {
      out_.re2 += R"([^\n\r\x{2028}\x{2029}])";
      quantifiable_ = true;
    } else if (c == '^' || c == '$' || c == '|') {
      out_.re2 += c;
      quantifiable_ = false;
    } else {
      if (c == '}' || c == ']') out_.re2 += '\\';
      // A character of several bytes is one atom for RE2 too: its later bytes follow at once.
      out_.re2 += c;
      quantifiable_ = true;
    }
  }

  void mistake(std::string what) {
    if (out_.mistake.empty()) out_.mistake = std::move(what);
  }
  void lacking(std::string what) {
    if (out_.lacking.empty()) out_.lacking = std::move(what);
  }
  bool take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }

  void open() {
    bool may_repeat = true;
    if (take("(?:")) {
      out_.re2 += "(?:";
    } else if (take("(?=") || take("(?!")) {
      lacking("look-ahead");
    } else if (take("(?<=") || take("(?<!")) {
      lacking("look-behind");
      may_repeat = false;
    } else if (take("(?<")) {
      group_name();
      out_.re2 += "(?:";
    } else if (take("(?")) {
      return mistake("\"(?\" begins no group of ECMA-262");
    } else {
      ++at_;
      out_.re2 += "(?:";
    }
    groups_.push_back(may_repeat);
    quantifiable_ = false;
  }

  void group_name() {
    const std::size_t end = text_.find('>', at_);
    if (end == std::string_view::npos || end == at_ || is_digit(text_[at_])) return mistake("a group has no good name");
    const std::string_view name = text_.substr(at_, end - at_);
    const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '$' || (c & 0x80) != 0; };
    if (!std::ranges::all_of(name, fits)) return mistake("a group has no good name");
    at_ = end + 1;
  }

  void close() {
    ++at_;
    if (groups_.empty()) return mistake("a \")\" closes nothing");
    out_.re2 += ')';
    quantifiable_ = groups_.back();
    groups_.pop_back();
  }

  void quantify(std::size_t length) {
    if (!quantifiable_) return mistake("a quantifier stands behind nothing that could be repeated");
    out_.re2 += text_.substr(at_, length);
    at_ += length;
    if (take("?")) out_.re2 += '?';
    quantifiable_ = false;
  }

  void braces() {
    std::size_t end = at_ + 1;
    std::uint64_t bounds[2] = {0, 0};
    const auto number = [&](std::uint64_t& value) {
      const std::size_t start = end;
      for (; end < text_.size() && is_digit(text_[end]); ++end) {
        value = std::min<std::uint64_t>(value * 10 + static_cast<unsigned>(text_[end] - '0'), 1'000'000);
      }
      return end > start;
    };
    bool counts = number(bounds[0]);
    bool bounded = true;
    if (counts && end < text_.size() && text_[end] == ',') {
      ++end;
      bounded = number(bounds[1]);
      if (bounded && bounds[1] < bounds[0]) return mistake("the bounds of a quantifier are out of order");
    }
    counts = counts && end < text_.size() && text_[end] == '}';
    if (counts) return quantify(end + 1 - at_);
    // Without the flag u, as most patterns are written, a brace that begins no quantifier stands for itself.
    ++at_;
    out_.re2 += "\\{";
    quantifiable_ = true;
  }

  /// An escape outside of a class.
  void escape() {
    if (at_ + 1 == text_.size()) return mistake("it ends with a lone \"\\\"");
    const char c = text_[at_ + 1];
    if (c == 'b' || c == 'B') {
      out_.re2 += text_.substr(at_, 2);
      at_ += 2;
      quantifiable_ = false;
      return;
    }
    quantifiable_ = true;
    if (c >= '1' && c <= '9') {
      lacking("a back-reference");
      at_ += 2;
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      return;
    }
    if (c == 'k') {
      lacking("a back-reference");
      at_ += 2;
      if (!take("<")) return mistake("\"\\k\" needs the name of a group");
      return group_name();
    }
    if (c == 's' || c == 'S') {
      out_.re2.append("[").append(c == 's' ? space_class : no_space_class).append("]");
      at_ += 2;
      return;
    }
    character_escape();
  }

  void character_class() {
    ++at_;
    const bool negated = take("^");
    if (take("]")) {  // nothing, or anything; RE2 would read on
      out_.re2 += negated ? "(?s:.)" : R"([^\x00-\x{10ffff}])";
      quantifiable_ = true;
      return;
    }
    out_.re2 += negated ? "[^" : "[";
    in_class_ = true;
    ends_with_set_ = true;  // a "-" at the beginning stands for itself as one behind a set does
    while (at_ < text_.size() && text_[at_] != ']' && out_.mistake.empty()) class_member();
    in_class_ = false;
    if (!take("]")) return mistake("a class is not closed");
    out_.re2 += ']';
    quantifiable_ = true;
  }

  void class_member() {
    const char c = text_[at_];
    if (c == '\\') return class_escape();
    ++at_;
    if (c == '[' || c == '^' || c == '&' || c == '~') out_.re2 += '\\';
    // A "-" at an end, or behind a class such as \w, stands for itself.
    if (c == '-') {
      const bool last = at_ < text_.size() && text_[at_] == ']';
      const bool before_set = at_ + 1 < text_.size() && text_[at_] == '\\' &&
                              std::string_view("dDwWsSpP").find(text_[at_ + 1]) != std::string_view::npos;
      if (last || ends_with_set_ || before_set) out_.re2 += '\\';
    }
    out_.re2 += c;
    ends_with_set_ = false;
  }

  void class_escape() {
    if (at_ + 1 == text_.size()) return mistake("it ends with a lone \"\\\"");
    const char c = text_[at_ + 1];
    ends_with_set_ = std::string_view("dDwWsSpP").find(c) != std::string_view::npos;
    if (c == 'b') {
      out_.re2 += "\\x08";
    } else if (c == '-') {
      out_.re2 += "\\-";
    } else if (c == 's' || c == 'S') {
      out_.re2 += c == 's' ? space_class : no_space_class;
    } else {
      return character_escape();
    }
    at_ += 2;
  }

  /// Escapes that are the same within and outside of a class.
  void character_escape() {
    const char c = text_[at_ + 1];
    if (c == 'u') return unicode_escape();
    if (c == 'p' || c == 'P') return property();
    if (c == 'c') {
      if (at_ + 2 == text_.size() || !is_letter(text_[at_ + 2])) return mistake("\"\\c\" needs a letter");
      append_code(static_cast<std::uint32_t>(text_[at_ + 2] % 32));
      at_ += 3;
      return;
    }
    if (c == 'x') {
      const std::string_view digits = text_.substr(at_ + 2, 2);
      if (digits.size() < 2 || hex_value(digits[0]) < 0 || hex_value(digits[1]) < 0) {
        return mistake("\"\\x\" needs two hexadecimal digits");
      }
      append_code(static_cast<std::uint32_t>(hex_value(digits[0]) * 16 + hex_value(digits[1])));
      at_ += 4;
      return;
    }
    if (c == '0') {
      if (at_ + 2 < text_.size() && is_digit(text_[at_ + 2])) return mistake("octal escapes are not part of ECMA-262");
      append_code(0);
    } else if (std::string_view("dDwWtnvfr").find(c) != std::string_view::npos) {
      out_.re2 += text_.substr(at_, 2);
    } else if (is_letter(c) || is_digit(c)) {
      return mistake(std::string("\"\\") + c + "\" is no escape of ECMA-262");
    } else if ((c & 0x80) != 0) {
      out_.re2 += c;
    } else if (c == '_') {
      out_.re2 += c;
    } else {
      out_.re2 += '\\';
      out_.re2 += c;
    }
    at_ += 2;
  }

  void append_code(std::uint32_t code) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (std::uint32_t rest = code; rest > 0 || hex.empty(); rest /= 16) hex.insert(hex.begin(), digits[rest % 16]);
    out_.re2.append("\\x{").append(hex).append("}");
  }

  /// Four hexadecimal digits behind "\u" at `where`; -1 when they are not there.
  std::int64_t four_digits(std::size_t where) const {
    if (!text_.substr(std::min(where, text_.size())).starts_with("\\u") || where + 6 > text_.size()) return -1;
    std::int64_t code = 0;
    for (const char c : text_.substr(where + 2, 4)) {
      if (hex_value(c) < 0) return -1;
      code = code * 16 + hex_value(c);
    }
    return code;
  }

  void unicode_escape() {
    if (text_.substr(at_ + 2).starts_with('{')) {
      const std::size_t end = text_.find('}', at_);
      std::uint64_t code = 0;
      if (end == std::string_view::npos || end == at_ + 3)
        return mistake("\"\\u{\" needs hexadecimal digits and \"}\"");
      for (const char c : text_.substr(at_ + 3, end - at_ - 3)) {
        if (hex_value(c) < 0 || code > 0x10FFFF) return mistake("\"\\u{\" needs hexadecimal digits and \"}\"");
        code = code * 16 + static_cast<std::uint64_t>(hex_value(c));
      }
      if (code > 0x10FFFF) return mistake("there is no character beyond U+10FFFF");
      at_ = end + 1;
      return append_code(static_cast<std::uint32_t>(code));
    }
    std::int64_t code = four_digits(at_);
    if (code < 0) return mistake("\"\\u\" needs four hexadecimal digits");
    at_ += 6;
    if (code >= 0xD800 && code <= 0xDBFF) {
      const std::int64_t low = four_digits(at_);
      if (low >= 0xDC00 && low <= 0xDFFF) {
        code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
        at_ += 6;
      }
    }
    if (code >= 0xD800 && code <= 0xDFFF) return lacking("a lone surrogate");
    append_code(static_cast<std::uint32_t>(code));
  }

  void property() {
    const std::size_t end = text_.find('}', at_);
    if (!text_.substr(at_ + 2).starts_with('{') || end == std::string_view::npos || end == at_ + 3) {
      return mistake("\"\\p\" needs the name of a property in braces");
    }
    std::string_view name = text_.substr(at_ + 3, end - at_ - 3);
    const bool negated = text_[at_ + 1] == 'P';
    at_ = end + 1;
    bool category = true, script = true;
    for (const std::string_view prefix : {"General_Category=", "gc="}) {
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size()), script = false;
    }
    for (const std::string_view prefix : {"Script=", "sc="}) {
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size()), category = false;
    }
    if (script && category && (name == "ASCII" || name == "Any")) {
      const std::string_view set = name == "Any" ? R"(\x00-\x{10ffff})" : R"(\x00-\x7f)";
      // A negated range can't stand within a class.
      if (negated) return lacking("\\P{" + std::string(name) + "}");
      out_.re2.append(in_class_ ? "" : "[").append(set).append(in_class_ ? "" : "]");
      return;
    }
    if (category) {
      const auto* const row = std::ranges::find(categories, name, &Category::long_name);
      if (row != std::end(categories)) name = row->short_name;
      if (name == "LC") return lacking("the property Cased_Letter");
    }
    if (name.find('=') != std::string_view::npos || name.starts_with('^')) {
      return lacking("the property " + std::string(name));
    }
    // Whether RE2 knows the name, it says itself.
    out_.re2.append(negated ? "\\P{" : "\\p{").append(name).append("}");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  PatternTranslation out_;
  std::vector<bool> groups_;  ///< open groups: whether a quantifier may follow
  bool quantifiable_ = false;
  bool in_class_ = false;
  bool ends_with_set_ = false;
};

}  // namespace

PatternTranslation translate_pattern(std::string_view pattern) {
  return Translator(pattern).run();
}

}  // namespace settle
