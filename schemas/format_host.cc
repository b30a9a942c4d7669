#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/characters.h"
#include "base/text.h"
#include "schemas/format_text.h"

namespace settle::formats {
namespace {

using Label = std::u32string;

/// What RFC 5892 allows in a U-label, by general categories: letters that are not upper case, marks and digits; without
/// the exceptions of §2.6, without what compatibility normalisation would change, old Hangul and what is ignorable.
constexpr const char* allowed_label =
    "(?:[-0-9a-z\\x{df}-\\x{f6}\\x{f8}-\\x{ff}\\x{3c2}\\x{6fd}\\x{6fe}\\x{f0b}\\x{3007}"
    "\\x{b7}\\x{375}\\x{5f3}\\x{5f4}\\x{30fb}\\x{200c}\\x{200d}]|[\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}])+";
constexpr const char* forbidden_character =
    "[\\x{aa}\\x{ba}\\x{34f}\\x{640}\\x{7fa}\\x{115f}-\\x{11ff}\\x{1100}-\\x{115e}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}"
    "\\x{1d2c}-\\x{1d6a}\\x{1d78}\\x{1d9b}-\\x{1dbf}\\x{302e}\\x{302f}\\x{3031}-\\x{3035}\\x{303b}\\x{3164}"
    "\\x{a960}-\\x{a97f}\\x{d7b0}-\\x{d7ff}\\x{f900}-\\x{faff}\\x{fb00}-\\x{fb1c}\\x{fb1f}-\\x{fdff}\\x{fe00}-\\x{fe0f}"
    "\\x{fe70}-\\x{feff}\\x{ff00}-\\x{ffef}\\x{1d400}-\\x{1d7ff}\\x{2f800}-\\x{2fa1f}\\x{e0100}-\\x{e01ef}]";

/// Characters of canonical combining class 9.
constexpr char32_t viramas[] = {0x94D,   0x9CD,   0xA4D,   0xACD,   0xB4D,   0xBCD,   0xC4D,   0xCCD,  0xD4D,  0xDCA,
                                0xE3A,   0xF84,   0x1039,  0x103A,  0x1714,  0x1734,  0x17D2,  0x1A60, 0x1B44, 0x1BAA,
                                0x1BAB,  0x1BF2,  0x1BF3,  0x2D7F,  0xA806,  0xA8C4,  0xA953,  0xA9C0, 0xAAF6, 0xABED,
                                0x10A3F, 0x11046, 0x1107F, 0x110B9, 0x11133, 0x11134, 0x111C0, 0x11235};

bool matches(const std::string& text, const re2::RE2& regex) {
  return re2::RE2::PartialMatch(text, regex);
}

std::string utf8(const Label& label) {
  std::string out;
  for (const char32_t code : label) append_utf8(code, out);
  return out;
}

/// `text` is UTF-8: the reader has seen to that.
Label code_points(std::string_view text) {
  Label out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    char32_t code = more == 0 ? lead : lead & (0x3FU >> more);
    for (std::size_t k = 0; k < more && i + 1 < text.size(); ++k) {
      code = code << 6 | (static_cast<unsigned char>(text[++i]) & 0x3FU);
    }
    out += code;
  }
  return out;
}

/// RFC 3492 §6.1.
std::uint32_t adapted(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / 700 : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > 455; delta /= 35) k += 36;
  return k + 36 * delta / (delta + 38);
}

std::uint32_t threshold(std::uint32_t k, std::uint32_t bias) {
  return k <= bias ? 1 : std::min<std::uint32_t>(k - bias, 26);
}

/// RFC 3492 §6.2; labels are at most 63 long, so little can overflow, and what could is refused.
std::optional<Label> punycode_decoded(std::string_view text) {
  Label out;
  const std::size_t delimiter = text.rfind('-');
  if (delimiter != std::string_view::npos) {
    for (const char c : text.substr(0, delimiter)) out += static_cast<char32_t>(c);
    text.remove_prefix(delimiter + 1);
  }
  std::uint32_t code = 128, bias = 72;
  std::uint64_t i = 0;
  while (!text.empty()) {
    const std::uint64_t before = i;
    std::uint64_t weight = 1;
    for (std::uint32_t k = 36;; k += 36) {
      if (text.empty()) return std::nullopt;
      const char c = text.front();
      text.remove_prefix(1);
      const std::uint32_t digit =
          is_digit(c) ? static_cast<std::uint32_t>(c - '0' + 26) : static_cast<std::uint32_t>((c | 0x20) - 'a');
      i += digit * weight;
      if (digit >= 36 || i > 0x7FFFFFFF) return std::nullopt;
      const std::uint32_t limit = threshold(k, bias);
      if (digit < limit) break;
      weight *= 36 - limit;
      if (weight > 0x7FFFFFFF) return std::nullopt;
    }
    const auto points = static_cast<std::uint32_t>(out.size() + 1);
    bias = adapted(static_cast<std::uint32_t>(i - before), points, before == 0);
    code += static_cast<std::uint32_t>(i / points);
    i %= points;
    if (code > 0x10FFFF) return std::nullopt;
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(i++), static_cast<char32_t>(code));
  }
  return out;
}

