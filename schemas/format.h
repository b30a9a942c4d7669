#pragma once

#include <string>
#include <string_view>

namespace settle {

/// One value of the keyword `format`. Rows of a table in format.cc.
struct SchemaFormat {
  std::string_view name;
  bool (*matches)(std::string_view text);
  std::string_view expected;  ///< for people and agents
};

/// The row of `name`, or null. Thread: any.
const SchemaFormat* find_format(std::string_view name);
/// Every known name, separated by commas.
std::string known_formats();

}  // namespace settle
