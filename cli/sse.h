#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace settle {

/// One server-sent event.
struct SseEvent {
  std::string id;    ///< of this event or, when it has none, of the latest that had
  std::string type;  ///< "message" when it has none
  std::string data;
};

/// Reads a text/event-stream (HTML Living Standard §9.2.6) line by line. An event whose data is larger than 4 MiB is
/// left out.
class SseReader {
 public:
  /// Takes one line without its line feed; gives the event that this (empty) line completes.
  std::optional<SseEvent> feed(std::string_view line);

 private:
  SseEvent event_;
  bool has_data_ = false;
  bool too_large_ = false;
};

}  // namespace settle
