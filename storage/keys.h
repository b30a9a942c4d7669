#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"

namespace settle {

inline constexpr std::uint16_t partition_count = 64;

/// The partition of a workflow: CRC-32C of "namespace NUL id", modulo partition_count. Part of the format.
std::uint16_t partition_of(std::string_view name_space, std::string_view id);

/// Keys of docs/formats/records.md. Names hold no NUL (base/text.h, is_name), so that NUL can end them.
namespace keys {

/// Keys of one workflow's records; what they have in common is made once.
class OfWorkflow {
 public:
  OfWorkflow(std::string_view name_space, std::string_view id);

  /// partition(2, big-endian) namespace NUL id NUL: what all of them begin with, but those of `receipts` and `due`.
  const std::string& prefix() const { return prefix_; }

  // state
  std::string header() const { return record('w'); }
  std::string progress() const { return record('x'); }
  std::string plan() const { return record('p'); }
  std::string action(std::uint32_t index) const { return numbered('a', index); }
  std::string input(std::uint32_t index) const { return numbered('i', index); }
  std::string output(std::uint32_t index) const { return numbered('o', index); }
  /// `number` counts from 1.
  std::string signal(std::uint32_t number) const { return numbered('s', number); }
  std::string before(std::uint32_t index) const { return numbered('b', index); }
  // history
  std::string events(std::uint32_t first) const { return numbered('e', first); }
  // receipts
  std::string receipt(std::uint32_t number) const;
  // due
  std::string due(Time at) const;

 private:
  std::string record(char kind) const;
  std::string numbered(char kind, std::uint32_t number) const;

  std::string prefix_;
};

/// Time, namespace and id of a due key; null when it is none.
struct Due {
  Time at;
  std::string name_space;
  std::string id;
};
std::optional<Due> parse_due(std::string_view key);
/// Partition and time of a due key alone; null when it is none.
std::optional<std::pair<std::uint16_t, Time>> place_of_due(std::string_view key);
// index: newest first
std::string summary(std::string_view name_space, Time created, std::string_view id);
std::string summary_prefix(std::string_view name_space);
/// The same place in a list of those workflows only that one thing is true of (engine/listing.h).
std::string mark(std::string_view name_space, char of, Time created, std::string_view id);
std::string mark_prefix(std::string_view name_space, char of);
/// What all marks of a namespace begin with.
std::string marks_of(std::string_view name_space);
/// Creation and id of a key whose prefix is `prefix`; null when it is none.
std::optional<std::pair<Time, std::string>> parse_place(std::string_view key, std::string_view prefix);
/// A request for approval, by its id.
std::string approval(std::string_view name_space, std::string_view id);
/// Its line in the list of those that are open, or of those that are not: newest first.
std::string approval_line(std::string_view name_space, bool open, Time requested, std::string_view id);
std::string approval_lines(std::string_view name_space, bool open);
/// What could not be delivered to a subscription, by its id and the event's place in the feed.
std::string dead_letter(std::string_view subscription_id, std::uint64_t record, std::uint32_t seen);
std::string dead_letters(std::string_view subscription_id);
// keys
std::string idempotency(std::string_view name_space, std::string_view key);
/// Beside the Idempotency-Keys, and never one of them: those hold no control character.
std::string tool_call(std::string_view name_space, std::string_view call);
// meta
std::string tool(std::string_view name_space, std::string_view name, std::string_view version);
std::string tool_latest(std::string_view name_space, std::string_view name);
/// When a version came and whether it is enabled.
std::string tool_standing(std::string_view name_space, std::string_view name, std::string_view version);
std::string token(std::string_view id);
inline constexpr std::string_view tokens = "token/";  ///< what the keys of all tokens begin with
std::string subscription(std::string_view name_space, std::string_view name);
inline constexpr std::string_view subscriptions = "subscription/";
/// How far a subscription's deliveries are, by its id.
std::string delivery(std::string_view id);
std::string schedule(std::string_view name_space, std::string_view name);
inline constexpr std::string_view schedules = "schedule/";
/// The plan of a schedule's runs, and how far it is.
std::string schedule_plan(std::string_view name_space, std::string_view name);
std::string schedule_progress(std::string_view name_space, std::string_view name);
inline constexpr std::string_view clock = "clock";
inline constexpr std::string_view leap = "leap";
inline constexpr std::string_view marks = "marks";          ///< there when the workflows are marked for listings
inline constexpr std::string_view retention_hold = "hold";  ///< nothing is let go of by its age since then
inline constexpr std::string_view feed_floor = "feed";      ///< number of the oldest record of the feed that is kept

/// The smallest key above all that begin with `prefix`; empty: there is none.
std::string after(std::string prefix);

}  // namespace keys
}  // namespace settle
