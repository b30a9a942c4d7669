#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "base/error.h"

namespace settle {

/// Why a request was not read further. It is answered with a problem document of this status, then the connection
/// closes.
struct RequestRefusal {
  int status = 400;
  Error error;
};

/// Reads HTTP/1.1 requests (RFC 9112) byte by byte and refuses whatever two readers could understand differently; the
/// rules are listed in docs/http.md. The verdict depends on the bytes alone, never on how they were cut into reads.
/// Memory: at most one line of the header, the fields, and `body_bytes_max` of the body. Pure: no socket, no clock.
class RequestParser {
 public:
  enum class State : std::uint8_t { head, body, complete, refused };

  /// `limits` must outlive the parser.
  explicit RequestParser(const HttpLimits& limits) : limits_(limits) {}

  /// Takes bytes from the front of `bytes` and returns how many: all, or those up to the end of the request. After
  /// `complete` and `refused` nothing is taken.
  std::size_t consume(std::string_view bytes);

  State state() const { return now_.state; }
  /// A byte of this request has been seen.
  bool started() const { return now_.head_bytes > 0; }
  /// The client waits for "100 Continue" before it sends its body.
  bool awaits_continue() const {
    return now_.state == State::body && now_.expects_continue && now_.body_wire_bytes == 0;
  }
  /// The connection may carry another request after this one. Valid once the header has been read.
  bool keep_alive() const;
  bool http_1_0() const { return now_.http_1_0; }
  /// The method as far as it is known; empty before the request line has been read.
  const std::string& method() const { return now_.request.method; }
  std::size_t body_bytes() const { return now_.request.body.size(); }
  const RequestRefusal& refusal() const { return now_.refusal; }

  /// The complete request (without `remote` and `request_id`); the parser is ready for the next one.
  HttpRequest take();

 private:
  enum class Chunk : std::uint8_t { size, size_lf, data, data_cr, data_lf, last_cr, last_lf };

  struct Progress {
    State state = State::head;
    // header
    std::size_t head_bytes = 0;
    std::string line;      ///< the part of the current line that came with earlier reads
    bool cr_seen = false;  ///< the last byte was a CR
    bool empty_line_skipped = false;
    bool http_1_0 = false;
    std::string target;
    std::optional<std::string> host;
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool expects_continue = false;
    bool asks_close = false;
    bool asks_keep_alive = false;
    std::uint16_t single_fields_seen = 0;  ///< one bit for each field that may come only once
    // body
    std::size_t body_wire_bytes = 0;
    Chunk chunk = Chunk::size;
    unsigned chunk_digits = 0;
    std::uint64_t chunk_left = 0;

    HttpRequest request;
    RequestRefusal refusal;
  };

  std::size_t consume_head(std::string_view bytes);
  std::size_t consume_sized(std::string_view bytes);
  std::size_t consume_chunked(std::string_view bytes);
  std::size_t consume_chunk_data(std::string_view bytes);
  void take_chunk_byte(char c);
  void begin_chunk();

  void take_line(std::string_view line);
  void take_request_line(std::string_view line);
  void take_field_line(std::string_view line);
  void take_known_field(std::string_view name, std::string_view value);
  void take_content_length(std::string_view value);
  void take_expect(std::string_view value);
  void end_head();
  void read_target();

  void refuse(int status, ErrorCode code, std::string message);
  void refuse(std::string message) { refuse(400, ErrorCode::malformed_request, std::move(message)); }
  void refuse_body_too_large();

  const HttpLimits& limits_;
  Progress now_;
};

}  // namespace settle
