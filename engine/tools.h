#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/store.h"
#include "workflows/tool.h"

namespace settle {

/// All tools of all namespaces, every version that was ever put. Readers take a snapshot; a put is durable before it is
/// seen. Thread: any.
class ToolRegistry {
 public:
  ToolRegistry(Store& store, Values values);

  /// Reads every stored version. A version that no longer compiles (a configured value is gone) is kept aside: see
  /// broken(). Errors: corruption.
  Result<void> load();

  struct Put {
    std::shared_ptr<const Tool> tool;
    bool created = false;  ///< this version was not known before
  };
  using PutDone = std::function<void(Result<Put>)>;
  /// Checks, stores and publishes a document; `done` runs on `loop` once it is durable. Errors: invalid_tool.
  void put(const std::string& name_space, const Json& document, CompletionSink& loop, PutDone done);

  std::shared_ptr<const Tool> latest(std::string_view name_space, std::string_view name) const;
  /// `version` is the 32 raw bytes. Null: unknown or broken.
  std::shared_ptr<const Tool> version(std::string_view name_space, std::string_view name,
                                      std::string_view version) const;
  std::vector<std::shared_ptr<const Tool>> all_latest(std::string_view name_space) const;
  std::vector<std::string> names(std::string_view name_space) const;
  /// Sentences about stored versions that the present configuration can't compile.
  const std::vector<std::string>& broken() const { return broken_; }

 private:
  struct Entry {
    std::string latest;
    std::map<std::string, std::shared_ptr<const Tool>, std::less<>> versions;
  };
  using Names = std::map<std::string, Entry, std::less<>>;
  const Entry* find(std::string_view name_space, std::string_view name) const;

  Store& store_;
  const Values values_;
  mutable std::mutex mutex_;
  std::map<std::string, Names, std::less<>> tools_;
  std::vector<std::string> broken_;
};

/// The 32 bytes of a version.
std::string version_bytes(const Tool& tool);

}  // namespace settle
