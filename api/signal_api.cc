// Delivering signals.

#include "api/api.h"
#include "api/request_parts.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr std::size_t payload_bytes_max = 65'536;

/// Reads {payload?, key?}; the key may stand in the header instead.
Result<Signal> signal_of(const Json& body, const std::string& header_key) {
  std::vector<Problem> problems;
  Fields fields(body, "", problems);
  Signal out;
  const Json* payload = fields.take("payload");
  out.payload = std::make_shared<const Json>(payload == nullptr ? Json() : *payload);
  out.key = fields.text("key").value_or(header_key);
  fields.finish();
  if (out.key.size() > idempotency_key_bytes_max)
    fields.problem("key", "too_long", "at most 255 bytes", "a key is too long");
  if (!header_key.empty() && out.key != header_key)
    fields.problem("key", "key_differs", "the Idempotency-Key of the header, or nothing",
                   "the key in the body is another one than the Idempotency-Key");
  if (!problems.empty()) return fail_for(ErrorCode::invalid_argument, std::move(problems));
  out.bytes = canonical(*out.payload).size();
  if (out.bytes > payload_bytes_max)
    return fail(ErrorCode::payload_too_large, "the payload of a signal has at most 64 KiB");
  return out;
}

}  // namespace

void HttpApi::signal(Ask ask) {
  const Result<Json> body = ask.request.body.empty() ? Result<Json>(Json::object()) : read_body(ask);
  if (!body) return ask.refuse(body.error());
  const Result<std::string> key = idempotency_key_of(ask.request);
  if (!key) return ask.refuse(key.error());
  Result<Signal> read = signal_of(*body, *key);
  if (!read) return ask.refuse(read.error());
  const std::string name_space = ask.name_space(), id = ask.param(0);
  read->name = ask.param(1);
  read->digest = digest_text(canonical(Json::object({{"name", read->name}, {"payload", *read->payload}})));
  const AuditNotePtr audit = ask.audit;
  audit->entry.status = 201;
  const auto answer = [ask = std::move(ask)](const Result<Shard::Delivered>& delivered) {
    if (!delivered) return ask.refuse(delivered.error());
    std::vector<std::pair<std::string, std::string>> headers;
    if (!delivered->created) headers.emplace_back("Idempotent-Replayed", "true");
    ask.json(delivered->created ? 201 : 200, delivered->signal, std::move(headers));
  };
  engine_.signal(name_space, id, *std::move(read), loop_, answer, audit);
}

}  // namespace settle
