#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "api/http/message.h"

namespace settle {

/// The value of Date (RFC 9110 §5.6.7), written anew once a second. Thread: one.
class DateField {
 public:
  const std::string& now();

 private:
  std::time_t second_ = -1;
  std::string text_;
};

/// How the length of a body is told (RFC 9112 §6).
enum class BodyFraming : std::uint8_t { length, chunked, until_close };

struct HeadOptions {
  BodyFraming framing = BodyFraming::length;
  bool http_1_0 = false;
  bool keep_alive = true;
  std::string_view request_id;
  std::string_view date;
};

/// Status line and fields, up to and with the empty line.
std::string write_response_head(const HttpResponse& response, const HeadOptions& options);

/// False for responses that never have a body: 1xx, 204 and 304.
bool status_has_body(int status);

/// False when a status, name or value can't stand in a header: such an answer must not leave.
bool is_sendable(const HttpResponse& response);

/// The handler asks for the end of the connection after this response.
bool asks_close(const HttpResponse& response);

}  // namespace settle
