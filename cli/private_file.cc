#include "cli/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace settle {
namespace {

/// A file descriptor that closes itself.
class File {
 public:
  File(const std::string& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  ~File() {
    if (number_ >= 0) ::close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

Error failed(const std::string& what, const std::string& file) {
  const std::error_code error(errno, std::generic_category());
  return fail(ErrorCode::io_error, what + " of " + file + ": " + error.message());
}

Result<void> sync_folder_of(const std::string& file) {
  const File folder(std::filesystem::path(file).parent_path().string(), O_RDONLY | O_DIRECTORY);
  if (!folder || ::fsync(folder.number()) != 0) return failed("sync of the folder", file);
  return {};
}

}  // namespace

Result<std::optional<std::string>> read_private_file(const std::string& file) {
  const File there(file, O_RDONLY);
  if (!there) return failed("opening", file);
  if (::fsync(there.number()) != 0) return failed("sync", file);
  if (const Result<void> synced = sync_folder_of(file); !synced) return synced.error();
  struct stat about{};
  if (::fstat(there.number(), &about) != 0) return failed("a look", file);
  std::array<char, 256> bytes{};
  const ssize_t count = ::read(there.number(), bytes.data(), bytes.size());
  std::string text(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  if (text.ends_with('\n')) text.pop_back();
  const bool own = S_ISREG(about.st_mode) && about.st_uid == ::geteuid() && (about.st_mode & 077) == 0;
  return own ? std::optional(std::move(text)) : std::nullopt;
}

/// It is written beside, and named when it is on the disk.
Result<bool> make_private_file(const std::string& file, const std::string& line) {
  const std::string beside = file + ".new";
  ::unlink(beside.c_str());  // of a start that was cut off
  {
    const File made(beside, O_WRONLY | O_CREAT | O_EXCL);
    if (!made) return failed("creation", beside);
    const std::string text = line + "\n";
    const bool written = ::write(made.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!written || ::fsync(made.number()) != 0) {
      const Error error = failed("writing", beside);
      ::unlink(beside.c_str());
      return error;
    }
  }
  const bool named = ::link(beside.c_str(), file.c_str()) == 0;
  const int why = errno;
  ::unlink(beside.c_str());
  errno = why;
  if (!named) return why == EEXIST ? Result<bool>(false) : Result<bool>(failed("creation", file));
  if (const Result<void> synced = sync_folder_of(file); !synced) return synced.error();
  return true;
}

}  // namespace settle
