#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/terminal.h"

namespace settle {

// Everything here is pure: a document of the API in, text out. Members that are missing or have an unexpected type are
// shown as "-": a newer server must not make an older client fail.

/// Rows under a heading, columns aligned by display width and parted by two spaces.
struct Table {
  std::vector<std::string> heading;
  std::vector<std::vector<Span>> rows;
};
std::vector<Line> lay_out(const Table& table);

/// "GET /v1/workflows".
std::string render_workflows(const Json& list, const View& view);
/// One event as one line: time, sequence number, type, action, and its data in short.
std::string render_event(const Json& event, const View& view);
/// "GET /v1/workflows/{id}/events".
std::string render_events(const Json& list, const View& view);
/// "GET /v1/tools".
std::string render_tools(const Json& list, const View& view);
/// "GET /v1/workflows/{id}/report".
std::string render_report(const Json& report, const View& view);
/// The sandbox's log and its summary.
std::string render_sandbox_log(const Json& log, const View& view);
std::string render_sandbox_summary(const Json& summary, const View& view);

// Small readers that the other renderers share.

/// A string member; `missing` when there is none.
std::string text_of(const Json& document, std::string_view name, std::string_view missing = "-");
/// Any member in short: strings as they are, everything else as JSON, null and missing as `missing`.
std::string short_of(const Json& document, std::string_view name, std::string_view missing = "-");
bool flag_of(const Json& document, std::string_view name);
/// "2026-11-22 20:14:18.007" from RFC 3339; "-" when there is none.
std::string clock_of(const Json& document, std::string_view name);
/// A span of time for people: "7 ms", "1.2 s", "3 min 5 s", "2 h 3 min", "4 d 2 h".
std::string spoken(Duration duration);
/// From one moment to another (or to now): "1.2 s"; empty when either is unknown.
std::string took(const Json& document, std::string_view from, std::string_view until, const View& view);
/// The elements of an array member; none when there is no such array.
const Json::Array& list_of(const Json& document, std::string_view name);
/// "sha256:" and the dozen digits that people compare; any other text as it is.
std::string short_hash(std::string text);
/// "a=1 b=2".
std::string labels_of(const Json& document);

}  // namespace settle
