#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace settle {

/// Every way in which a request, a document or a command can be refused. One row each in the table of error.cc; the
/// names are part of the API (`code` of a problem document) and never change their meaning.
enum class ErrorCode : std::uint8_t {
  // what came in is not acceptable
  malformed_request,  ///< HTTP framing or a header that HTTP does not allow
  malformed_json,     ///< not strict JSON
  invalid_argument,   ///< a query parameter, flag, header or body field that is wrong
  invalid_plan,       ///< the static check of a plan found problems
  invalid_tool,       ///< the check of a tool document found problems
  payload_too_large,
  unsupported_media_type,
  // what it asks for
  not_found,
  method_not_allowed,
  conflict,                ///< the same workflow id with another body
  gone,                    ///< the id was used by a workflow that has been purged
  idempotency_key_reused,  ///< the same Idempotency-Key with another body
  wrong_state,             ///< the workflow or action is not in a state that allows this
  unauthenticated,         ///< no token, or none that stands
  forbidden,
  // the engine can't now
  overloaded,
  shutting_down,
  disk_full,
  request_timeout,
  // local: CLI and start-up
  configuration,  ///< a flag, variable or file of the configuration is wrong
  unreachable,    ///< the server does not answer
  in_use,         ///< another engine holds the store
  newer_format,   ///< the store was written by a newer Settle
  corruption,     ///< stored bytes are not what was written
  data_missing,   ///< the store lacks commits that were acknowledged (below the durable floor)
  io_error,
  internal,
  signals_full,        ///< a workflow has had as many signals as it takes
  approval_changed,    ///< what was looked at is not what would be sent
  insufficient_scope,  ///< the token has none of the scopes that this needs
  quota_exceeded,      ///< the namespace has used up what it may have
  cursor_expired,      ///< the feed does not reach back that far any more
  host_not_allowed,    ///< the request names a host that this server is not
  origin_not_allowed,  ///< a web page of another origin asks
};

struct ErrorCodeInfo {
  ErrorCode code;
  std::string_view name;   ///< stable, snake_case
  std::string_view title;  ///< short sentence for people
  int http_status;
  bool safe_to_retry;  ///< the same request may be sent again without a change
  int exit_code;       ///< of the CLI
};

/// The row of `code`. Thread: any.
const ErrorCodeInfo& info(ErrorCode code);

/// The whole table, in the order of the enumeration.
const std::vector<ErrorCodeInfo>& all_error_codes();

/// One thing wrong at one place of a document. `pointer` is a JSON Pointer (RFC 6901) into it.
struct Problem {
  std::string pointer;
  std::string code;             ///< stable, snake_case, finer than ErrorCode
  std::string expected;         ///< what would be accepted
  std::string got;              ///< what was there, shortened
  std::string message;          ///< for people; names the thing and the remedy
  std::string suggestion = {};  ///< what to put there instead: a name or a pointer; empty when nothing is near
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::vector<Problem> problems;
};

/// "3 problems; the first: PLACE: MESSAGE". There must be one.
std::string summary_of(const std::vector<Problem>& problems);

Error fail(ErrorCode code, std::string message);
Error fail(ErrorCode code, std::string message, std::vector<Problem> problems);

/// With the message `before` + summary_of(problems). There must be a problem.
Error fail_for(ErrorCode code, std::vector<Problem> problems, std::string_view before = {});

/// Prints the broken invariant to stderr and aborts. Behind SETTLE_ASSERT; assertions stay on in release.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

#define SETTLE_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::settle::assertion_failed(#condition, __FILE__, __LINE__))

}  // namespace settle
