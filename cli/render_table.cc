#include "cli/render_table.h"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace settle {

namespace {

std::optional<Time> time_of(const Json& document, std::string_view name) {
  const Json* found = document.find(name);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return parse_time(found->as_string());
}

std::string end_of(const Json& workflow) {
  const std::string outcome = text_of(workflow, "outcome", "");
  return outcome.empty() ? text_of(workflow, "status") : outcome;
}

}  // namespace

std::vector<Line> lay_out(const Table& table) {
  std::vector<std::size_t> widths;
  auto measure = [&](std::size_t column, const std::string& text) {
    if (column >= widths.size()) widths.resize(column + 1, 0);
    widths[column] = std::max(widths[column], display_width(printable(text)));
  };
  for (std::size_t i = 0; i < table.heading.size(); ++i) measure(i, table.heading[i]);
  for (const std::vector<Span>& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) measure(i, row[i].text);
  }

  auto line_of = [&](const std::vector<Span>& cells) {
    Line line;
    std::size_t gap = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!cells[i].text.empty()) {
        if (gap > 0) line.push_back({std::string(gap, ' ')});
        line.push_back(cells[i]);
        gap = 0;
      }
      // The gap is written before the next cell that is not empty, so that no line ends in spaces.
      gap += widths[i] - display_width(printable(cells[i].text)) + 2;
    }
    return line;
  };

  std::vector<Line> lines;
  std::vector<Span> heading;
  for (const std::string& word : table.heading) heading.push_back({word, Style::bold});
  if (!heading.empty()) lines.push_back(line_of(heading));
  for (const std::vector<Span>& row : table.rows) lines.push_back(line_of(row));
  return lines;
}

std::string text_of(const Json& document, std::string_view name, std::string_view missing) {
  const Json* found = document.find(name);
  return std::string(found != nullptr && found->is_string() ? std::string_view(found->as_string()) : missing);
}

std::string short_of(const Json& document, std::string_view name, std::string_view missing) {
  const Json* found = document.find(name);
  if (found == nullptr || found->is_null()) return std::string(missing);
  return found->is_string() ? found->as_string() : write_json(*found);
}

bool flag_of(const Json& document, std::string_view name) {
  const Json* found = document.find(name);
  return found != nullptr && found->is_bool() && found->as_bool();
}

std::string clock_of(const Json& document, std::string_view name) {
  const std::optional<Time> time = time_of(document, name);
  if (!time) return "-";
  std::string text = format_time(*time);
  std::replace(text.begin(), text.end(), 'T', ' ');
  if (!text.empty() && text.back() == 'Z') text.pop_back();
  return text;
}

