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

/// partition(2, big-endian) namespace NUL id NUL: what all records of a workflow begin with.
std::string workflow_prefix(std::string_view name_space, std::string_view id);

// state
std::string header(std::string_view name_space, std::string_view id);
std::string plan(std::string_view name_space, std::string_view id);
std::string action(std::string_view name_space, std::string_view id, std::uint32_t index);
std::string input(std::string_view name_space, std::string_view id, std::uint32_t index);
std::string output(std::string_view name_space, std::string_view id, std::uint32_t index);
/// `number` counts from 1.
std::string signal(std::string_view name_space, std::string_view id, std::uint32_t number);
std::string before(std::string_view name_space, std::string_view id, std::uint32_t index);
// history
std::string events(std::string_view name_space, std::string_view id, std::uint32_t first);
// receipts
std::string receipt(std::string_view name_space, std::string_view id, std::uint32_t number);
// due
std::string due(std::string_view name_space, std::string_view id, Time at);
/// Time, namespace and id of a due key; null when it is none.
struct Due {
  Time at;
  std::string name_space;
  std::string id;
};
std::optional<Due> parse_due(std::string_view key);
// index: newest first
std::string summary(std::string_view name_space, Time created, std::string_view id);
std::string summary_prefix(std::string_view name_space);
std::optional<std::pair<Time, std::string>> parse_summary(std::string_view key, std::string_view name_space);
// keys
std::string idempotency(std::string_view name_space, std::string_view key);
/// Beside the Idempotency-Keys, and never one of them: those hold no control character.
std::string tool_call(std::string_view name_space, std::string_view call);
// meta
std::string tool(std::string_view name_space, std::string_view name, std::string_view version);
std::string tool_latest(std::string_view name_space, std::string_view name);
/// When a version came and whether it is enabled.
std::string tool_standing(std::string_view name_space, std::string_view name, std::string_view version);
inline constexpr std::string_view clock = "clock";
inline constexpr std::string_view leap = "leap";

/// The smallest key above all that begin with `prefix`; empty: there is none.
std::string after(std::string prefix);

}  // namespace keys
}  // namespace settle
