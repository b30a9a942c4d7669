#include "schemas/kinds.h"

#include <array>

namespace settle::json_kinds {
namespace {

struct Named {
  std::string_view name;
  std::uint8_t kinds;
};
/// A name that takes in another comes before it.
constexpr std::array<Named, 7> table = {{{"null", of(Json::Type::null)},
                                         {"boolean", of(Json::Type::boolean)},
                                         {"number", numbers},
                                         {"integer", of(Json::Type::integer)},
                                         {"string", of(Json::Type::string)},
                                         {"array", of(Json::Type::array)},
                                         {"object", of(Json::Type::object)}}};

}  // namespace

std::uint8_t named(std::string_view name) {
  for (const Named& row : table) {
    if (row.name == name) return row.kinds;
  }
  return none;
}

std::string text(std::uint8_t kinds) {
  if (kinds == all) return "any type";
  std::string out;
  for (const Named& row : table) {
    if ((kinds & row.kinds) != row.kinds) continue;
    kinds = static_cast<std::uint8_t>(kinds & ~row.kinds);
    out += (out.empty() ? "" : " or ") + std::string(row.name);
  }
  return out;
}

}  // namespace settle::json_kinds
