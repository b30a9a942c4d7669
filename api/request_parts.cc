#include "api/request_parts.h"

namespace settle {

Result<std::string> idempotency_key_of(const HttpRequest& request) {
  const std::string* header = request.header("idempotency-key");
  if (header == nullptr) return std::string();
  std::string key = *header;
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  if (!key.empty() && key.size() <= idempotency_key_bytes_max) return key;
  return fail(ErrorCode::invalid_argument,
              "an Idempotency-Key has 1 to " + std::to_string(idempotency_key_bytes_max) + " characters");
}

std::string etag_of(std::uint32_t version) {
  return "\"" + std::to_string(version) + "\"";
}

}  // namespace settle
