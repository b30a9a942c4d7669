#include "cli/render_problem.h"

#include <algorithm>

#include "base/problem.h"
#include "cli/render_table.h"

namespace settle {

namespace {

void add_field(std::vector<Line>& lines, const Json& error, std::string_view name, const std::string& label) {
  const std::string value = short_of(error, name, "");
  if (!value.empty()) lines.push_back({{"      " + label, Style::dim}, {value}});
}

}  // namespace

void add_problem(std::vector<Line>& lines, const Json& error, Style style, const std::string& weight) {
  const std::string pointer = text_of(error, "pointer", "");
  Line head = {{"  "}};
  if (!weight.empty()) head.insert(head.end(), {{weight, style}, {"  "}});
  head.insert(
      head.end(),
      {{pointer.empty() ? "(the whole document)" : pointer, Style::cyan}, {"  "}, {text_of(error, "code"), style}});
  lines.push_back(std::move(head));
  add_field(lines, error, "message", "");
  add_field(lines, error, "expected", "expected  ");
  add_field(lines, error, "got", "got       ");
  add_field(lines, error, "suggestion", "try       ");
}

std::string render_problem(const Json& problem, const View& view) {
  const std::string code = text_of(problem, "code", "");
  const std::string title = text_of(problem, "title", "The server refused this");
  const std::string detail = text_of(problem, "detail", "");
  std::vector<Line> lines;
  lines.push_back({{"error: ", Style::red}, {title, Style::bold}, {code.empty() ? "" : " (" + code + ")", Style::dim}});
  if (!detail.empty()) lines.push_back({{"  " + detail}});
  for (const Json& error : list_of(problem, "errors")) add_problem(lines, error, Style::red);

  if (flag_of(problem, "safe_to_retry")) lines.push_back({{"  the same request may be sent again", Style::dim}});
  const std::string request = text_of(problem, "request_id", "");
  if (!request.empty()) lines.push_back({{"  request " + request, Style::dim}});
  return draw_lines(lines, view);
}

std::string render_warnings(const Json& document, const View& view) {
  std::vector<Line> lines;
  for (const Json& warning : list_of(document, "warnings")) add_problem(lines, warning, Style::yellow);
  return lines.empty() ? "" : draw_lines(lines, view);
}

Json problem_of(const Error& error) {
  const ErrorCodeInfo& row = info(error.code);
  return Json::object({{"type", "about:blank"},
                       {"title", row.title},
                       {"status", row.http_status},
                       {"detail", error.message},
                       {"code", row.name},
                       {"safe_to_retry", row.safe_to_retry},
                       {"errors", problem_documents(error.problems)}});
}

std::string render_error(const Error& error, const View& view) {
  return render_problem(problem_of(error), view);
}

int exit_code_of(const Json& problem, int http_status) {
  const std::string code = text_of(problem, "code", "");
  for (const ErrorCodeInfo& row : all_error_codes()) {
    if (row.name == code) return row.exit_code;
  }
  // A code of a newer server, or an answer of something that stands between: the status says enough.
  switch (http_status) {
    case 401:
    case 403:
      return info(ErrorCode::forbidden).exit_code;
    case 404:
    case 410:
      return info(ErrorCode::not_found).exit_code;
    case 409:
      return info(ErrorCode::conflict).exit_code;
    case 422:
      return info(ErrorCode::invalid_plan).exit_code;
    case 408:
    case 429:
    case 503:
    case 507:
      return info(ErrorCode::overloaded).exit_code;
    case 502:
    case 504:
      return info(ErrorCode::unreachable).exit_code;
    default:
      break;
  }
  return http_status >= 500 ? info(ErrorCode::internal).exit_code : info(ErrorCode::invalid_argument).exit_code;
}

}  // namespace settle
