#include "api/http/problem.h"

#include <string>

#include "api/http/server.h"
#include "base/json.h"
#include "base/problem.h"

namespace settle {
namespace {

void write_text_member(std::string_view name, std::string_view value, std::string& out) {
  write_json_string(name, out);
  out += ':';
  write_json_string(value, out);
}

void write_problems(const std::vector<Problem>& problems, std::string& out) {
  out += ",\"errors\":" + write_json(problem_documents(problems));
}

}  // namespace

HttpResponse problem_response(const Error& error, std::string_view request_id) {
  return problem_response(error, info(error.code).http_status, request_id);
}

HttpResponse problem_response(const Error& error, int status, std::string_view request_id) {
  const ErrorCodeInfo& row = info(error.code);
  HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  std::string& body = response.body;
  body += '{';
  write_text_member("type", "urn:settle:problem:" + std::string(row.name), body);
  body += ',';
  write_text_member("title", row.title, body);
  body += ",\"status\":" + std::to_string(status) + ',';
  write_text_member("detail", error.message, body);
  body += ',';
  write_text_member("code", row.name, body);
  body += row.safe_to_retry ? ",\"safe_to_retry\":true," : ",\"safe_to_retry\":false,";
  write_text_member("request_id", request_id, body);
  if (!error.problems.empty()) write_problems(error.problems, body);
  body += '}';
  if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace settle
