#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "workflows/time_zone.h"

namespace settle {

/// The zones of a compiled IANA database (RFC 9636), as the package tzdata installs it. Names are looked for at the
/// first question; a zone is read when it is first asked for and then kept, so a newer database counts after a restart.
class SystemTimeZones final : public TimeZones {
 public:
  explicit SystemTimeZones(std::string directory = "/usr/share/zoneinfo");

  /// "UTC" is found without a database.
  Result<std::shared_ptr<const TimeZone>> find(std::string_view name) const override;
  const std::vector<std::string>& names() const override;

 private:
  std::string directory_;
  mutable std::once_flag listed_;
  mutable std::vector<std::string> names_;  ///< sorted
  mutable std::mutex mutex_;                ///< guards zones_
  mutable std::map<std::string, std::shared_ptr<const TimeZone>, std::less<>> zones_;
};

}  // namespace settle
