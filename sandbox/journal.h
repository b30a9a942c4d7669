#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace settle {

/// An append-only file of JSON lines that only one process holds. Thread: one.
class Journal {
 public:
  /// Opens or makes `file`, gives every entry to `replay` in order and cuts off a last line that was torn by a crash.
  /// Errors: io_error, in_use, corruption (a line before the last that is no JSON, or that `replay` refused; the
  /// message has file and line).
  static Result<std::unique_ptr<Journal>> open(const std::string& file,
                                               const std::function<Result<void>(const Json&)>& replay);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Appends an entry; with `durable` it has reached the disk (fdatasync) on return, with all before it.
  /// Errors: io_error; nobody knows then what is on the disk, so the service must end.
  Result<void> append(const Json& entry, bool durable);

 private:
  Journal(int fd, std::string file) : fd_(fd), file_(std::move(file)) {}
  Result<void> read(const std::function<Result<void>(const Json&)>& replay);

  int fd_;
  std::string file_;
};

}  // namespace settle
