#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace settle {

struct ResponseLimits {
  std::size_t head_bytes_max = 32 * 1024;  ///< status lines, fields, trailers and chunk extensions together
  std::size_t fields_max = 100;            ///< trailers included
  std::size_t body_bytes_max = 8 << 20;
};

/// Reads one HTTP/1.x response (RFC 9112) from bytes as they come, in any pieces. Pure and strict: what could be framed
/// in two ways is malformed. Keeps only what the connector uses; everything it allocates is kept for the next response.
/// Thread: one at a time.
class ResponseParser {
 public:
  enum class Fault : std::uint8_t {
    none,
    malformed,  ///< not HTTP, or HTTP that can be read in two ways
    too_large,  ///< beyond a limit
    truncated,  ///< the connection ended first
  };

  explicit ResponseParser(ResponseLimits limits = {}) : limits_(limits) {}

  /// Forgets the last response. `head_request`: the answer to HEAD has no body whatever its fields say.
  void reset(bool head_request);

  /// Takes bytes and returns how many belonged to the response: fewer than given only when it is complete or has
  /// failed.
  std::size_t feed(std::string_view bytes);

  /// The peer has closed its side in good order: this completes a body that ends with the connection, and truncates any
  /// other.
  void end();

  bool complete() const { return state_ == State::complete; }
  bool failed() const { return state_ == State::failed; }
  Fault fault() const { return fault_; }
  /// Any byte at all has come.
  bool started() const { return started_; }

  /// The final status; 0 until the head is whole.
  int status() const { return head_done_ ? status_ : 0; }
  std::string_view body() const { return body_; }
  /// The Retry-After field; null when there was none, or several that differ.
  std::optional<std::string_view> retry_after() const;
  /// The connection may carry another request. Only of a complete response.
  bool keep_alive() const { return complete() && persistent_ && !closing_; }

 private:
  enum class State : std::uint8_t {
    status_line,
    fields,
    fixed_body,
    body_until_close,
    chunk_size,
    chunk_data,
    chunk_cr,
    chunk_lf,
    trailers,
    complete,
    failed
  };

  bool take_line(std::string_view& bytes, std::string_view& line);
  void take_body(std::string_view& bytes);
  void on_line(std::string_view line);
  void on_status_line(std::string_view line);
  void on_field(std::string_view line);
  void on_framing_field(std::string_view name, std::string_view value);
  void on_content_length(std::string_view value);
  void on_connection(std::string_view value);
  void on_head_end();
  void on_chunk_size(std::string_view line);
  void fail(Fault fault);
  void forget_fields();

  ResponseLimits limits_;
  State state_ = State::status_line;
  Fault fault_ = Fault::none;
  bool head_request_ = false;
  bool started_ = false;
  bool head_done_ = false;
  bool http_1_0_ = false;
  bool persistent_ = true;
  bool closing_ = false;  ///< the connection ends with this response
  bool chunked_ = false;
  int status_ = 0;
  std::size_t head_bytes_ = 0;  ///< counted against head_bytes_max
  std::size_t fields_ = 0;
  std::optional<std::uint64_t> content_length_;
  std::uint64_t left_ = 0;  ///< bytes still to come of the body or of the chunk
  bool retry_after_seen_ = false;
  bool retry_after_differs_ = false;
  std::string retry_after_;
  std::string line_;  ///< the part of a line that came with earlier bytes
  std::string body_;
};

}  // namespace settle
