#include "cli/tool_commands.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <ostream>

#include "base/problem.h"
#include "cli/exchange.h"
#include "cli/render_problem.h"
#include "cli/render_table.h"
#include "workflows/tool_diff.h"
#include "workflows/tool_lint.h"

namespace settle {

namespace {

std::string tool_path(const std::string& name) {
  return "/v1/tools/" + percent_encode(name);
}

void add_problems(std::vector<Line>& lines, const std::vector<Problem>& problems, const char* weight, Style style) {
  const Json documents = problem_documents(problems);
  for (const Json& problem : documents.as_array()) add_problem(lines, problem, style, weight);
}

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

struct Linted {
  LintReport report;
  int exit_code = 0;
};

Linted lint_file(Client& client, const std::string& file, const Values& values, bool strict) {
  Result<Json> document = read_document(client, file);
  if (!document) {
    Linted out{{}, info(document.error().code).exit_code};
    out.report.errors = document.error().problems;
    if (out.report.errors.empty())
      out.report.errors.push_back(
          {"", std::string(info(document.error().code).name), "", "", document.error().message});
    for (Problem& problem : out.report.errors) {
      if (problem.message.empty()) problem.message = document.error().message;
    }
    return out;
  }
  Linted out{lint_tool(*document, values), 0};
  const bool wrong = !out.report.errors.empty() || (strict && !out.report.warnings.empty());
  if (wrong) out.exit_code = info(ErrorCode::invalid_tool).exit_code;
  return out;
}

Values values_of(const std::vector<std::string>& given) {
  Values values;
  for (const std::string& one : given) {
    const std::size_t split = one.find('=');
    values[one.substr(0, split)] = one.substr(split + 1);
  }
  return values;
}

Style style_of_impact(ChangeImpact impact) {
  switch (impact) {
    case ChangeImpact::breaking:
    case ChangeImpact::weaker:
      return Style::red;
    case ChangeImpact::review:
      return Style::yellow;
    default:
      return Style::dim;
  }
}

/// A document to compare: a file, or what the server has under NAME or NAME@VERSION.
std::variant<Json, Refusal> operand(Client& client, const std::string& given) {
  std::error_code ignored;
  const bool file = given == "-" || given.find('/') != std::string::npos || given.ends_with(".json") ||
                    std::filesystem::exists(given, ignored);
  if (file) {
    Result<Json> document = read_document(client, given);
    if (!document) return refusal_of(document.error());
    return *std::move(document);
  }
  const std::size_t at = given.find('@');
  std::string path = tool_path(given.substr(0, at));
  if (at != std::string::npos) path += "/versions/" + percent_encode(given.substr(at + 1));
  Exchange seen = exchange_patiently(client, {.path = path}, kPatience);
  if (Refusal* refusal = std::get_if<Refusal>(&seen)) return std::move(*refusal);
  const Json* document = std::get<Answer>(seen).document.find("document");
  return document == nullptr ? Json() : *document;
}

Json change_document(const ToolChange& change) {
  return Json::object({{"place", change.place},
                       {"kind", change.kind},
                       {"code", change.code},
                       {"impact", name_of(change.impact)},
                       {"before", change.before},
                       {"after", change.after},
                       {"meaning", change.meaning}});
}

std::string in_short(const Json& value) {
  constexpr std::size_t columns = 60;
  return cut(printable(write_json(value)), columns);
}

std::string draw_changes(const std::vector<ToolChange>& changes, const View& view) {
  std::vector<Line> lines;
  for (const ToolChange& change : changes) {
    lines.push_back({{std::string(name_of(change.impact)), style_of_impact(change.impact)},
                     {"  "},
                     {change.place, Style::cyan},
                     {"  " + change.kind + "  "},
                     {change.code, Style::bold}});
    lines.push_back({{"      " + change.meaning}});
    if (change.kind != "added") lines.push_back({{"      before  ", Style::dim}, {in_short(change.before)}});
    if (change.kind != "removed") lines.push_back({{"      after   ", Style::dim}, {in_short(change.after)}});
  }
  return changes.empty() ? "no difference\n" : draw_lines(lines, view);
}

std::string draw_versions(const Json& answer, const View& view) {
  Table table;
  table.heading = {"VERSION", "CAME", "STATE", ""};
  for (const Json& version : list_of(answer, "versions")) {
    const bool enabled = flag_of(version, "enabled");
    const std::string notes = std::string(flag_of(version, "newest") ? "newest" : "") +
                              (flag_of(version, "deprecated") ? " deprecated" : "") +
                              (flag_of(version, "usable") ? "" : " not usable with this configuration");
    table.rows.push_back({{short_hash(text_of(version, "version")), Style::bold},
                          {clock_of(version, "came_at")},
                          {enabled ? "enabled" : "disabled", enabled ? Style::green : Style::red},
                          {notes, Style::dim}});
  }
  return draw_lines(lay_out(table), view);
}

}  // namespace

int lint_tools(Client& client, const ToolsOptions& options) {
  const Values values = values_of(options.values);
  Json::Array files;
  std::size_t errors = 0, warnings = 0;
  int first_wrong = 0;
  for (const std::string& file : options.files) {
    const Linted linted = lint_file(client, file, values, options.strict);
    if (first_wrong == 0) first_wrong = linted.exit_code;
    errors += linted.report.errors.size();
    warnings += linted.report.warnings.size();
    files.push_back(Json::object({{"file", file},
                                  {"name", linted.report.name.empty() ? Json() : Json(linted.report.name)},
                                  {"valid", linted.report.errors.empty()},
                                  {"errors", problem_documents(linted.report.errors)},
                                  {"warnings", problem_documents(linted.report.warnings)}}));
    if (client.json) continue;
    std::vector<Line> lines;
    lines.push_back({{file, Style::bold}, {linted.report.name.empty() ? "" : "  " + linted.report.name, Style::dim}});
    add_problems(lines, linted.report.errors, "error", Style::red);
    add_problems(lines, linted.report.warnings, "warning", Style::yellow);
    if (lines.size() == 1) lines[0].push_back({"  nothing to say", Style::green});
    client.out << draw_lines(lines, client.view);
  }
  if (client.json) {
    client.out << write_json(Json::object({{"files", std::move(files)}})) << '\n';
  } else {
    client.out << counted(options.files.size(), "file") + ", " + counted(errors, "error") + ", " +
                      counted(warnings, "warning") + "\n";
  }
  client.out << std::flush;
  return first_wrong;
}

int diff_tools(Client& client, const ToolsOptions& options) {
  const std::variant<Json, Refusal> before = operand(client, options.before);
  if (const Refusal* refusal = std::get_if<Refusal>(&before)) return refuse(client, *refusal);
  const std::variant<Json, Refusal> after = operand(client, options.after);
  if (const Refusal* refusal = std::get_if<Refusal>(&after)) return refuse(client, *refusal);
  const std::vector<ToolChange> changes = diff_tools(std::get<Json>(before), std::get<Json>(after));
  ChangeImpact worst = ChangeImpact::none;
  Json::Array listed;
  for (const ToolChange& change : changes) {
    worst = std::max(worst, change.impact);
    listed.push_back(change_document(change));
  }
  if (client.json) {
    client.out << write_json(Json::object({{"before", options.before},
                                           {"after", options.after},
                                           {"impact", name_of(worst)},
                                           {"changes", std::move(listed)}}))
               << '\n';
  } else {
    client.out << draw_changes(changes, client.view);
  }
  client.out << std::flush;
  return options.strict && worst >= ChangeImpact::weaker ? kExitWeaker : 0;
}

int export_tools(Client& client, const ToolsOptions& options) {
  Exchange seen = exchange_patiently(client, {.path = "/v1/tools" + query_of({{"format", options.format}})}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  const Json* tools = answer.document.find("tools");
  // The list goes into a program as it is, so nothing but JSON's own escapes is applied to it.
  print(client, answer, write_json(tools == nullptr ? Json::array() : *tools, 2) + "\n");
  return 0;
}

int tool_versions(Client& client, const ToolsOptions& options) {
  Exchange seen = exchange_patiently(client, {.path = tool_path(options.name) + "/versions"}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, draw_versions(answer.document, client.view));
  return 0;
}

int enable_tool(Client& client, const ToolsOptions& options, bool enabled) {
  const ApiRequest request = {.method = "POST",
                              .path = tool_path(options.name) + "/versions/" + percent_encode(options.version) +
                                      (enabled ? ":enable" : ":disable")};
  Exchange seen = exchange_patiently(client, request, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  const std::string newest = text_of(answer.document, "newest", "");
  const Line line = {{options.name, Style::bold},
                     {enabled ? "  enabled" : "  disabled"},
                     {newest.empty() ? "; no version is left: plans that name it are refused"
                                     : "; new workflows run " + short_hash(newest)}};
  print(client, answer, draw_line(line, client.view) + "\n");
  return 0;
}

}  // namespace settle
