#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

/// Sets of Json::Type, as bits: what the keyword `type` speaks of. An integer is a number. Thread: any.
namespace settle::json_kinds {

constexpr std::uint8_t of(Json::Type type) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(type));
}
inline constexpr std::uint8_t all = 255, none = 0;
inline constexpr std::uint8_t fractions = of(Json::Type::real) | of(Json::Type::decimal);
inline constexpr std::uint8_t numbers = fractions | of(Json::Type::integer);

/// Of one name of the keyword `type`; none for any other text.
std::uint8_t named(std::string_view name);
/// "string", "integer or null", …; "any type" for all of them.
std::string text(std::uint8_t kinds);

}  // namespace settle::json_kinds
