#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/client.h"
#include "base/result.h"
#include "base/time.h"

namespace settle {

struct ApiRequest {
  std::string method = "GET";
  std::string path;  ///< with its query, percent-encoded
  std::optional<std::string> body = std::nullopt;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

struct ApiReply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
};

/// The server as the client commands see it; tests put a scripted one in its place. Blocking; one thread.
class Api {
 public:
  virtual ~Api() = default;
  /// Errors: unreachable (also: the answer did not come whole or in time; the request may have been carried out).
  virtual Result<ApiReply> call(const ApiRequest& request) = 0;
  /// GETs a stream and gives each line to `on_line` until the stream ends or that returns false. Errors: unreachable,
  /// and what the server said when it refused.
  virtual Result<void> stream(const ApiRequest& request, const std::function<bool(std::string_view)>& on_line) = 0;
};

/// The server at `base_url` ("http://127.0.0.1:8700"); a wrong URL is reported by the calls (invalid_argument).
/// `token` and `name_space` may be empty; `trust` is for https. `timeout` bounds a whole call.
std::unique_ptr<Api> connect_api(const std::string& base_url, const std::string& token, const std::string& name_space,
                                 ClientTrust trust, Duration timeout);

/// RFC 3986 §2.3: everything but letters, digits and -._~ as %XX.
std::string percent_encode(std::string_view text);

}  // namespace settle