/// RFC 3492 §6.3.
std::string punycode(const Label& label) {
  std::string out;
  for (const char32_t code : label) {
    if (code < 128) out += static_cast<char>(code);
  }
  std::uint32_t done = static_cast<std::uint32_t>(out.size());
  const std::uint32_t basic = done;
  if (basic > 0) out += '-';
  std::uint32_t code = 128, bias = 72;
  std::uint64_t delta = 0;
  while (done < label.size()) {
    char32_t next = 0x10FFFF;
    for (const char32_t c : label) {
      if (c >= code) next = std::min(next, c);
    }
    delta += static_cast<std::uint64_t>(next - code) * (done + 1);
    code = next;
    for (const char32_t c : label) {
      if (c < code) ++delta;
      if (c != code) continue;
      std::uint64_t rest = delta;
      for (std::uint32_t k = 36;; k += 36) {
        const std::uint32_t limit = threshold(k, bias);
        const std::uint64_t digit = rest < limit ? rest : limit + (rest - limit) % (36 - limit);
        out += static_cast<char>(digit < 26 ? 'a' + digit : '0' + (digit - 26));
        if (rest < limit) break;
        rest = (rest - limit) / (36 - limit);
      }
      bias = adapted(static_cast<std::uint32_t>(delta), done + 1, done == basic);
      delta = 0;
      ++done;
    }
    ++delta;
    ++code;
  }
  return out;
}

bool in_script(char32_t code, const re2::RE2& script) {
  std::string text;
  append_utf8(code, text);
  return matches(text, script);
}

bool is_virama(char32_t code) {
  return std::ranges::find(viramas, code) != std::end(viramas);
}

/// RFC 5892 appendix A.1, second half, for the Arabic script: a joiner on the left, and a letter on the right.
bool joins_around(const Label& label, std::size_t at) {
  static const re2::RE2 dual(
      "[\\x{620}\\x{626}\\x{628}\\x{62a}-\\x{62e}\\x{633}-\\x{63f}\\x{641}-\\x{647}\\x{649}\\x{64a}"
      "\\x{678}-\\x{687}\\x{69a}-\\x{6bf}\\x{6c1}\\x{6c2}\\x{6cc}\\x{6ce}\\x{6d0}\\x{6d1}\\x{6fa}-\\x{6fc}]");
  static const re2::RE2 letter("[\\x{620}-\\x{64a}\\x{66e}-\\x{6d3}\\x{6d5}\\x{6ee}-\\x{6ff}]");
  static const re2::RE2 transparent("\\p{Mn}");
  std::size_t left = at, right = at + 1;
  while (left > 0 && in_script(label[left - 1], transparent)) --left;
  while (right < label.size() && in_script(label[right], transparent)) ++right;
  return left > 0 && right < label.size() && in_script(label[left - 1], dual) && in_script(label[right], letter);
}

/// The rules of RFC 5892 appendix A for the character at `at`.
bool fits_context(const Label& label, std::size_t at) {
  static const re2::RE2 greek("\\p{Greek}"), hebrew("\\p{Hebrew}"), japanese("[\\p{Hiragana}\\p{Katakana}\\p{Han}]");
  const char32_t code = label[at];
  const char32_t before = at > 0 ? label[at - 1] : 0, after = at + 1 < label.size() ? label[at + 1] : 0;
  const auto any = [&](char32_t first, char32_t last) {
    return std::ranges::any_of(label, [&](char32_t c) { return c >= first && c <= last; });
  };
  if (code == 0xB7) return before == 'l' && after == 'l';
  if (code == 0x375) return after != 0 && in_script(after, greek);
  if (code == 0x5F3 || code == 0x5F4) return before != 0 && in_script(before, hebrew);
  if (code == 0x30FB) {
    return std::ranges::any_of(label, [&](char32_t c) { return c != 0x30FB && in_script(c, japanese); });
  }
  if (code >= 0x660 && code <= 0x669) return !any(0x6F0, 0x6F9);
  if (code == 0x200D) return is_virama(before);
  if (code == 0x200C) return is_virama(before) || joins_around(label, at);
  return true;
}

enum class Direction : std::uint8_t { left, right, european_number, arabic_number, mark, neutral };

