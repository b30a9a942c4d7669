#include "storage/keys.h"

#include "base/hash.h"
#include "storage/big_endian.h"

namespace settle {

std::uint16_t partition_of(std::string_view name_space, std::string_view id) {
  std::string joined(name_space);
  joined.push_back('\0');
  joined += id;
  return static_cast<std::uint16_t>(crc32c(joined) % partition_count);
}

namespace keys {
namespace {

void append_name(std::string& out, std::string_view name) {
  out += name;
  out.push_back('\0');
}

void append_partition(std::string& out, std::uint16_t partition) {
  out.push_back(static_cast<char>(partition >> 8));
  out.push_back(static_cast<char>(partition & 0xff));
}

std::uint64_t milliseconds(Time time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

}  // namespace

OfWorkflow::OfWorkflow(std::string_view name_space, std::string_view id) {
  prefix_.reserve(name_space.size() + id.size() + 4);
  append_partition(prefix_, partition_of(name_space, id));
  append_name(prefix_, name_space);
  append_name(prefix_, id);
}

std::string OfWorkflow::record(char kind) const {
  std::string key;
  key.reserve(prefix_.size() + 1);
  key += prefix_;
  key.push_back(kind);
  return key;
}

std::string OfWorkflow::numbered(char kind, std::uint32_t number) const {
  std::string key;
  key.reserve(prefix_.size() + 5);
  key += prefix_;
  key.push_back(kind);
  append_be32(key, number);
  return key;
}

std::string OfWorkflow::receipt(std::uint32_t number) const {
  return "R" + numbered('r', number);
}

std::string OfWorkflow::due(Time at) const {
  constexpr std::size_t partition_bytes = 2;
  std::string key = prefix_.substr(0, partition_bytes);
  append_be64(key, milliseconds(at));
  key.append(prefix_, partition_bytes, prefix_.size() - partition_bytes - 1);
  return key;
}

std::optional<Due> parse_due(std::string_view key) {
  if (key.size() < 12) return std::nullopt;
  const std::size_t end = key.find('\0', 10);
  if (end == std::string_view::npos) return std::nullopt;
  return Due{Time(Duration(static_cast<std::int64_t>(read_be64(key, 2)))), std::string(key.substr(10, end - 10)),
             std::string(key.substr(end + 1))};
}

std::optional<std::pair<std::uint16_t, Time>> place_of_due(std::string_view key) {
  if (key.size() < 12) return std::nullopt;
  const std::uint32_t first = read_be32(key, 0);
  return std::pair(static_cast<std::uint16_t>(first >> 16),
                   Time(Duration(static_cast<std::int64_t>(read_be64(key, 2)))));
}

std::string summary_prefix(std::string_view name_space) {
  std::string key = "A";
  append_name(key, name_space);
  return key;
}

std::string marks_of(std::string_view name_space) {
  std::string key = "M";
  append_name(key, name_space);
  return key;
}

std::string mark_prefix(std::string_view name_space, char of) {
  std::string key = marks_of(name_space);
  key += of;
  return key;
}

namespace {

std::string at_place(std::string prefix, Time created, std::string_view id) {
  append_be64(prefix, ~milliseconds(created));
  prefix += id;
  return prefix;
}

}  // namespace

std::string summary(std::string_view name_space, Time created, std::string_view id) {
  return at_place(summary_prefix(name_space), created, id);
}

std::string mark(std::string_view name_space, char of, Time created, std::string_view id) {
  return at_place(mark_prefix(name_space, of), created, id);
}

std::optional<std::pair<Time, std::string>> parse_place(std::string_view key, std::string_view prefix) {
  const std::size_t from = prefix.size();
  if (!key.starts_with(prefix) || key.size() < from + 9) return std::nullopt;
  const Time created(Duration(static_cast<std::int64_t>(~read_be64(key, from))));
  return std::pair(created, std::string(key.substr(from + 8)));
}

std::string approval(std::string_view name_space, std::string_view id) {
  std::string key = "G";
  append_name(key, name_space);
  key += id;
  return key;
}

std::string approval_lines(std::string_view name_space, bool open) {
  std::string key = open ? "O" : "D";
  append_name(key, name_space);
  return key;
}

std::string approval_line(std::string_view name_space, bool open, Time requested, std::string_view id) {
  std::string key = approval_lines(name_space, open);
  append_be64(key, ~milliseconds(requested));
  key += id;
  return key;
}

std::string idempotency(std::string_view name_space, std::string_view given) {
  std::string key;
  append_name(key, name_space);
  key += given;
  return key;
}

std::string tool_call(std::string_view name_space, std::string_view call) {
  return idempotency(name_space, "\x01" + std::string(call));
}

static std::string of_version(std::string key, std::string_view name_space, std::string_view name,
                              std::string_view version) {
  append_name(key, name_space);
  append_name(key, name);
  key += version;
  return key;
}

std::string tool(std::string_view name_space, std::string_view name, std::string_view version) {
  return of_version("T", name_space, name, version);
}

std::string tool_standing(std::string_view name_space, std::string_view name, std::string_view version) {
  return of_version("V", name_space, name, version);
}

std::string tool_latest(std::string_view name_space, std::string_view name) {
  std::string key = "t";
  append_name(key, name_space);
  key += name;
  return key;
}

std::string dead_letters(std::string_view subscription_id) {
  std::string key = "E";
  append_name(key, subscription_id);
  return key;
}

std::string dead_letter(std::string_view subscription_id, std::uint64_t record, std::uint32_t seen) {
  std::string key = dead_letters(subscription_id);
  append_be64(key, record);
  append_be32(key, seen);
  return key;
}

std::string subscription(std::string_view name_space, std::string_view name) {
  std::string key(subscriptions);
  append_name(key, name_space);
  key += name;
  return key;
}

static std::string of_schedule(std::string_view prefix, std::string_view name_space, std::string_view name) {
  std::string key(prefix);
  append_name(key, name_space);
  key += name;
  return key;
}

std::string schedule(std::string_view name_space, std::string_view name) {
  return of_schedule(schedules, name_space, name);
}

std::string schedule_plan(std::string_view name_space, std::string_view name) {
  return of_schedule("schedule_plan/", name_space, name);
}

std::string schedule_progress(std::string_view name_space, std::string_view name) {
  return of_schedule("schedule_progress/", name_space, name);
}

std::string delivery(std::string_view id) {
  return "delivery/" + std::string(id);
}

std::string token(std::string_view id) {
  return std::string(tokens) + std::string(id);
}

std::string after(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace keys
}  // namespace settle
