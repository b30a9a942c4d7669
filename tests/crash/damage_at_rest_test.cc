#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <random>
#include <vector>

#include "base/error.h"
#include "storage/rocks/rocks_store.h"
#include "tests/crash/child.h"
#include "tests/crash/numbered_rows.h"
#include "tests/crash/wanted.h"
#include "tests/support/child.h"
#include "tests/unit/storage/collecting_sink.h"
#include "tests/unit/storage/test_directory.h"

// Random damage to the files of a store at rest: it is refused and left alone, or says so when the damage is read, or
// shows every row as it was. Never fewer or other rows.

namespace settle {
namespace {

namespace fs = std::filesystem;
using Random = std::mt19937_64;

/// A store at rest and the numbers that it holds.
struct Sound {
  std::string directory;
  std::uint64_t count = 0;
};

RocksOptions options_of(const std::string& directory) {
  RocksOptions out{.directory = directory};
  out.disk_space_for_tests = []() -> Result<DiskSpace> {
    return DiskSpace{std::uint64_t{1} << 30, std::uint64_t{1} << 40};
  };
  return out;
}

void write_numbers(RocksStore& store, std::uint64_t from, std::uint64_t to) {
  CollectingSink sink;
  for (std::uint64_t n = from; n < to; ++n) store.commit(numbered_batch(n, 1), sink, [](const CommitResult&) {});
  sink.wait_for(to - from);
}

/// Tables and a log; closed in the end, or killed (copied while it runs), with one log or, with small buffers, several.
Sound make_sound(const std::string& live, const std::string& copy, bool is_killed, bool has_small_buffers) {
  RocksOptions options = options_of(live);
  if (has_small_buffers) options.write_buffer_bytes = 2U << 20;
  for (std::uint64_t part = 0; part < 3; ++part) {
    Result<std::unique_ptr<RocksStore>> store = RocksStore::open(options);
    if (!store) std::abort();
    write_numbers(**store, part * 90, (part + 1) * 90);
    (*store)->sync_floor();
    if (part == 2 && is_killed) copy_running_store(live, copy);
  }
  if (!is_killed) copy_store(live, copy);
  return {copy, 270};
}

/// The files that matter, by name; a directory's order is nobody's promise.
std::vector<fs::path> files_of(const std::string& directory) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name != "LOCK" && !name.starts_with("LOG")) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Logs, tables, manifest and floor; the rest now and then.
fs::path pick(const std::string& directory, Random& random) {
  const std::vector<fs::path> all = files_of(directory);
  for (;;) {
    const fs::path& path = all[random() % all.size()];
    const std::string name = path.filename();
    const bool is_vital =
        path.extension() == ".log" || path.extension() == ".sst" || name == "FLOOR" || name.starts_with("MANIFEST-");
    if (is_vital || random() % 4 == 0) return path;
  }
}

std::string damage(const std::string& directory, Random& random) {
  const fs::path path = pick(directory, random);
  std::string bytes = read_bytes(path);
  const std::string name = path.filename();
  const std::uint64_t kind = bytes.empty() ? 4 : random() % 7;
  const std::size_t at = bytes.empty() ? 0 : random() % bytes.size();
  const std::size_t length = std::min<std::size_t>(bytes.size() - at, 1 + random() % 4096);
  switch (kind) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      write_bytes(path, bytes);
      return "a bit at " + std::to_string(at) + " of " + name;
    case 1:
      write_bytes(path, bytes.substr(0, at));
      return "cut at " + std::to_string(at) + " of " + name;
    case 2:
      bytes.replace(at, length, std::string(length, '\0'));
      write_bytes(path, bytes);
      return std::to_string(length) + " zeros at " + std::to_string(at) + " of " + name;
    case 3:
      for (std::size_t i = at; i < at + length; ++i) bytes[i] = static_cast<char>(random());
      write_bytes(path, bytes);
      return std::to_string(length) + " bytes of noise at " + std::to_string(at) + " of " + name;
    case 4:
      fs::remove(path);
      return name + " deleted";
    case 5: {
      // Two files that were taken for each other.
      const fs::path other = pick(directory, random);
      const std::string others = read_bytes(other);
      write_bytes(other, bytes);
      write_bytes(path, others);
      return name + " and " + other.filename().string() + " swapped";
    }
    default: {
      const std::size_t to = random() % bytes.size();
      const std::string moved = bytes.substr(at, std::min(length, bytes.size() - std::max(at, to)));
      bytes.replace(to, moved.size(), moved);
      write_bytes(path, bytes);
      return std::to_string(moved.size()) + " bytes of " + name + " moved from " + std::to_string(at) + " to " +
             std::to_string(to);
    }
  }
}

