#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace settle {

/// A directory of a test's own, gone with it.
class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern = testing::TempDir() + "settle-store-XXXXXX";
    const char* const made = ::mkdtemp(pattern.data());
    if (made == nullptr) std::abort();
    path_ = made;
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  std::string sub(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
}

/// Everything in a directory but the empty lock file: name to bytes.
inline std::map<std::string, std::string> contents_of(const std::string& directory) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name != "LOCK" && name != "BALLAST") out[name] = read_bytes(entry.path());
  }
  return out;
}

/// A store at rest, without its reserve of disk space.
inline void copy_store(const std::string& from, const std::string& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  std::filesystem::remove(std::filesystem::path(to) / "BALLAST");
}

/// The files of a store that runs, as a kill at one moment leaves them: taken again while files come, go or grow, since
/// a copy of half of that is no store.
inline void copy_running_store(const std::string& from, const std::string& to) {
  const auto contents = [&from] {
    std::map<std::string, std::string> out = contents_of(from);
    out.erase("LOG");
    return out;
  };
  for (;;) {
    const std::map<std::string, std::string> before = contents();
    std::filesystem::remove_all(to);
    try {
      copy_store(from, to);
    } catch (const std::filesystem::filesystem_error&) {
      continue;  // a file went while it was to be copied
    }
    if (before == contents()) return;
  }
}

/// The write-ahead log that is not empty; a small store has one.
inline std::filesystem::path log_of(const std::string& directory) {
  std::filesystem::path found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0) found = entry.path();
  }
  EXPECT_FALSE(found.empty()) << "no log in " << directory;
  return found;
}

}  // namespace settle
