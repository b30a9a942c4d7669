#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace settle {

/// A file system that works until it is told to fail: then every operation that `fails` names returns `error`.
class FaultFs final : public rocksdb::FileSystemWrapper {
 public:
  enum class Operation { create, append, sync };
  using Fails = std::function<bool(Operation operation, const std::string& file)>;

  FaultFs(Fails fails, rocksdb::IOStatus error)
      : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()),
        fails_(std::move(fails)),
        error_(std::move(error)) {}

  const char* Name() const override { return "FaultFs"; }

  void arm() { is_armed_ = true; }

  rocksdb::IOStatus tried(Operation operation, const std::string& file) const {
    if (!is_armed_ || !fails_(operation, file)) return rocksdb::IOStatus::OK();
    return error_;
  }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;

 private:
  const Fails fails_;
  const rocksdb::IOStatus error_;
  std::atomic<bool> is_armed_{false};
};

class FaultFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string name, const FaultFs& fs)
      : rocksdb::FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), fs_(fs) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus tried = fs_.tried(FaultFs::Operation::append, name_);
    return tried.ok() ? target()->Append(data, options, debug) : tried;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& info, rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus tried = fs_.tried(FaultFs::Operation::append, name_);
    return tried.ok() ? target()->Append(data, options, info, debug) : tried;
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus tried = fs_.tried(FaultFs::Operation::sync, name_);
    return tried.ok() ? target()->Sync(options, debug) : tried;
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus tried = fs_.tried(FaultFs::Operation::sync, name_);
    return tried.ok() ? target()->Fsync(options, debug) : tried;
  }

 private:
  const std::string name_;
  const FaultFs& fs_;
};

inline rocksdb::IOStatus FaultFs::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                                  std::unique_ptr<rocksdb::FSWritableFile>* file,
                                                  rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus created = tried(Operation::create, name);
  if (!created.ok()) return created;
  std::unique_ptr<rocksdb::FSWritableFile> real;
  created = rocksdb::FileSystemWrapper::NewWritableFile(name, options, &real, debug);
  if (created.ok()) *file = std::make_unique<FaultFile>(std::move(real), name, *this);
  return created;
}

}  // namespace settle
