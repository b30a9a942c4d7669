#include "engine/tools.h"

#include "storage/keys.h"

namespace settle {
namespace {

/// What was accepted once is read again whatever the limits are now; 1e20 became 100000000000000000000 in canonical
/// form.
constexpr JsonLimits stored_limits{.bytes_max = std::size_t{1} << 30,
                                   .depth_max = 256,
                                   .nodes_max = std::size_t{1} << 30,
                                   .numbers = JsonNumbers::exact};

}  // namespace

std::string version_bytes(const Tool& tool) {
  return std::string(reinterpret_cast<const char*>(tool.version.data()), tool.version.size());
}

ToolRegistry::ToolRegistry(Store& store, Values values) : store_(store), values_(std::move(values)) {}

Result<void> ToolRegistry::load() {
  const std::unique_ptr<Reader> reader = store_.snapshot();
  const std::lock_guard lock(mutex_);
  Result<void> scanned =
      reader->scan(Family::meta, {.from = "T", .to = "U"}, [&](std::string_view key, std::string_view value) {
        const std::size_t end = key.find('\0', 1);
        const std::size_t name_end = end == std::string_view::npos ? end : key.find('\0', end + 1);
        if (name_end == std::string_view::npos) return true;
        const std::string name_space(key.substr(1, end - 1)), name(key.substr(end + 1, name_end - end - 1)),
            version(key.substr(name_end + 1));
        const Result<Json> document = read_json(value, stored_limits);
        const Result<std::shared_ptr<const Tool>> tool =
            document ? compile_tool(*document, values_) : Result<std::shared_ptr<const Tool>>(document.error());
        if (tool) {
          tools_[name_space][name].versions[version] = *tool;
        } else {
          broken_.push_back("version " + to_hex(version).substr(0, 12) + " of tool \"" + name +
                            "\" can't be used with this configuration: " + tool.error().message);
        }
        return true;
      });
  if (!scanned) return scanned;
  return reader->scan(Family::meta, {.from = "t", .to = "u"}, [&](std::string_view key, std::string_view value) {
    const std::size_t end = key.find('\0', 1);
    if (end == std::string_view::npos) return true;
    Entry& entry = tools_[std::string(key.substr(1, end - 1))][std::string(key.substr(end + 1))];
    entry.latest = std::string(value);
    return true;
  });
}

void ToolRegistry::put(const std::string& name_space, const Json& document, CompletionSink& loop, PutDone done) {
  Result<std::shared_ptr<const Tool>> compiled = compile_tool(document, values_);
  if (!compiled) return done(std::move(compiled).error());
  const std::shared_ptr<const Tool> tool = *compiled;
  const bool created = version(name_space, tool->name, version_bytes(*tool)) == nullptr;
  WriteBatch batch;
  batch.put(Family::meta, keys::tool(name_space, tool->name, version_bytes(*tool)), tool->canonical_document);
  batch.put(Family::meta, keys::tool_latest(name_space, tool->name), version_bytes(*tool));
  store_.commit(std::move(batch), loop, [this, name_space, tool, created, done = std::move(done)](const CommitResult&) {
    {
      const std::lock_guard lock(mutex_);
      Entry& entry = tools_[name_space][tool->name];
      entry.versions[version_bytes(*tool)] = tool;
      entry.latest = version_bytes(*tool);
    }
    done(Put{tool, created});
  });
}

const ToolRegistry::Entry* ToolRegistry::find(std::string_view name_space, std::string_view name) const {
  const auto names = tools_.find(name_space);
  if (names == tools_.end()) return nullptr;
  const auto entry = names->second.find(name);
  return entry == names->second.end() ? nullptr : &entry->second;
}

std::shared_ptr<const Tool> ToolRegistry::latest(std::string_view name_space, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(name_space, name);
  if (entry == nullptr) return nullptr;
  const auto found = entry->versions.find(entry->latest);
  return found == entry->versions.end() ? nullptr : found->second;
}

std::shared_ptr<const Tool> ToolRegistry::version(std::string_view name_space, std::string_view name,
                                                  std::string_view version) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(name_space, name);
  if (entry == nullptr) return nullptr;
  const auto found = entry->versions.find(version);
  return found == entry->versions.end() ? nullptr : found->second;
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
  for (const auto& entry : names->second) out.push_back(entry.first);
  return out;
}

}  // namespace settle
