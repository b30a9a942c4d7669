#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace settle {

const std::vector<ErrorCodeInfo>& all_error_codes() {
  using enum ErrorCode;
  static const std::vector<ErrorCodeInfo> table = {
      {malformed_request, "malformed_request", "The request is not well-formed HTTP", 400, false, 2},
      {malformed_json, "malformed_json", "The document is not strict JSON", 400, false, 2},
      {invalid_argument, "invalid_argument", "An argument is not acceptable", 400, false, 2},
      {invalid_plan, "invalid_plan", "The plan was refused", 422, false, 3},
      {invalid_tool, "invalid_tool", "The tool document was refused", 422, false, 3},
      {payload_too_large, "payload_too_large", "The document is too large", 413, false, 2},
      {unsupported_media_type, "unsupported_media_type", "The body has a type or encoding that is not accepted", 415,
       false, 2},
      {not_found, "not_found", "There is no such thing", 404, false, 4},
      {method_not_allowed, "method_not_allowed", "The method is not offered here", 405, false, 2},
      {conflict, "conflict", "The id is taken by a different workflow", 409, false, 5},
      {gone, "gone", "The workflow was purged", 410, false, 4},
      {idempotency_key_reused, "idempotency_key_reused", "The Idempotency-Key came with another body before", 422,
       false, 5},
      {wrong_state, "wrong_state", "The state does not allow this", 409, false, 5},
      {unauthenticated, "unauthenticated", "No valid token", 401, false, 6},
      {forbidden, "forbidden", "The token does not allow this", 403, false, 6},
      {overloaded, "overloaded", "The engine takes no more work for the moment", 503, true, 7},
      {shutting_down, "shutting_down", "The engine is shutting down", 503, true, 7},
      {disk_full, "disk_full", "The disk is nearly full; no new work is taken", 507, true, 7},
      {request_timeout, "request_timeout", "The request did not arrive in time", 408, true, 7},
      {configuration, "configuration", "The configuration is wrong", 500, false, 2},
      {unreachable, "unreachable", "The server does not answer", 503, true, 8},
      {in_use, "in_use", "Another engine holds the store", 500, false, 9},
      {newer_format, "newer_format", "The store was written by a newer Settle", 500, false, 10},
      {corruption, "corruption", "Stored data is damaged", 500, false, 11},
      {data_missing, "data_missing", "Acknowledged data is missing from the store", 500, false, 12},
      {io_error, "io_error", "The system refused an operation on a file or socket", 500, false, 13},
      {internal, "internal", "Settle made a mistake", 500, false, 70},
      {signals_full, "signals_full", "The workflow takes no more signals", 409, false, 5},
      {approval_changed, "approval_changed", "What would be sent is not what was looked at", 409, false, 5},
      {insufficient_scope, "insufficient_scope", "The token has not the scope for this", 403, false, 6},
      {quota_exceeded, "quota_exceeded", "The namespace has used up what it may have", 429, true, 7},
      {cursor_expired, "cursor_expired", "The feed does not reach back that far any more", 410, false, 4},
      {host_not_allowed, "host_not_allowed", "The server does not go by this name", 421, false, 2},
      {origin_not_allowed, "origin_not_allowed", "The web page may not ask", 403, false, 6},
  };
  return table;
}

const ErrorCodeInfo& info(ErrorCode code) {
  const ErrorCodeInfo& row = all_error_codes()[static_cast<std::size_t>(code)];
  SETTLE_ASSERT(row.code == code);
  return row;
}

std::string summary_of(const std::vector<Problem>& problems) {
  SETTLE_ASSERT(!problems.empty());
  return std::to_string(problems.size()) + (problems.size() == 1 ? " problem" : " problems") +
         "; the first: " + problems[0].pointer + ": " + problems[0].message;
}

Error fail(ErrorCode code, std::string message) {
  return Error{code, std::move(message), {}};
}

Error fail(ErrorCode code, std::string message, std::vector<Problem> problems) {
  return Error{code, std::move(message), std::move(problems)};
}

Error fail_for(ErrorCode code, std::vector<Problem> problems, std::string_view before) {
  std::string message = std::string(before) + summary_of(problems);  // before they are moved
  return fail(code, std::move(message), std::move(problems));
}

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "settle: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace settle
