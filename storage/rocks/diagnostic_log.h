#pragma once

// Inner part of the room, as families.h.

#include <rocksdb/env.h>

#include <atomic>
#include <cstdarg>
#include <string>

namespace settle {

/// Where RocksDB tells its own story (the file LOG). It is for people and nothing rests on it: what can't be written is
/// left out. RocksDB's own one fails an assertion, and with it the process, when a line comes after one for which the
/// disk had no room. Thread: any.
class DiagnosticLog final : public rocksdb::Logger {
 public:
  /// Takes the descriptor of a file that is open for appending.
  explicit DiagnosticLog(int descriptor) : descriptor_(descriptor) {}
  ~DiagnosticLog() override;

  using rocksdb::Logger::Logv;
  [[gnu::format(printf, 2, 0)]] void Logv(const char* format, va_list arguments) override;
  std::size_t GetLogFileSize() const override { return bytes_; }

 private:
  const int descriptor_;
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace settle
