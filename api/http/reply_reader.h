#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "api/http/client.h"
#include "api/http/wire.h"

namespace settle {

/// Reads one HTTP/1.1 response from a wire, strictly: what is not framed as RFC 9112 says is an error.
/// Errors: unreachable (cut off, not HTTP, too late), payload_too_large (the header).
class ReplyReader {
 public:
  /// Takes a part of the body; false ends the reading.
  using Sink = std::function<Result<bool>(std::string_view)>;

  explicit ReplyReader(Wire& wire) : wire_(wire) {}

  /// Until when the next bytes must have come.
  void set_deadline(Wire::Deadline deadline) { deadline_ = deadline; }

  /// Status and fields; interim responses (1xx) are passed over.
  Result<HttpReply> read_head();
  /// The body that follows `head`, of a request with or without a body of its answer (HEAD).
  Result<void> read_body(const HttpReply& head, bool head_only, const Sink& sink);

 private:
  Result<HttpReply> read_one_head();
  Result<std::string> read_line();
  Result<bool> fill();
  Result<bool> pass_on(std::uint64_t bytes, const Sink& sink);
  Result<void> read_chunks(const Sink& sink);
  Result<void> read_to_end(const Sink& sink);

  Wire& wire_;
  Wire::Deadline deadline_ = Wire::Deadline::max();
  std::array<char, 16 * 1024> buffer_{};
  std::string_view ready_;  ///< in buffer_, not yet looked at
  std::size_t head_bytes_ = 0;
};

}  // namespace settle
