#include "storage/rocks/logs.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

namespace settle {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> log_number(const fs::path& path) {
  if (path.extension() != ".log") return std::nullopt;
  const std::string name = path.stem();
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || stop != name.data() + name.size()) return std::nullopt;
  return number;
}

/// All logs, oldest first.
std::vector<LogMark> logs_in(const std::string& directory) {
  std::vector<LogMark> out;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::optional<std::uint64_t> number = log_number(at->path());
    std::error_code gone;
    const std::uintmax_t bytes = number ? at->file_size(gone) : 0;
    if (number && !gone) out.push_back({*number, bytes});
  }
  std::sort(out.begin(), out.end(), [](const LogMark& a, const LogMark& b) { return a.number < b.number; });
  return out;
}

}  // namespace

std::vector<LogMark> mark_logs(const std::string& directory) {
  std::vector<LogMark> logs = logs_in(directory);
  if (!logs.empty()) logs.pop_back();
  if (logs.size() > log_marks_max) logs.erase(logs.begin(), logs.end() - log_marks_max);
  return logs;
}

Result<void> check_logs(const std::vector<LogMark>& marks, std::uint64_t oldest_needed, const std::string& directory) {
  const std::vector<LogMark> found = logs_in(directory);
  for (const LogMark& mark : marks) {
    if (mark.number < oldest_needed) continue;
    const auto at =
        std::find_if(found.begin(), found.end(), [&](const LogMark& log) { return log.number == mark.number; });
    if (at != found.end() && at->bytes >= mark.bytes) continue;
    const std::string what = at == found.end() ? " is gone" : " has " + std::to_string(at->bytes) + " bytes";
    return fail(ErrorCode::data_missing,
                "the store in " + directory + " needs log " + std::to_string(mark.number) + " with " +
                    std::to_string(mark.bytes) + " bytes (file FLOOR), but it" + what +
                    ". Commits would be missing. Nothing was changed. Put back the *.log files that belong to this"
                    " store, or restore a backup with settle restore");
  }
  return {};
}

}  // namespace settle
