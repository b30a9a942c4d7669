#include "storage/rocks/diagnostic_log.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "base/time.h"

namespace settle {

DiagnosticLog::~DiagnosticLog() {
  ::close(descriptor_);
}

/// One write for each line, so that lines of several threads do not mix.
void DiagnosticLog::Logv(const char* format, va_list arguments) {
  std::string line = format_time(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())) + " ";
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length < 0) return;
  const std::size_t before = line.size();
  line.resize(before + static_cast<std::size_t>(length) + 1);
  std::vsnprintf(line.data() + before, static_cast<std::size_t>(length) + 1, format, arguments);
  line.back() = '\n';  // in place of the NUL
  if (line.size() > 1 && line[line.size() - 2] == '\n') line.pop_back();
  const ssize_t written = ::write(descriptor_, line.data(), line.size());
  if (written > 0) bytes_ += static_cast<std::size_t>(written);
}

}  // namespace settle
