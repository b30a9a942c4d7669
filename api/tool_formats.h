#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "workflows/tool.h"

namespace settle {

/// The ecosystems in which agents describe and call tools.
enum class ToolFormat : std::uint8_t { openai, anthropic, mcp };
std::string_view name_of(ToolFormat format);
std::optional<ToolFormat> tool_format_of(std::string_view name);

/// The name of a tool there: 1 to 64 of A-Z a-z 0-9 _ -, the same in every format (docs/tools.md, "Names elsewhere").
/// "crm.create_contact" becomes "crm__create_contact". A name that this would not give back (it holds "~", two
/// underscores in a row, an underscore beside a dot, two dots in a row, or is too long) becomes its beginning, "___"
/// and 32 characters of its SHA-256. Pure.
std::string wire_tool_name(std::string_view name);

/// The tool that `given` stands for, among the known names: a wire name, or Settle's own name where that can be no wire
/// name. Null: it stands for none. Should two names have one wire name, the first in alphabetical order is meant.
std::optional<std::string> settle_tool_name(std::string_view given, const std::vector<std::string>& known);

/// True when OpenAI's structured outputs would enforce the schema as it is: every object closed with all its members
/// required, and only keywords, formats and sizes that they take.
bool fits_openai_strict(const Json& schema);

/// One tool, as the ecosystem wants it.
Json export_tool(ToolFormat format, const Tool& tool);

/// {"format": …, "tools": […]} in the order of the names; of tools with the same wire name only the first is there.
Json export_tools(ToolFormat format, const std::vector<std::shared_ptr<const Tool>>& tools);

}  // namespace settle
