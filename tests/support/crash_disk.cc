#include "tests/support/crash_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace settle {
namespace {

constexpr std::uint64_t sector = 512;

std::uint64_t below(std::mt19937_64& random, std::uint64_t bound) {
  return random() % bound;
}

/// Not through the calls that are watched.
void write_file(const std::string& path, std::string_view bytes) {
  const auto file =
      static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file < 0) std::abort();
  while (!bytes.empty()) {
    const long count = ::syscall(SYS_write, file, bytes.data(), bytes.size());
    if (count <= 0) std::abort();
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  ::syscall(SYS_close, file);
}

std::string noise(std::mt19937_64& random, std::uint64_t bytes) {
  std::string out(bytes, '\0');
  if (below(random, 2) == 0) return out;
  for (char& byte : out) byte = static_cast<char>(random());
  return out;
}

/// What a store makes anew, or that means nothing.
bool is_uninteresting(const std::string& name) {
  return name == "BALLAST" || name == "LOCK" || name.starts_with("LOG");
}

}  // namespace

CrashDisk::CrashDisk(std::string directory) : directory_(std::move(directory)) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, none)) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || is_uninteresting(name)) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    auto file = std::make_shared<File>();
    file->durable.assign(std::istreambuf_iterator<char>(in), {});
    file->size = file->durable.size();
    names_[name] = file;
  }
  durable_names_ = names_;
}

void CrashDisk::watch(Watch watch) {
  const std::lock_guard lock(mutex_);
  watch_ = std::move(watch);
}

void CrashDisk::ignore_syncs_of(std::string part) {
  const std::lock_guard lock(mutex_);
  lying_ = std::move(part);
}

void CrashDisk::drop_writes_of(std::string name) {
  const std::lock_guard lock(mutex_);
  dropping_ = std::move(name);
}