Direction direction_of(char32_t code) {
  static const re2::RE2 mark("\\p{Mn}");
  if ((code >= '0' && code <= '9') || (code >= 0x6F0 && code <= 0x6F9)) return Direction::european_number;
  if (code == '-') return Direction::neutral;
  if (code < 0x300) return Direction::left;
  if ((code >= 0x660 && code <= 0x669) || code == 0x66B || code == 0x66C) return Direction::arabic_number;
  if (code == 0x200C || code == 0x200D || in_script(code, mark)) return Direction::mark;
  const bool right = (code >= 0x590 && code <= 0x8FF) || (code >= 0xFB1D && code <= 0xFDFF) ||
                     (code >= 0x10800 && code <= 0x10FFF) || (code >= 0x1E800 && code <= 0x1EFFF);
  return right ? Direction::right : Direction::left;
}

/// RFC 5893 §2.
bool fits_direction(const Label& label) {
  std::vector<Direction> seen;
  for (const char32_t code : label) seen.push_back(direction_of(code));
  const auto has = [&](Direction d) { return std::ranges::find(seen, d) != seen.end(); };
  if (seen.front() != Direction::left && seen.front() != Direction::right) return false;
  const bool right = seen.front() == Direction::right;
  if (has(right ? Direction::left : Direction::right)) return false;
  if (right ? has(Direction::european_number) && has(Direction::arabic_number) : has(Direction::arabic_number)) {
    return false;
  }
  while (seen.back() == Direction::mark) seen.pop_back();
  return seen.back() != Direction::neutral;
}

/// RFC 5891 §4.2.
bool is_u_label(const Label& label) {
  static const re2::RE2 allowed("^" + std::string(allowed_label) + "$"), forbidden(forbidden_character), mark("\\p{M}");
  if (label.empty() || label.front() == '-' || label.back() == '-' || in_script(label.front(), mark)) return false;
  if (label.size() >= 4 && label[2] == '-' && label[3] == '-') return false;
  const std::string text = utf8(label);
  if (!matches(text, allowed) || matches(text, forbidden)) return false;
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (!fits_context(label, i)) return false;
  }
  return punycode(label).size() + 4 <= 63;
}

bool is_ascii(const Label& label) {
  return std::ranges::all_of(label, [](char32_t c) { return c < 128; });
}

/// A label of RFC 1123, with what it stands for when it is an A-label; null when it is none.
std::optional<Label> plain_label(const std::string& label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return std::nullopt;
  if (!std::ranges::all_of(label, [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; })) return std::nullopt;
  const std::string lower = to_lower(label);
  if (!lower.starts_with("xn--")) return code_points(lower);
  std::optional<Label> decoded = punycode_decoded(std::string_view(label).substr(4));
  if (!decoded || is_ascii(*decoded) || !is_u_label(*decoded)) return std::nullopt;
  return to_lower(punycode(*decoded)) == lower.substr(4) ? decoded : std::nullopt;
}

bool is_any_hostname(std::string_view text, bool wide) {
  std::vector<Label> labels(1);
  for (const char32_t code : code_points(text)) {
    const bool stop = code == '.' || (wide && (code == 0x3002 || code == 0xFF0E || code == 0xFF61));
    if (stop) labels.emplace_back();
    if (!stop) labels.back() += code;
  }
  std::size_t length = labels.size() - 1;
  bool mixed = false;
  for (Label& label : labels) {
    if (is_ascii(label)) {
      length += label.size();
      std::optional<Label> meant = plain_label(utf8(label));
      if (!meant) return false;
      label = std::move(*meant);
    } else if (wide && is_u_label(label)) {
      length += punycode(label).size() + 4;
    } else {
      return false;
    }
    for (const char32_t code : label) {
      const Direction direction = direction_of(code);
      mixed = mixed || direction == Direction::right || direction == Direction::arabic_number;
    }
  }
  return length <= 253 && (!mixed || std::ranges::all_of(labels, fits_direction));
}

}  // namespace

bool is_hostname(std::string_view text) {
  // Most names are plain: one pass decides, unless there is an A-label.
  if (text.size() > 253) return false;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;; ++at) {
    const char* const label = at;
    while (at != end && (classes_of(*at) & host_byte) != 0) ++at;
    const std::ptrdiff_t length = at - label;
    if (length == 0 || length > 63 || label[0] == '-' || at[-1] == '-') return false;
    if (length >= 4 && label[2] == '-' && label[3] == '-' && to_lower(std::string_view(label, 2)) == "xn") {
      return is_any_hostname(text, false);
    }
    if (at == end) return true;
    if (*at != '.') return false;
  }
}

bool is_idn_hostname(std::string_view text) {
  return text.size() <= 1024 && is_any_hostname(text, true);
}

}  // namespace settle::formats
