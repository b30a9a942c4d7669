#include "cli/api.h"

#include "api/http/client.h"

namespace settle {

namespace {

class HttpApi final : public Api {
 public:
  HttpApi(const std::string& base_url, const std::string& token, std::string name_space, ClientTrust trust,
          Duration timeout)
      : client_(base_url, token, timeout, std::move(trust)), name_space_(std::move(name_space)) {}

  Result<ApiReply> call(const ApiRequest& request) override {
    Result<HttpReply> reply = client_.call(request.method, request.path, request.body, headers_of(request));
    if (!reply) return std::move(reply).error();
    return ApiReply{reply->status, std::move(reply->headers), std::move(reply->body)};
  }

  Result<void> stream(const ApiRequest& request, const std::function<bool(std::string_view)>& on_line) override {
    Result<HttpReply> reply = client_.stream(request.path, headers_of(request), on_line);
    return reply ? Result<void>() : Result<void>(std::move(reply).error());
  }

 private:
  HttpClient::Headers headers_of(const ApiRequest& request) const {
    HttpClient::Headers headers = request.headers;
    if (!name_space_.empty()) headers.emplace_back("Settle-Namespace", name_space_);
    return headers;
  }

  HttpClient client_;
  const std::string name_space_;
};

}  // namespace

std::unique_ptr<Api> connect_api(const std::string& base_url, const std::string& token, const std::string& name_space,
                                 ClientTrust trust, Duration timeout) {
  return std::make_unique<HttpApi>(base_url, token, name_space, std::move(trust), timeout);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kUnreserved.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 0xf]};
    }
  }
  return out;
}

}  // namespace settle
