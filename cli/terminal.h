#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace settle {

/// What `--color` said.
enum class ColorChoice : std::uint8_t { automatic, always, never };

/// How something is shown. Only this file knows the escape sequences.
enum class Style : std::uint8_t { plain, bold, dim, red, green, yellow, cyan };

/// Everything that a rendering function needs to know about the place where its text will be read.
struct View {
  bool color = false;
  bool tty = false;                        ///< a terminal that can redraw
  std::size_t columns = 0;                 ///< lines are cut to this display width; 0: never cut
  std::size_t lines = 0;                   ///< height of the terminal; 0: unknown
  std::optional<Time> now = std::nullopt;  ///< for ages of what still runs; without it they are left out
};

/// The view of the file descriptor `fd`. Colours: `choice`, then NO_COLOR (https://no-color.org), then whether fd is a
/// terminal other than TERM=dumb.
View view_of(int fd, ColorChoice choice);

/// `text` with everything that could steer a terminal written as an escape: C0 and C1 control characters, DEL, the
/// bidirectional overrides, line separators and bytes that are not UTF-8. One line comes out as one line.
std::string printable(std::string_view text);

/// The same for text of several lines: \n stays, a tab becomes two spaces.
std::string printable_lines(std::string_view text);

/// Columns that `text` (UTF-8, already printable) takes on a terminal: wide East Asian characters 2, combining marks 0.
std::size_t display_width(std::string_view text);

/// `text` cut to `columns`, with "…" as its last column when something was left out.
std::string cut(std::string_view text, std::size_t columns);

/// A piece of a line in one style. `text` is raw: it is made printable when it is drawn.
struct Span {
  std::string text;
  Style style = Style::plain;
};

/// One line, without its line feed.
using Line = std::vector<Span>;

/// Draws one line: printable, styled if the view has colours, cut to the view's columns.
std::string draw_line(const Line& line, const View& view);

/// Draws lines, each ended by a line feed.
std::string draw_lines(const std::vector<Line>& lines, const View& view);

/// How a state, phase, outcome or status is coloured.
Style style_of(std::string_view word);

}  // namespace settle
