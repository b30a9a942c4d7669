#include "engine/tools.h"

#include <algorithm>

#include "base/json_parts.h"
#include "base/text.h"
#include "storage/keys.h"
#include "workflows/builtin_tools.h"

namespace settle {
namespace {

/// What was accepted once is read again whatever the limits are now; 1e20 became 100000000000000000000 in canonical
/// form.
/// NS, NAME and the rest of a key "?NS NUL NAME NUL REST"; null when it has another shape.
struct ToolKey {
  std::string name_space, name, version;
};
std::optional<ToolKey> parse_key(std::string_view key) {
  const std::size_t end = key.find('\0', 1);
  const std::size_t name_end = end == std::string_view::npos ? end : key.find('\0', end + 1);
  if (name_end == std::string_view::npos) return std::nullopt;
  return ToolKey{std::string(key.substr(1, end - 1)), std::string(key.substr(end + 1, name_end - end - 1)),
                 std::string(key.substr(name_end + 1))};
}

std::string encode(const VersionStanding& standing) {
  return canonical(Json::object({{"came_at", time_or_null(standing.came_at)},
                                 {"disabled_at", time_or_null(standing.disabled_at)},
                                 {"order", static_cast<std::int64_t>(standing.order)}}));
}

Result<VersionStanding> decode_standing(std::string_view value, const std::string& name) {
  const Error damaged = fail(ErrorCode::corruption, "the standing of a version of tool \"" + name + "\" can't be read");
  const Result<Json> document = read_json(value, own_text);
  const Json* order = document ? document->find("order") : nullptr;
  if (order == nullptr || !order->is_integer() || order->as_integer() < 0) return damaged;
  VersionStanding standing;
  standing.order = static_cast<std::uint64_t>(order->as_integer());
  for (const auto& [member, target] :
       {std::pair{"came_at", &standing.came_at}, std::pair{"disabled_at", &standing.disabled_at}}) {
    const Json* time = document->find(member);
    if (time == nullptr || time->is_null()) continue;
    *target = time->is_string() ? parse_time(time->as_string()) : std::nullopt;
    if (!*target) return damaged;
  }
  return standing;
}

}  // namespace

std::string version_bytes(const Tool& tool) {
  return std::string(reinterpret_cast<const char*>(tool.version.data()), tool.version.size());
}

ToolRegistry::ToolRegistry(Store& store, Values values, CredentialSpaces credentials)
    : store_(store), values_(std::move(values)), credentials_(std::move(credentials)) {}

Result<void> ToolRegistry::load() {
  const std::unique_ptr<Reader> reader = store_.snapshot();
  const std::lock_guard changing(changes_);
  const std::lock_guard lock(mutex_);
  Result<void> scanned =
      reader->scan(Family::meta, {.from = "T", .to = "U"}, [&](std::string_view key, std::string_view value) {
        load_document(key, value);
        return true;
      });
  if (!scanned) return scanned;
  Result<void> latest = load_latest(*reader);
  if (!latest) return latest;
  return load_standings(*reader);
}

void ToolRegistry::load_document(std::string_view key, std::string_view value) {
  const std::optional<ToolKey> place = parse_key(key);
  if (!place) return;
  const Result<Json> document = read_json(value, own_text);
  Result<std::shared_ptr<const Tool>> tool =
      document ? compile_tool(*document, values_) : Result<std::shared_ptr<const Tool>>(document.error());
  std::vector<Problem> problems;
  // Those of `default` may have come from the folder of tools, which is the configuration's own.
  if (tool && place->name_space != "default") credentials_.check(*document, place->name_space, problems);
  if (!problems.empty()) tool = fail(ErrorCode::invalid_tool, problems[0].message);
  Held& held = tools_[place->name_space][place->name][place->version];
  if (tool) {
    held.tool = *tool;
  } else {
    broken_.push_back("version " + to_hex(place->version).substr(0, 12) + " of tool \"" + place->name +
                      "\" can't be used with this configuration: " + tool.error().message);
  }
}

/// Where versions have no standing yet, from before it was kept, the newest is the one that is named here.
Result<void> ToolRegistry::load_latest(const Reader& reader) {
  return reader.scan(Family::meta, {.from = "t", .to = "u"}, [&](std::string_view key, std::string_view value) {
    const std::size_t end = key.find('\0', 1);
    if (end == std::string_view::npos) return true;
    Versions& versions = tools_[std::string(key.substr(1, end - 1))][std::string(key.substr(end + 1))];
    if (const auto found = versions.find(value); found != versions.end()) found->second.standing.order = 1;
    last_order_ = std::max<std::uint64_t>(last_order_, 1);
    return true;
  });
}

Result<void> ToolRegistry::load_standings(const Reader& reader) {
  std::optional<Error> error;
  Result<void> scanned =
      reader.scan(Family::meta, {.from = "V", .to = "W"}, [&](std::string_view key, std::string_view value) {
        const std::optional<ToolKey> place = parse_key(key);
        if (!place) return true;
        const Result<VersionStanding> standing = decode_standing(value, place->name);
        if (!standing) {
          error = standing.error();
          return false;
        }
        tools_[place->name_space][place->name][place->version].standing = *standing;
        last_order_ = std::max(last_order_, standing->order);
        return true;
      });
  if (!scanned) return scanned;
  if (error) return *error;
  return {};
}

/// What a change has to begin with: the latest decision, whether it is durable already or not.
VersionStanding ToolRegistry::standing_of(const std::string& key, const Held* published) const {
  const auto found = decided_.find(key);
  if (found != decided_.end()) return found->second;
  return published == nullptr ? VersionStanding() : published->standing;
}

void ToolRegistry::put(const std::string& name_space, const Json& document, Time now, CompletionSink& loop,
                       PutDone done, const AuditNotePtr& audit) {
  Result<std::shared_ptr<const Tool>> compiled = compile_tool(document, values_);
  if (!compiled) return done(std::move(compiled).error());
  const std::shared_ptr<const Tool> tool = *compiled;
  const std::string bytes = version_bytes(*tool);
  const std::string key = keys::tool_standing(name_space, tool->name, bytes);
  bool created = false;
  bool disabled = false;
  {
    const std::lock_guard changing(changes_);
    Held held{tool, {}};
    {
      const std::lock_guard lock(mutex_);
      const Versions* versions = find(name_space, tool->name);
      const auto known = versions == nullptr ? Versions::const_iterator() : versions->find(bytes);
      const bool published = versions != nullptr && known != versions->end();
      created = !published && decided_.find(key) == decided_.end();
      held.standing = standing_of(key, published ? &known->second : nullptr);
    }
    disabled = held.standing.disabled_at.has_value();
    if (!disabled) {
      if (created) held.standing.came_at = now;
      held.standing.order = ++last_order_;
      WriteBatch batch;
      batch.put(Family::meta, keys::tool(name_space, tool->name, bytes), tool->canonical_document);
      batch.put(Family::meta, keys::tool_latest(name_space, tool->name), bytes);
      if (audit != nullptr) {
        audit->entry.target = tool->name + "@" + tool->version_text();
        audit->entry.status = created ? 201 : 200;
        audit->put_into(batch);
      }
      change(name_space, tool->name, bytes, std::move(held), std::move(batch), loop,
             [tool, created, done] { done(Put{tool, created}); });
    }
  }
  if (disabled) {
    done(fail(ErrorCode::wrong_state, "version " + to_hex(bytes).substr(0, 12) + " of tool \"" + tool->name +
                                          "\" is disabled; enable it, or change the document"));
  }
}

void ToolRegistry::set_enabled(const std::string& name_space, const std::string& name, const std::string& version,
                               bool enabled, Time now, CompletionSink& loop, VersionDone done,
                               const AuditNotePtr& audit) {
  if (is_builtin_name(name))
    return done(fail(ErrorCode::wrong_state, "\"" + name + "\" is one of Settle's own tools, which stay enabled"));
  {
    const std::lock_guard changing(changes_);
    const std::string key = keys::tool_standing(name_space, name, version);
    std::optional<Held> held;
    std::string newest_left;
    {
      const std::lock_guard lock(mutex_);
      const Versions* versions = find(name_space, name);
      const auto known = versions == nullptr ? Versions::const_iterator() : versions->find(version);
      if (versions != nullptr && known != versions->end()) {
        held = known->second;
        held->standing = standing_of(key, &known->second);
        if (enabled == held->standing.disabled_at.has_value())
          held->standing.disabled_at = enabled ? std::nullopt : std::optional(now);
        Versions after = *versions;
        for (auto& [bytes, one] : after) one.standing = standing_of(keys::tool_standing(name_space, name, bytes), &one);
        after[version].standing = held->standing;
        if (const Versions::value_type* left = newest(after)) newest_left = left->first;
      }
    }
    if (held) {
      WriteBatch batch;
      if (audit != nullptr) audit->put_into(batch);
      if (newest_left.empty()) {
        batch.erase(Family::meta, keys::tool_latest(name_space, name));
      } else {
        batch.put(Family::meta, keys::tool_latest(name_space, name), newest_left);
      }
      return change(name_space, name, version, *std::move(held), std::move(batch), loop,
                    [this, name_space, name, version, done] { done(find_version(name_space, name, to_hex(version))); });
    }
  }
  done(fail(ErrorCode::not_found, "tool \"" + shorten(name, 80) + "\" has no such version"));
}

/// Queues the commit and publishes the change when it is durable. Wants changes_ held.
void ToolRegistry::change(const std::string& name_space, const std::string& name, const std::string& version, Held held,
                          WriteBatch batch, CompletionSink& loop, std::function<void()> done) {
  const std::string key = keys::tool_standing(name_space, name, version);
  batch.put(Family::meta, key, encode(held.standing));
  decided_[key] = held.standing;
  held.stamp = ++last_stamp_;
  store_.commit(std::move(batch), loop,
                [this, name_space, name, version, held = std::move(held), done = std::move(done)](const CommitResult&) {
                  {
                    const std::lock_guard lock(mutex_);
                    Held& shown = tools_[name_space][name][version];
                    if (held.stamp > shown.stamp) shown = held;
                  }
                  done();
                });
}

const ToolRegistry::Versions* ToolRegistry::find(std::string_view name_space, std::string_view name) const {
  const auto names = tools_.find(name_space);
  if (names == tools_.end()) return nullptr;
  const auto versions = names->second.find(name);
  return versions == names->second.end() ? nullptr : &versions->second;
}

const ToolRegistry::Versions::value_type* ToolRegistry::newest(const Versions& versions) {
  const Versions::value_type* best = nullptr;
  for (const Versions::value_type& one : versions) {
    if (one.second.standing.disabled_at) continue;
    if (best == nullptr || one.second.standing.order > best->second.standing.order) best = &one;
  }
  return best;
}

ToolRegistry::Version ToolRegistry::version_of(std::string_view name, const Versions& versions,
                                               const Versions::value_type& one) {
  return {std::string(name), one.first, one.second.tool, one.second.standing, newest(versions) == &one};
}

std::shared_ptr<const Tool> ToolRegistry::latest(std::string_view name_space, std::string_view name) const {
  if (is_builtin_name(name)) return builtin_tool(name);
  const std::lock_guard lock(mutex_);
  const Versions* versions = find(name_space, name);
  const Versions::value_type* found = versions == nullptr ? nullptr : newest(*versions);
  return found == nullptr ? nullptr : found->second.tool;
}

std::shared_ptr<const Tool> ToolRegistry::version(std::string_view name_space, std::string_view name,
                                                  std::string_view version) const {
  if (is_builtin_name(name)) return builtin_tool(name);  // whatever the version was when the workflow began
  const std::lock_guard lock(mutex_);
  const Versions* versions = find(name_space, name);
  if (versions == nullptr) return nullptr;
  const auto found = versions->find(version);
  return found == versions->end() ? nullptr : found->second.tool;
}

std::vector<std::shared_ptr<const Tool>> ToolRegistry::all_latest(std::string_view name_space) const {
  std::vector<std::shared_ptr<const Tool>> out;
  for (const std::string& name : names(name_space)) {
    if (std::shared_ptr<const Tool> tool = latest(name_space, name)) out.push_back(std::move(tool));
  }
  return out;
}

std::vector<std::string> ToolRegistry::names(std::string_view name_space) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  const auto names = tools_.find(name_space);
  if (names == tools_.end()) return out;
  for (const auto& [name, versions] : names->second) {
    if (newest(versions) != nullptr) out.push_back(name);
  }
  return out;
}

