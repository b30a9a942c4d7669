#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace settle {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Unicode 15: marks and format characters that take no column (the common blocks, not every script's marks).
constexpr Range kZeroWidth[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05c2}, {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x0670, 0x0670}, {0x06d6, 0x06dc}, {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948},   {0x094d, 0x094d},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},   {0x200b, 0x200d},
    {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
};

// Unicode 15, EastAsianWidth W and F, and the emoji that terminals draw over two columns.
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},
    {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267f, 0x267f},
    {0x2693, 0x2693},   {0x26a1, 0x26a1},   {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},
    {0x26ce, 0x26ce},   {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},
    {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
    {0x27b0, 0x27b0},   {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},
    {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6},   {0x16fe0, 0x18cff}, {0x1aff0, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf},
    {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c},
    {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4},
    {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e},
    {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f},
    {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6d7}, {0x1f6dc, 0x1f6df},
    {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7eb}, {0x1f7f0, 0x1f7f0}, {0x1f90c, 0x1f93a},
    {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

template <std::size_t N>
bool within(const Range (&ranges)[N], char32_t point) {
  const Range* at = std::lower_bound(std::begin(ranges), std::end(ranges), point,
                                     [](const Range& range, char32_t value) { return range.last < value; });
  return at != std::end(ranges) && at->first <= point;
}

// The characters that move the cursor, change the direction of what follows, or end a line.
bool steers(char32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c || point == 0x200e || point == 0x200f ||
         (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

struct Decoded {
  char32_t point = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// One code point of UTF-8 (RFC 3629: no overlong forms, no surrogates). `text` is not empty.
Decoded decode(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};

  const std::size_t bytes = lead >= 0xf0 && lead <= 0xf4  ? 4
                            : lead >= 0xe0 && lead < 0xf0 ? 3
                            : lead >= 0xc2 && lead < 0xe0 ? 2
                                                          : 0;
  if (bytes == 0 || bytes > text.size()) return {};
  char32_t point = lead & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {};
    point = (point << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < kSmallest[bytes] || point > 0x10ffff || surrogate) return {};
  return {point, bytes, true};
}

std::size_t width_of(char32_t point) {
  return within(kZeroWidth, point) ? 0 : within(kWide, point) ? 2 : 1;
}

void append_hex(std::string& out, char32_t value, int digits_min) {
  std::string digits;
  for (; value != 0 || static_cast<int>(digits.size()) < digits_min; value >>= 4)
    digits.push_back("0123456789abcdef"[value & 0xf]);
  out.append(digits.rbegin(), digits.rend());
}

void append_escaped(std::string& out, char32_t point) {
  switch (point) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  out += point < 0x80 ? "\\x" : "\\u";
  append_hex(out, point, point < 0x80 ? 2 : 4);
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::bold:
      return "\x1b[1m";
    case Style::dim:
      return "\x1b[2m";
    case Style::red:
      return "\x1b[31m";
    case Style::green:
      return "\x1b[32m";
    case Style::yellow:
      return "\x1b[33m";
    case Style::cyan:
      return "\x1b[36m";
  }
  return "";
}

}  // namespace

View view_of(int fd, ColorChoice choice) {
  View view;
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  view.tty = ::isatty(fd) == 1 && !(term != nullptr && std::string_view(term) == "dumb");
  const bool wanted = view.tty && (no_color == nullptr || *no_color == '\0');
  view.color = choice == ColorChoice::always || (choice == ColorChoice::automatic && wanted);

  winsize size{};
  if (view.tty && ::ioctl(fd, TIOCGWINSZ, &size) == 0) {
    view.columns = size.ws_col;
    view.lines = size.ws_row;
  }
  return view;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded one = decode(text);
    if (!one.valid) {
      out += "\\x";
      append_hex(out, static_cast<unsigned char>(text[0]), 2);
    } else if (steers(one.point)) {
      append_escaped(out, one.point);
    } else {
      out.append(text.substr(0, one.bytes));
    }
    text.remove_prefix(one.bytes);
  }
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\n\t");
    out += printable(text.substr(0, end));
    if (end == std::string_view::npos) break;
    out += text[end] == '\n' ? "\n" : "  ";
    text.remove_prefix(end + 1);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Decoded one = decode(text);
    width += one.valid ? width_of(one.point) : 1;
    text.remove_prefix(one.bytes);
  }
  return width;
}

std::string cut(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};

  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const Decoded one = decode(text);
    const std::size_t width = one.valid ? width_of(one.point) : 1;
    if (used + width > columns - 1) break;
    used += width;
    out.append(text.substr(0, one.bytes));
    text.remove_prefix(one.bytes);
  }
  return out + "…";
}

std::string draw_line(const Line& line, const View& view) {
  std::string all;
  std::vector<std::string> pieces;
  for (const Span& span : line) all += pieces.emplace_back(printable(span.text));
  const bool too_long = view.columns != 0 && display_width(all) > view.columns;
  std::size_t left = too_long ? view.columns : all.size();

  std::string out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string& piece = pieces[i];
    const std::size_t width = display_width(piece);
    // The piece that crosses the edge ends in "…", and so does one that ends exactly there when more would follow.
    const bool last = too_long && width >= left;
    if (last) piece = cut(piece + (width == left ? " " : ""), left);
    if (!view.color || line[i].style == Style::plain || piece.empty()) {
      out += piece;
    } else {
      out += code_of(line[i].style);
      out += piece;
      out += "\x1b[0m";
    }
    if (last) break;
    left -= std::min(left, width);
  }
  return out;
}

std::string draw_lines(const std::vector<Line>& lines, const View& view) {
  std::string out;
  for (const Line& line : lines) {
    out += draw_line(line, view);
    out += '\n';
  }
  return out;
}

Style style_of(std::string_view word) {
  struct Row {
    std::string_view word;
    Style style;
  };
  static constexpr Row kRows[] = {
      {"verified", Style::green},
      {"executed", Style::cyan},
      {"failed", Style::red},
      {"in_doubt", Style::red},
      {"attention", Style::red},
      {"unverified", Style::red},
      {"executing", Style::yellow},
      {"backing_off", Style::yellow},
      {"rate_limited", Style::yellow},
      {"verifying", Style::yellow},
      {"awaiting_approval", Style::yellow},
      {"running", Style::yellow},
      {"cancelling", Style::yellow},
      {"compensating", Style::yellow},
      {"paused", Style::yellow},
      {"pending", Style::dim},
      {"blocked", Style::dim},
      {"ready", Style::dim},
      {"waiting", Style::dim},
      {"skipped", Style::dim},
      {"cancelled", Style::dim},
      {"destructive", Style::red},
      {"write", Style::yellow},
      {"read", Style::green},
  };
  for (const Row& row : kRows) {
    if (row.word == word) return row.style;
  }
  return Style::plain;
}

}  // namespace settle