std::string spoken(Duration duration) {
  const std::int64_t ms = std::max<std::int64_t>(0, duration.count());
  if (ms < 1'000) return std::to_string(ms) + " ms";
  if (ms < 60'000) return std::to_string(ms / 1'000) + "." + std::to_string(ms % 1'000 / 100) + " s";

  const std::int64_t s = ms / 1'000;
  auto two = [](std::int64_t big, const char* big_unit, std::int64_t small, const char* small_unit) {
    return std::to_string(big) + big_unit + (small == 0 ? std::string() : " " + std::to_string(small) + small_unit);
  };
  if (s < 3'600) return two(s / 60, " min", s % 60, " s");
  if (s < 86'400) return two(s / 3'600, " h", s % 3'600 / 60, " min");
  return two(s / 86'400, " d", s % 86'400 / 3'600, " h");
}

std::string took(const Json& document, std::string_view from, std::string_view until, const View& view) {
  const std::optional<Time> begin = time_of(document, from);
  std::optional<Time> end = time_of(document, until);
  if (!end) end = view.now;
  return begin && end ? spoken(*end - *begin) : std::string();
}

const Json::Array& list_of(const Json& document, std::string_view name) {
  static const Json::Array none;
  const Json* found = document.find(name);
  return found != nullptr && found->is_array() ? found->as_array() : none;
}

std::string short_hash(std::string text) {
  constexpr std::size_t kPrefix = 7;
  constexpr std::size_t kDigits = 12;
  return text.starts_with("sha256:") && text.size() > kPrefix + kDigits ? text.substr(0, kPrefix + kDigits) : text;
}

std::string labels_of(const Json& document) {
  const Json* labels = document.find("labels");
  if (labels == nullptr || !labels->is_object()) return {};
  std::string out;
  for (const JsonMember& label : labels->as_object()) {
    out += (out.empty() ? "" : " ") + label.name + "=" + short_of(*labels, label.name, "");
  }
  return out;
}

std::string render_workflows(const Json& list, const View& view) {
  Table table;
  table.heading = {"ID", "NAME", "STATUS", "OUTCOME", "CREATED (UTC)", "TOOK", "LABELS"};
  for (const Json& one : list_of(list, "workflows")) {
    const bool attention = flag_of(one, "attention");
    const std::string status = text_of(one, "status") + (attention ? " (attention)" : "");
    const std::string outcome = text_of(one, "outcome");
    table.rows.push_back({{text_of(one, "id"), Style::bold},
                          {text_of(one, "name")},
                          {status, attention ? style_of("attention") : style_of(text_of(one, "status"))},
                          {outcome, style_of(outcome)},
                          {clock_of(one, "created_at"), Style::dim},
                          {took(one, "created_at", "ended_at", view)},
                          {labels_of(one), Style::dim}});
  }
  if (table.rows.empty()) return "no workflows\n";

  std::string out = draw_lines(lay_out(table), view);
  const std::string next = text_of(list, "next_cursor", "");
  if (!next.empty()) out += draw_lines({{{"more: --cursor " + next, Style::dim}}}, view);
  return out;
}

std::string render_event(const Json& event, const View& view) {
  const std::string type = text_of(event, "type");
  const std::size_t dot = type.rfind('.');
  const Style style = style_of(dot == std::string::npos ? type : type.substr(dot + 1));
  Line line = {{clock_of(event, "at"), Style::dim}, {"  " + short_of(event, "seq"), Style::dim}, {"  "}, {type, style}};
  const std::string action = text_of(event, "action", "");
  if (!action.empty()) line.push_back({"  " + action, Style::bold});

  const Json* data = event.find("data");
  if (data != nullptr && data->is_object()) {
    for (const JsonMember& member : data->as_object()) {
      const std::string value = short_of(*data, member.name, "");
      if (!value.empty()) line.push_back({"  " + member.name + "=" + cut(printable(value), 80)});
    }
  }
  return draw_line(line, view);
}

std::string render_events(const Json& list, const View& view) {
  std::string out;
  for (const Json& event : list_of(list, "events")) out += render_event(event, view) + "\n";
  return out.empty() ? "no events\n" : out;
}

std::string render_tools(const Json& list, const View& view) {
  Table table;
  table.heading = {"NAME", "RISK", "VERSION", "DESCRIPTION"};
  for (const Json& tool : list_of(list, "tools")) {
    const std::string risk = text_of(tool, "risk");
    table.rows.push_back({{text_of(tool, "name"), Style::bold},
                          {risk, style_of(risk)},
                          {short_hash(text_of(tool, "version")), Style::dim},
                          {(flag_of(tool, "deprecated") ? "(deprecated) " : "") + text_of(tool, "description", "")}});
  }
  return table.rows.empty() ? "no tools\n" : draw_lines(lay_out(table), view);
}

std::string render_report(const Json& report, const View& view) {
  std::string out;
  const std::string outcome = end_of(report);
  Line title = {{text_of(report, "name"), Style::bold}, {"  "}, {text_of(report, "workflow"), Style::dim}};
  title.push_back({"  "});
  title.push_back({outcome == "-" ? "running" : outcome, style_of(outcome)});
  if (flag_of(report, "attention")) title.push_back({"  needs a person", style_of("attention")});
  out += draw_line(title, view) + "\n\n";

  const std::string text = printable_lines(text_of(report, "text", ""));
  out += text;
  if (!text.empty() && text.back() != '\n') out += '\n';
  if (!text.empty() && !list_of(report, "actions").empty()) out += '\n';

  Table table;
  table.heading = {"ACTION", "STATE", "RECEIPT", "WHAT THE RECEIPT SAYS"};
  for (const Json& action : list_of(report, "actions")) {
    const std::string state = text_of(action, "state");
    table.rows.push_back({{text_of(action, "action"), Style::bold},
                          {state, style_of(state)},
                          {text_of(action, "receipt"), Style::dim},
                          {text_of(action, "sentence", "")}});
  }
  return table.rows.empty() ? out : out + draw_lines(lay_out(table), view);
}

std::string render_sandbox_log(const Json& log, const View& view) {
  Table table;
  table.heading = {"#", "TIME (UTC)", "REQUEST", "KEY OR REFERENCE", "ANSWER", "FAULT", "EFFECT"};
  for (const Json& entry : list_of(log, "entries")) {
    const std::string fault = text_of(entry, "fault", "");
    const std::string effect = text_of(entry, "effect", "");
    const Json* status = entry.find("status");
    const bool answered = status != nullptr && status->is_integer();
    table.rows.push_back({{short_of(entry, "seq"), Style::dim},
                          {clock_of(entry, "at"), Style::dim},
                          {text_of(entry, "method") + " " + text_of(entry, "path")},
                          {text_of(entry, "key", ""), Style::cyan},
                          {answered ? short_of(entry, "status") : "no answer", answered ? Style::plain : Style::red},
                          {fault, Style::red},
                          {effect + (flag_of(entry, "replayed") ? "(same answer again)" : ""), Style::green}});
  }
  return table.rows.empty() ? "no requests\n" : draw_lines(lay_out(table), view);
}

std::string render_sandbox_summary(const Json& summary, const View& view) {
  Table table;
  table.heading = {"KEY OR REFERENCE", "CALL", "SENDS", "EFFECTS", "DUPLICATES"};
  for (const Json& key : list_of(summary, "keys")) {
    const std::string duplicates = short_of(key, "duplicates", "0");
    table.rows.push_back({{text_of(key, "key", "(none)"), Style::cyan},
                          {text_of(key, "method") + " " + text_of(key, "path")},
                          {short_of(key, "sends", "0")},
                          {short_of(key, "effects", "0")},
                          {duplicates, duplicates == "0" ? Style::green : Style::red}});
  }
  std::string out = table.rows.empty() ? std::string() : draw_lines(lay_out(table), view);
  const std::string duplicates = short_of(summary, "duplicates", "0");
  out += draw_lines(
      {{{short_of(summary, "requests", "0") + " requests, " + short_of(summary, "effects", "0") + " effects, "},
        {duplicates + " duplicates", duplicates == "0" ? Style::green : Style::red}}},
      view);
  return out;
}

}  // namespace settle
