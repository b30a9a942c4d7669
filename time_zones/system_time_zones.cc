#include "time_zones/system_time_zones.h"

#include <absl/time/time.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace settle {
namespace {

/// Names in the folder that are files of the database but no places: what the machine is set to, and copies.
bool is_alias_of_the_machine(const std::string& name) {
  return name == "localtime" || name == "posixrules" || name == "Factory" || name.starts_with("posix/") ||
         name.starts_with("right/");
}

bool is_compiled_zone(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  return file.read(magic, sizeof magic) && std::string_view(magic, sizeof magic) == "TZif";
}

/// Every zone below `directory`; nothing when it can't be read.
std::vector<std::string> names_in(const std::string& directory) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::error_code error;
  fs::recursive_directory_iterator at(directory, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const std::string name = at->path().lexically_relative(directory).generic_string();
    if (name == "posix" || name == "right") at.disable_recursion_pending();
    std::error_code not_readable;
    if (is_alias_of_the_machine(name) || !at->is_regular_file(not_readable)) continue;
    if (is_compiled_zone(at->path())) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Abseil speaks of a change of the clock as what a wall clock showed before and after.
Duration civil(absl::CivilSecond time) {
  return std::chrono::seconds(time - absl::CivilSecond());
}

class AbslZone final : public TimeZone {
 public:
  explicit AbslZone(absl::TimeZone zone) : zone_(zone) {}

  Span at(Time instant) const override {
    // Both questions are answered by whole seconds, and strictly: the change at `second` itself is the one before.
    const std::int64_t second = std::chrono::floor<std::chrono::seconds>(instant.time_since_epoch()).count();
    const absl::Time time = absl::FromUnixSeconds(second);
    const Duration offset = std::chrono::seconds(zone_.At(time).offset);
    Span span{Time::min(), Time::max(), offset};
    absl::TimeZone::CivilTransition change;
    if (zone_.NextTransition(time, &change)) span.until = Time(civil(change.from) - offset);
    if (zone_.PrevTransition(absl::FromUnixSeconds(second + 1), &change)) span.from = Time(civil(change.to) - offset);
    return span;
  }

 private:
  absl::TimeZone zone_;
};

}  // namespace

SystemTimeZones::SystemTimeZones(std::string directory) : directory_(std::move(directory)) {}

const std::vector<std::string>& SystemTimeZones::names() const {
  std::call_once(listed_, [this] { names_ = names_in(directory_); });
  return names_;
}

Result<std::shared_ptr<const TimeZone>> SystemTimeZones::find(std::string_view name) const {
  if (name == "UTC") return utc_zone();
  // Only what the folder has is asked for: a name is never a path, and Abseil remembers each name for ever.
  const std::vector<std::string>& known = names();
  if (known.empty())
    return fail(ErrorCode::configuration,
                "there is no time zone database in " + directory_ + "; install the package tzdata and start again");
  if (!std::binary_search(known.begin(), known.end(), name))
    return fail(ErrorCode::not_found, "there is no time zone \"" + std::string(name) + "\"");

  const std::lock_guard lock(mutex_);
  const auto kept = zones_.find(name);
  if (kept != zones_.end()) return kept->second;
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(directory_ + "/" + std::string(name), &zone))
    return fail(ErrorCode::configuration,
                "the file of time zone \"" + std::string(name) + "\" in " + directory_ + " can't be read");
  const auto added = zones_.emplace(name, std::make_shared<AbslZone>(zone)).first;
  return added->second;
}

}  // namespace settle