void CrashDisk::fail(DiskFault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

void CrashDisk::when_failed(std::function<void()> told) {
  const std::lock_guard lock(mutex_);
  when_failed_ = std::move(told);
}

bool CrashDisk::holds(std::string_view path) const {
  return path.starts_with(directory_) && (path.size() == directory_.size() || path[directory_.size()] == '/');
}

bool CrashDisk::follows(int file) const {
  const std::lock_guard lock(mutex_);
  return handles_.contains(file);
}

std::string CrashDisk::name_of(std::string_view path) const {
  path.remove_prefix(directory_.size());
  while (path.starts_with('/')) path.remove_prefix(1);
  return std::string(path);
}

CrashDisk::Handle* CrashDisk::handle(int file) {
  const auto at = handles_.find(file);
  return at == handles_.end() ? nullptr : &at->second;
}

void CrashDisk::touch(const char* what, const std::string& name) {
  if (watch_ && !is_uninteresting(name)) watch_(std::string(what) + " " + name);
}

void CrashDisk::opened(int file, const std::string& path, int flags) {
  const std::lock_guard lock(mutex_);
  const std::string name = name_of(path);
  Handle opened{nullptr, name, 0, (flags & O_APPEND) != 0};
  if (name.empty()) {
    handles_[file] = std::move(opened);
    return;
  }
  const auto at = names_.find(name);
  if (at != names_.end()) {
    opened.file = at->second;
  } else {
    touch("create", name);
    opened.file = std::make_shared<File>();
    change_names({{name, opened.file}});
  }
  if ((flags & O_TRUNC) != 0 && opened.file->size > 0) {
    opened.file->pending.push_back({0, "", true});
    opened.file->size = 0;
  }
  handles_[file] = std::move(opened);
}

void CrashDisk::closed(int file) {
  const std::lock_guard lock(mutex_);
  handles_.erase(file);
}

bool CrashDisk::strikes(DiskFault::Operation operation, const std::string& name) {
  if (!fault_ || fault_->operation != operation || name.find(fault_->part) == std::string::npos) return false;
  if (fault_->after > 0) {
    --fault_->after;
    return false;
  }
  return true;
}

int CrashDisk::before_write(int file, std::uint64_t& bytes) {
  const std::lock_guard lock(mutex_);
  const Handle* const at = handle(file);
  if (at == nullptr) return 0;
  touch("write", at->name);
  if (!strikes(DiskFault::Operation::write, at->name)) return 0;
  if (fault_->is_short) {
    fault_->is_short = false;
    bytes /= 2;
    if (bytes > 0) return 0;
  }
  const int error = fault_->error;
  fault_.reset();
  if (when_failed_) when_failed_();
  return error;
}

void CrashDisk::written(int file, std::optional<std::uint64_t> offset, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  Handle* const at = handle(file);
  if (at == nullptr || at->file == nullptr) return;
  File& to = *at->file;
  const std::uint64_t place = offset.value_or(at->appends ? to.size : at->offset);
  if (!offset) at->offset = place + bytes.size();
  to.size = std::max(to.size, place + bytes.size());
  if (at->name == dropping_) return;
  to.pending.push_back({place, std::string(bytes), false});
}

int CrashDisk::synced(int file) {
  const std::lock_guard lock(mutex_);
  const Handle* const at = handle(file);
  if (at == nullptr) return 0;
  touch("sync", at->name);
  if (strikes(DiskFault::Operation::sync, at->name)) {
    const int error = fault_->error;
    fault_.reset();
    if (when_failed_) when_failed_();
    return error;
  }
  if (lying_ && at->name.find(*lying_) != std::string::npos) return 0;
  if (at->file == nullptr) {
    for (const NameChange& change : pending_names_) apply(durable_names_, change);
    pending_names_.clear();
    return 0;
  }
  for (const Change& change : at->file->pending) apply(at->file->durable, change);
  at->file->pending.clear();
  return 0;
}

void CrashDisk::truncated(int file, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const Handle* const at = handle(file);
  if (at == nullptr || at->file == nullptr || at->file->size == size) return;
  touch("truncate", at->name);
  at->file->pending.push_back({size, "", true});
  at->file->size = size;
}

void CrashDisk::renamed(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  touch("rename", name_of(to));
  change_names({{name_of(to), names_[name_of(from)]}, {name_of(from), nullptr}});
}

void CrashDisk::linked(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  touch("link", name_of(to));
  change_names({{name_of(to), names_[name_of(from)]}});
}

void CrashDisk::unlinked(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const std::string name = name_of(path);
  if (!names_.contains(name)) return;
  touch("remove", name);
  change_names({{name, nullptr}});
}

void CrashDisk::change_names(NameChange change) {
  apply(names_, change);
  pending_names_.push_back(std::move(change));
}

void CrashDisk::apply(Names& names, const NameChange& change) {
  for (const auto& [name, file] : change) {
    if (file == nullptr) names.erase(name);
    if (file != nullptr) names[name] = file;
  }
}

void CrashDisk::apply(std::string& content, const Change& change) {
  if (change.is_truncation) {
    content.resize(change.offset, '\0');
    return;
  }
  if (content.size() < change.offset + change.bytes.size()) content.resize(change.offset + change.bytes.size(), '\0');
  content.replace(change.offset, change.bytes.size(), change.bytes);
}

/// The changes in their order, up to a byte somewhere in one of them.
void CrashDisk::tear(std::string& content, const File& file, Cut cut, std::mt19937_64& random) {
  std::uint64_t bytes = 0;
  for (const Change& change : file.pending) bytes += change.bytes.size() + 1;
  std::uint64_t left = below(random, bytes + 1);
  for (const Change& change : file.pending) {
    if (left > change.bytes.size()) {
      left -= change.bytes.size() + 1;
      apply(content, change);
      continue;
    }
    if (change.is_truncation) return;
    apply(content, {change.offset, change.bytes.substr(0, left), false});
    if (cut != Cut::garbage) return;
    const std::uint64_t tear_at = change.offset + left;
    const std::uint64_t to_sector = sector - tear_at % sector + sector * below(random, 8);
    const std::uint64_t spoilt = std::min<std::uint64_t>(change.bytes.size() - left, to_sector);
    apply(content, {tear_at, noise(random, spoilt), false});
    return;
  }
}

void CrashDisk::scatter(std::string& content, const Change& change, std::mt19937_64& random) {
  if (change.is_truncation) {
    if (below(random, 2) == 0) apply(content, change);
    return;
  }
  for (std::uint64_t from = 0; from < change.bytes.size();) {
    const std::uint64_t to =
        std::min<std::uint64_t>(change.bytes.size(), from + sector - (change.offset + from) % sector);
    if (below(random, 2) == 0) apply(content, {change.offset + from, change.bytes.substr(from, to - from), false});
    from = to;
  }
}

std::string CrashDisk::content_after(const File& file, Cut cut, std::mt19937_64& random) {
  std::string content = file.durable;
  if (cut == Cut::torn || cut == Cut::garbage) tear(content, file, cut, random);
  if (cut == Cut::scattered) {
    for (const Change& change : file.pending) scatter(content, change, random);
  }
  return content;
}

void CrashDisk::write_image(const std::string& target, Cut cut, std::mt19937_64& random) {
  const std::lock_guard lock(mutex_);
  ::syscall(SYS_mkdirat, AT_FDCWD, target.c_str(), 0700);
  Names names = durable_names_;
  // A file system keeps changes of names in their order, but not how many.
  const std::uint64_t kept = cut == Cut::clean ? 0 : below(random, pending_names_.size() + 1);
  for (std::uint64_t i = 0; i < kept; ++i) apply(names, pending_names_[i]);
  for (const auto& [name, file] : names) {
    if (!is_uninteresting(name)) write_file(target + "/" + name, content_after(*file, cut, random));
  }
}

}  // namespace settle
