// The disk under a program that knows nothing of it: loaded before the C library (LD_PRELOAD), told by the environment.
//   CRASH_DISK_DIRECTORY   the directory that is followed; nothing happens without it
//   CRASH_DISK_IMAGE       where a power cut leaves what the disk holds: SIGUSR2, and some operations later the program
//   is
//                          gone, as by SIGKILL
//   CRASH_DISK_CUT         which cut, as a number of the enumeration Cut; any, without it
//   CRASH_DISK_FAULT       write|sync PART AFTER eio|enospc|short: one failure, told in a line on standard error with
//   the
//                          monotonic time in nanoseconds
//   CRASH_DISK_LIES        syncs of files whose name has this do nothing

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <sstream>
#include <string>

#include "tests/support/crash_disk.h"

namespace settle {
namespace {

std::atomic<bool> is_cut_wanted{false};

DiskFault fault_from(const std::string& text) {
  std::istringstream words(text);
  std::string operation;
  std::string kind;
  DiskFault out;
  words >> operation >> out.part >> out.after >> kind;
  out.operation = operation == "sync" ? DiskFault::Operation::sync : DiskFault::Operation::write;
  out.error = kind == "eio" ? EIO : ENOSPC;
  out.is_short = kind == "short";
  return out;
}

void say_failed() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  std::fprintf(stderr, "crash disk: failed at %lld\n",
               static_cast<long long>(now.tv_sec) * 1'000'000'000 + static_cast<long long>(now.tv_nsec));
}

/// Counts down once a cut is wanted; at zero the power goes.
class Cutter {
 public:
  Cutter(CrashDisk& disk, std::string image) : disk_(disk), image_(std::move(image)) {}
  void operator()(const std::string& /*what*/) {
    if (!is_cut_wanted) return;
    if (left_ < 0) left_ = static_cast<int>(random_() % 16);
    if (left_-- > 0) return;
    const char* const wanted = std::getenv("CRASH_DISK_CUT");
    const std::uint64_t cut = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : random_() % cut_count;
    disk_.write_image(image_, static_cast<Cut>(cut), random_);
    ::kill(::getpid(), SIGKILL);
  }

 private:
  CrashDisk& disk_;
  const std::string image_;
  std::mt19937_64 random_{static_cast<std::uint64_t>(::getpid())};
  int left_ = -1;
};

[[gnu::constructor]] void begin() {
  const char* const directory = std::getenv("CRASH_DISK_DIRECTORY");
  if (directory == nullptr) return;
  // Never destroyed: calls come until the very end.
  auto* const disk = new CrashDisk(directory);
  if (const char* const image = std::getenv("CRASH_DISK_IMAGE")) {
    std::signal(SIGUSR2, [](int) { is_cut_wanted = true; });
    disk->watch(Cutter(*disk, image));
  }
  if (const char* const fault = std::getenv("CRASH_DISK_FAULT")) {
    disk->when_failed(say_failed);
    disk->fail(fault_from(fault));
  }
  if (const char* const part = std::getenv("CRASH_DISK_LIES")) disk->ignore_syncs_of(part);
  mount(disk);
}

}  // namespace
}  // namespace settle
