#include "connectors/http/classify.h"

#include <string>

#include "base/json.h"
#include "connectors/http/http_date.h"

namespace settle {
namespace {

constexpr JsonLimits answer_limits{
    .bytes_max = 8 << 20, .depth_max = 128, .nodes_max = 1'000'000, .numbers = JsonNumbers::exact};

OutcomeClass class_of_error(int status, bool retry_after_valid) {
  switch (status) {
    case 408:
    case 425:
      return OutcomeClass::ambiguous;
    case 429:
      return OutcomeClass::not_sent;
    case 501:
    case 505:
      return OutcomeClass::rejected;
    case 503:
      return retry_after_valid ? OutcomeClass::not_sent : OutcomeClass::ambiguous;
    default:
      return status < 500 ? OutcomeClass::rejected : OutcomeClass::ambiguous;
  }
}

/// A complete 2xx: its body must be strict JSON or empty, whatever Content-Type it claims.
Outcome classify_success(const HttpAnswer& answer, bool write) {
  Outcome out;
  out.status = answer.status;
  if (!answer.body.empty()) {
    Result<Json> body = read_json(answer.body, answer_limits);
    if (!body) {
      out.code = "malformed_response";
      out.detail = "the answer's body is not strict JSON: " + body.error().message;
      return out;
    }
    out.body = *std::move(body);
  }
  if (answer.status == 206 && write) {
    out.code = "http_206";
    out.detail = "a write was answered with a part of something (206)";
    return out;
  }
  out.kind = OutcomeClass::answered;
  return out;
}

}  // namespace

Outcome classify(const HttpAnswer& answer, bool write, Time now) {
  if (answer.status >= 200 && answer.status < 300) return classify_success(answer, write);

  Outcome out;
  out.status = answer.status;
  if (!answer.body.empty()) {
    if (Result<Json> body = read_json(answer.body, answer_limits)) out.body = *std::move(body);
  }
  if (answer.status < 400) {
    out.kind = OutcomeClass::rejected;
    out.code = "http_3xx";
    out.detail = "the server answered " + std::to_string(answer.status) + "; redirects are not followed";
    return out;
  }
  if (answer.retry_after) out.retry_after = parse_retry_after(*answer.retry_after, now);
  out.kind = class_of_error(answer.status, out.retry_after.has_value());
  out.code = "http_" + std::to_string(answer.status);
  out.detail = "the server answered " + std::to_string(answer.status);
  return out;
}

Outcome unanswered(OutcomeClass kind, std::string_view code, std::string detail) {
  Outcome out;
  out.kind = kind;
  out.code = code;
  out.detail = std::move(detail);
  return out;
}

}  // namespace settle
