#include "cli/sse.h"

#include <utility>

namespace settle {

namespace {
constexpr std::size_t kDataBytesMax = 4 << 20;
}

std::optional<SseEvent> SseReader::feed(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    std::optional<SseEvent> done;
    if (has_data_ && !too_large_) done = event_;
    if (done && done->type.empty()) done->type = "message";
    event_.type.clear();
    event_.data.clear();
    has_data_ = too_large_ = false;
    return done;
  }

  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);  // empty: a comment, such as a sign of life
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);

  if (field == "data") {
    if (event_.data.size() + value.size() > kDataBytesMax) too_large_ = true;
    if (has_data_ && !too_large_) event_.data += '\n';
    if (!too_large_) event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.type = value;
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = value;
  }
  return std::nullopt;
}

}  // namespace settle