std::vector<std::string> ToolRegistry::known_names(std::string_view name_space) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  const auto names = tools_.find(name_space);
  if (names == tools_.end()) return out;
  for (const auto& entry : names->second) out.push_back(entry.first);
  return out;
}

std::vector<ToolRegistry::Version> ToolRegistry::versions(std::string_view name_space, std::string_view name) const {
  if (const std::shared_ptr<const Tool> own = builtin_tool(name))
    return {{std::string(name), version_bytes(*own), own, {}, true}};
  const std::lock_guard lock(mutex_);
  std::vector<Version> out;
  const Versions* versions = find(name_space, name);
  if (versions == nullptr) return out;
  for (const Versions::value_type& one : *versions) out.push_back(version_of(name, *versions, one));
  std::sort(out.begin(), out.end(),
            [](const Version& a, const Version& b) { return a.standing.order > b.standing.order; });
  return out;
}

Result<ToolRegistry::Version> ToolRegistry::find_version(std::string_view name_space, std::string_view name,
                                                         std::string_view text) const {
  constexpr std::size_t digits_min = 12;
  std::string_view digits = text;
  if (digits.starts_with("sha256:")) digits.remove_prefix(7);
  std::vector<Version> fitting;
  for (Version& one : versions(name_space, name)) {
    if (digits.size() >= digits_min && to_hex(one.version).starts_with(digits)) fitting.push_back(std::move(one));
  }
  if (fitting.size() == 1) return fitting[0];
  return fail(ErrorCode::not_found, "tool \"" + shorten(name, 80) + "\" has " +
                                        (fitting.empty() ? "no version \"" : "several versions that begin with \"") +
                                        shorten(text, 80) + "\"; its versions are listed at /v1/tools/" +
                                        shorten(name, 80) + "/versions");
}

bool ToolRegistry::is_disabled(std::string_view name_space, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const Versions* versions = find(name_space, name);
  return versions != nullptr && !versions->empty() && newest(*versions) == nullptr;
}

}  // namespace settle
