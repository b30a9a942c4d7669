// The machine's time zones against the C library, which reads the same database with other code.
#include "time_zones/system_time_zones.h"

#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

namespace settle::test {
namespace {

using std::chrono::seconds;

Time at_second(std::int64_t second) {
  return Time(seconds(second));
}

std::int64_t second_of(const char* text) {
  return parse_time(text)->time_since_epoch() / seconds(1);
}

/// What the C library says of one zone; the variable TZ is this process's own.
class LibcZone {
 public:
  explicit LibcZone(const std::string& name) {
    ::setenv("TZ", (":" + name).c_str(), 1);
    ::tzset();
  }
  ~LibcZone() {
    ::unsetenv("TZ");
    ::tzset();
  }
  LibcZone(const LibcZone&) = delete;
  LibcZone& operator=(const LibcZone&) = delete;

  std::int64_t offset_at(std::int64_t second) const {
    const time_t instant = second;
    tm local{};
    ::localtime_r(&instant, &local);
    return local.tm_gmtoff;
  }
};

std::shared_ptr<const TimeZone> found(const TimeZones& zones, const std::string& name) {
  Result<std::shared_ptr<const TimeZone>> zone = zones.find(name);
  EXPECT_TRUE(zone) << name;
  return zone ? *zone : utc_zone();
}

TEST(SystemTimeZones, spans_agree_with_the_c_library_in_every_zone) {
  const SystemTimeZones zones;
  ASSERT_GT(zones.names().size(), 400u);
  const std::int64_t begin = second_of("1900-01-01T00:00:00Z"), end = second_of("2290-01-01T00:00:00Z");
  std::mt19937_64 dice(26);
  for (const std::string& name : zones.names()) {
    SCOPED_TRACE(name);
    const std::shared_ptr<const TimeZone> zone = found(zones, name);
    const LibcZone libc(name);
    int differing = 0;
    const auto compare = [&](std::int64_t second) {
      differing += zone->at(at_second(second)).offset != seconds(libc.offset_at(second)) ? 1 : 0;
    };
    for (TimeZone::Span span = zone->at(at_second(begin)); span.until < at_second(end); span = zone->at(span.until)) {
      ASSERT_LT(span.from, span.until);
      const std::int64_t change = span.until.time_since_epoch() / seconds(1);
      compare(change - 1);
      compare(change);
      // A neighbour begins where this one ends.
      ASSERT_EQ(zone->at(span.until).from, span.until);
      ASSERT_EQ(zone->at(span.until - Duration(1)).until, span.until);
    }
    for (int i = 0; i < 200; ++i) compare(std::uniform_int_distribution<std::int64_t>(begin, end)(dice));
    EXPECT_EQ(differing, 0);
  }
}

TEST(SystemTimeZones, a_name_is_never_a_path) {
  const SystemTimeZones zones;
  for (const char* name : {"", "/etc/passwd", "/usr/share/zoneinfo/Europe/Berlin", "../zoneinfo/Europe/Berlin",
                           "Europe/../Europe/Berlin", "file:Europe/Berlin", "Europe", "Europe/", "europe/berlin",
                           "localtime", "posixrules", "Factory", "right/Europe/Berlin", "posix/Europe/Berlin",
                           "tzdata.zi", "zone1970.tab", "Fixed/UTC+01:00:00", ":UTC", "EST5EDT,M3.2.0,M11.1.0"}) {
    const Result<std::shared_ptr<const TimeZone>> zone = zones.find(name);
    ASSERT_FALSE(zone) << name;
    EXPECT_EQ(zone.error().code, ErrorCode::not_found) << name;
  }
  EXPECT_FALSE(zones.find(std::string_view("Europe/Berlin\0", 14)));
}

TEST(SystemTimeZones, a_missing_database_is_an_error_and_utc_needs_none) {
  const SystemTimeZones zones("/nowhere/zoneinfo");
  const Result<std::shared_ptr<const TimeZone>> zone = zones.find("Europe/Berlin");
  ASSERT_FALSE(zone);
  EXPECT_EQ(zone.error().code, ErrorCode::configuration);
  EXPECT_NE(zone.error().message.find("/nowhere/zoneinfo"), std::string::npos);
  EXPECT_TRUE(zones.names().empty());
  EXPECT_EQ(found(zones, "UTC")->at(at_second(0)).offset, Duration(0));
}

/// A folder with a database of our own.
class OwnDatabase : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "zones-" + std::to_string(::getpid());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void put(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << bytes;
  }

  std::string directory_;
};

std::string big_endian(std::int64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
  return out;
}

/// A file of RFC 9636 §3 whose clocks are at -5 h until `change`, and then at -4 h, with this last line.
std::string new_york_like(std::int64_t change, const std::string& last_line) {
  const std::string names = std::string("EST\0EDT\0", 8);
  const std::string types = big_endian(-5 * 3600, 4) + std::string("\0\0", 2) + big_endian(-4 * 3600, 4) + "\1\4";
  const auto header = [](std::int64_t changes) {
    std::string bytes = "TZif2" + std::string(15, '\0');
    for (const std::int64_t count :
         {std::int64_t{0}, std::int64_t{0}, std::int64_t{0}, changes, std::int64_t{2}, std::int64_t{8}})
      bytes += big_endian(count, 4);
    return bytes;
  };
  return header(0) + types + names + header(1) + big_endian(change, 8) + "\1" + types + names + "\n" + last_line + "\n";
}

TEST_F(OwnDatabase, rules_behind_the_last_stored_change_count) {
  // As "zic -b slim" writes it, the default of the database's authors since 2020.
  put("Slim", new_york_like(second_of("2007-03-11T07:00:00Z"), "EST5EDT,M3.2.0,M11.1.0"));
  const SystemTimeZones zones(directory_);
  const std::shared_ptr<const TimeZone> slim = found(zones, "Slim");
  const LibcZone libc("America/New_York");
  for (int year = 2008; year < 2290; ++year) {
    for (const char* day : {"-01-15T12:00:00Z", "-07-15T12:00:00Z", "-10-31T12:00:00Z", "-11-10T12:00:00Z"}) {
      const std::int64_t second = second_of((std::to_string(year) + day).c_str());
      ASSERT_EQ(slim->at(at_second(second)).offset, seconds(libc.offset_at(second))) << year << day;
    }
  }
}

TEST_F(OwnDatabase, a_damaged_file_is_an_error) {
  put("Short", "TZif");
  put("Cut", new_york_like(0, "EST5EDT").substr(0, 60));
  put("Prose", "This is no zone.");
  const SystemTimeZones zones(directory_);
  EXPECT_EQ(zones.names(), (std::vector<std::string>{"Cut", "Short"}));
  for (const char* name : {"Short", "Cut"}) {
    const Result<std::shared_ptr<const TimeZone>> zone = zones.find(name);
    ASSERT_FALSE(zone) << name;
    EXPECT_EQ(zone.error().code, ErrorCode::configuration);
  }
}

TEST(SystemTimeZones, many_threads_may_ask_at_once) {
  const SystemTimeZones zones;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&zones] {
      for (const char* name : {"Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe"})
        EXPECT_GT(found(zones, name)->at(at_second(1'795'000'000)).until, at_second(0)) << name;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace settle::test
