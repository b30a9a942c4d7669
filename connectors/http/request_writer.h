#pragma once

#include <string>
#include <string_view>

#include "connectors/connector.h"
#include "connectors/http/credentials.h"
#include "connectors/http/origin.h"

namespace settle {

inline constexpr std::size_t request_fields_max = 64;
inline constexpr std::size_t request_fields_bytes_max = 16 * 1024;
inline constexpr std::size_t request_body_bytes_max = 8 << 20;

/// A field that frames the message or names its receiver (any case): the connector's own to write, or one it can't
/// honour.
bool is_connector_field(std::string_view name);

/// Why method, header fields or body of `call` may not be sent, for people and without any value; empty when they may.
/// `credential` may be null.
std::string_view refuse_request(const Call& call, const Credential* credential);

/// Replaces `out` by the whole request: head, credential, body. The call must have passed refuse_request(). The buffer
/// is sized first, so that a secret is never left behind in a smaller one.
void write_request(const Call& call, const Origin& origin, std::string_view target, const Credential* credential,
                   std::string& out);

}  // namespace settle
