#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace settle {

/// Whom a client trusts over TLS, and who it is. PEM files; empty: none.
struct ClientTrust {
  std::string ca_file;           ///< beside the system's certificates
  std::string certificate_file;  ///< shown to a server that asks
  std::string key_file;          ///< empty: in the file of the certificate

  friend bool operator==(const ClientTrust&, const ClientTrust&) = default;
};

struct HttpReply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;

  /// The first header of this (lower-case) name, or null.
  const std::string* header(std::string_view name) const;
};

/// Calls the API of a Settle server and waits for the answer: for the command line, where nothing else is to be done.
/// Each call has a connection of its own. https verifies chain and host name against the system's certificates and
/// those of `trust`. Thread: one at a time; blocks.
class HttpClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// `base_url` "http://127.0.0.1:8700" or "https://host", with an optional path in front of all others; a wrong one is
  /// reported by the calls. `token` may be empty. `timeout` bounds a whole call.
  HttpClient(std::string base_url, std::string token, Duration timeout, ClientTrust trust = {});

  /// Sends one request; a body goes as application/json unless `headers` say otherwise. Any status is a reply.
  /// Errors: unreachable (no connection, no answer in time, or none that is HTTP; names the address and the remedy),
  /// invalid_argument (base_url, path or a header), payload_too_large (a reply beyond 64 MiB).
  Result<HttpReply> call(std::string_view method, std::string_view path_and_query,
                         const std::optional<std::string>& body = std::nullopt, const Headers& headers = {});

  /// GETs a stream and gives each of its lines, without its end, to `on_line` until that returns false or the stream
  /// ends. `timeout` bounds the way to the header of the answer; after that a silence of 60 s or `timeout`, whichever
  /// is longer, is an error. Errors: as call(), and what error_of() says of an answer that is no success.
  Result<HttpReply> stream(std::string_view path_and_query, const Headers& headers,
                           const std::function<bool(std::string_view)>& on_line);

 private:
  std::string base_url_;
  std::string token_;
  Duration timeout_;
  ClientTrust trust_;
};

}  // namespace settle