/// What opening and reading it all comes to, in another process, which the damage may end. What begins with "silent"
/// must not be.
std::string outcome_of(const std::string& directory, std::uint64_t count) {
  const auto before = contents_of(directory);
  Child child({"--look", directory, std::to_string(count)}, Child::Errors::its_own);
  std::string said;
  char piece[512];
  for (ssize_t got = 0; (got = ::read(child.output(), piece, sizeof piece)) > 0;)
    said.append(piece, static_cast<std::size_t>(got));
  const int code = child.wait();
  if (code != 0) return "ended loudly with " + std::to_string(code);
  if (said.starts_with("refused") && contents_of(directory) != before) return "silent: refused, but changed";
  return said;
}

class DamageAtRest : public testing::TestWithParam<int> {};

TEST_P(DamageAtRest, IsRefusedOrReportedOrHarmless) {
  const TestDirectory temporary;
  std::vector<Sound> sound;
  for (const bool is_killed : {false, true}) {
    for (const bool has_small_buffers : {false, true}) {
      const std::string name = "sound" + std::to_string(sound.size());
      sound.push_back(make_sound(temporary.sub(name + "-live"), temporary.sub(name), is_killed, has_small_buffers));
    }
  }
  const std::uint64_t seed = seed_wanted() * 100 + static_cast<std::uint64_t>(GetParam());
  Random random(seed);
  std::map<std::string, std::uint64_t> tally;
  const std::uint64_t trials = number_wanted("SETTLE_DAMAGES", 500) / 2;
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    const Sound& base = sound[random() % sound.size()];
    const std::string copy = temporary.sub("trial");
    copy_store(base.directory, copy);
    const std::string what = damage(copy, random);
    const std::string outcome = outcome_of(copy, base.count);
    ++tally[outcome.substr(0, outcome.find(": num"))];
    const bool is_honest = !outcome.empty() && !outcome.starts_with("silent");
    EXPECT_TRUE(is_honest) << "seed " << seed << ", trial " << trial << ", " << base.directory << ": " << what << ": "
                           << outcome;
    fs::remove_all(copy);
  }
  for (const auto& [outcome, count] : tally) std::cout << "  " << outcome << ": " << count << "\n";
  EXPECT_GT(tally["refused: data_missing"], 0U);
  EXPECT_GT(tally["refused: corruption"], 0U);
}

INSTANTIATE_TEST_SUITE_P(Parts, DamageAtRest, testing::Range(0, 2));

}  // namespace

int run_look(const std::string& directory, std::uint64_t count) {
  const Result<std::unique_ptr<RocksStore>> opened = RocksStore::open(options_of(directory));
  const NumberedRows found = opened ? numbered_rows_in(**opened) : NumberedRows{};
  std::string outcome = "nothing missing";
  if (!opened) {
    outcome = "refused: " + std::string(info(opened.error().code).name);
  } else if (found.is_unreadable) {
    outcome = "said so when it was read";
  } else if (!found.wrong.empty()) {
    outcome = "silent: " + found.wrong;
  } else if (found.count != count) {
    outcome = "silent: " + std::to_string(found.count) + " of " + std::to_string(count) + " rows";
  }
  const ssize_t written = ::write(STDOUT_FILENO, outcome.data(), outcome.size());
  return written == static_cast<ssize_t>(outcome.size()) ? 0 : 1;
}

}  // namespace settle
