#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/audit.h"
#include "engine/credential_spaces.h"
#include "storage/store.h"
#include "workflows/tool.h"

namespace settle {

/// What the registry keeps about one version of a tool beside its document. Stored (docs/formats/records.md).
struct VersionStanding {
  std::optional<Time> came_at;      ///< the first put; null: from before this was kept
  std::optional<Time> disabled_at;  ///< null: enabled
  std::uint64_t order = 0;          ///< rises with every put: the enabled version with the highest one is the newest
};

/// All tools of all namespaces, every version that was ever put. Readers take a snapshot; a change is durable before it
/// is seen. Settle's own tools are found by their names in every namespace and version; the lists leave them out.
/// Thread: any.
class ToolRegistry {
 public:
  ToolRegistry(Store& store, Values values, CredentialSpaces credentials = {});

  /// Reads every stored version. One that no longer compiles (a configured value is gone), or is of another namespace
  /// than `default` and names a credential that is not for it now, is kept aside: see broken(). Errors: corruption.
  Result<void> load();

  struct Put {
    std::shared_ptr<const Tool> tool;
    bool created = false;  ///< this version was not known before
  };
  using PutDone = std::function<void(Result<Put>)>;
  /// Checks, stores and publishes a document that came at `now`; `done` runs on `loop` once it is durable, or at once
  /// with an error. Errors: invalid_tool; wrong_state (this version is disabled: putting it again, as a start with a
  /// folder of tools does, does not enable it).
  void put(const std::string& name_space, const Json& document, Time now, CompletionSink& loop, PutDone done,
           const AuditNotePtr& audit = nullptr);

  /// One version as it stands.
  struct Version {
    std::string name;
    std::string version;               ///< 32 raw bytes
    std::shared_ptr<const Tool> tool;  ///< null: the present configuration can't compile it
    VersionStanding standing;
    bool newest = false;  ///< the one that new workflows run
  };
  using VersionDone = std::function<void(Result<Version>)>;
  /// Disables or enables a version (32 raw bytes); `done` runs on `loop` once that is durable. Workflows that run keep
  /// what they began with. Doing it again changes nothing. Errors: not_found.
  void set_enabled(const std::string& name_space, const std::string& name, const std::string& version, bool enabled,
                   Time now, CompletionSink& loop, VersionDone done, const AuditNotePtr& audit = nullptr);

  /// The newest enabled version. Null: there is no such tool, or every version is disabled.
  std::shared_ptr<const Tool> latest(std::string_view name_space, std::string_view name) const;
  /// `version` is the 32 raw bytes. Null: unknown or broken.
  std::shared_ptr<const Tool> version(std::string_view name_space, std::string_view name,
                                      std::string_view version) const;
  std::vector<std::shared_ptr<const Tool>> all_latest(std::string_view name_space) const;
  /// Of the tools with an enabled version.
  std::vector<std::string> names(std::string_view name_space) const;
  /// Of all tools, also where every version is disabled.
  std::vector<std::string> known_names(std::string_view name_space) const;
  /// Newest first, disabled and broken ones included. Empty: there is no such tool.
  std::vector<Version> versions(std::string_view name_space, std::string_view name) const;
  /// The version that `text` names: "sha256:" may stand in front, and 12 hexadecimal digits are enough where no other
  /// begins so. Errors: not_found.
  Result<Version> find_version(std::string_view name_space, std::string_view name, std::string_view text) const;
  /// Known, but with every version disabled.
  bool is_disabled(std::string_view name_space, std::string_view name) const;
  /// Sentences about stored versions that the present configuration can't compile.
  const std::vector<std::string>& broken() const { return broken_; }

 private:
  struct Held {
    std::shared_ptr<const Tool> tool;  ///< null: broken
    VersionStanding standing;
    std::uint64_t stamp = 0;  ///< of the change that is shown; an older one that is published later changes nothing
  };
  using Versions = std::map<std::string, Held, std::less<>>;
  using Names = std::map<std::string, Versions, std::less<>>;

  void load_document(std::string_view key, std::string_view value);
  Result<void> load_standings(const Reader& reader);
  Result<void> load_latest(const Reader& reader);
  const Versions* find(std::string_view name_space, std::string_view name) const;
  static const Versions::value_type* newest(const Versions& versions);
  static Version version_of(std::string_view name, const Versions& versions, const Versions::value_type& one);
  VersionStanding standing_of(const std::string& key, const Held* published) const;
  void change(const std::string& name_space, const std::string& name, const std::string& version, Held held,
              WriteBatch batch, CompletionSink& loop, std::function<void()> done);

  Store& store_;
  const Values values_;
  const CredentialSpaces credentials_;
  /// Held from the decision of a change until its commit is queued, so that commits are queued in the order in which
  /// they were decided. Taken before mutex_, which guards what readers see.
  std::mutex changes_;
  std::map<std::string, VersionStanding> decided_;  ///< by key of the store: the latest, durable or not yet
  std::uint64_t last_order_ = 0;
  std::uint64_t last_stamp_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Names, std::less<>> tools_;
  std::vector<std::string> broken_;
};

/// The 32 bytes of a version.
std::string version_bytes(const Tool& tool);

}  // namespace settle
