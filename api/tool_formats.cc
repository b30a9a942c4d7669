#include "api/tool_formats.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "base/text.h"

namespace settle {
namespace {

constexpr std::size_t wire_name_max = 64;
constexpr std::size_t wire_digest_digits = 32;
constexpr std::string_view wire_digest_mark = "___";
constexpr std::size_t openai_description_max = 1024;

bool is_wire_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool is_wire_name(std::string_view name) {
  return !name.empty() && name.size() <= wire_name_max && std::all_of(name.begin(), name.end(), is_wire_character);
}

/// The wire name with "__" for each dot, where that can be read back: then a run of two underscores is a dot, and a
/// single one is itself.
std::optional<std::string> dotted(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool before = i > 0 && (name[i - 1] == '.' || name[i - 1] == '_');
    if ((c == '.' || c == '_') && before) return std::nullopt;
    if (c == '.') {
      out += "__";
    } else if (is_wire_character(c)) {
      out += c;
    } else {
      return std::nullopt;
    }
  }
  if (out.size() > wire_name_max) return std::nullopt;
  return out;
}

std::string hashed(std::string_view name) {
  const std::string digest = to_base32hex(sha256(name), wire_digest_digits);
  std::string out(name.substr(0, wire_name_max - wire_digest_mark.size() - wire_digest_digits));
  std::replace_if(out.begin(), out.end(), [](char c) { return !is_wire_character(c); }, '_');
  return out + std::string(wire_digest_mark) + digest;
}

/// What structured outputs take. A keyword that they ignore or refuse makes the schema unfit: "strict" must not promise
/// what is not enforced.
constexpr std::string_view strict_keywords[] = {
    "type",    "enum",     "const",    "properties",       "required",   "additionalProperties",
    "items",   "minItems", "maxItems", "minimum",          "maximum",    "exclusiveMinimum",
    "pattern", "format",   "title",    "exclusiveMaximum", "multipleOf", "description"};
constexpr std::string_view strict_formats[] = {"date-time", "time", "date", "duration", "email",
                                               "hostname",  "ipv4", "ipv6", "uuid"};
constexpr std::size_t strict_depth_max = 10;
constexpr std::size_t strict_properties_max = 5000;
constexpr std::size_t strict_choices_max = 1000;
constexpr std::size_t strict_text_max = 120'000;

struct StrictSize {
  std::size_t properties = 0, choices = 0, text = 0;
};

bool is_strict_object(const Json& schema) {
  const Json* closed = schema.find("additionalProperties");
  const Json* properties = schema.find("properties");
  const Json* required = schema.find("required");
  if (closed == nullptr || !(*closed == Json(false))) return false;
  const std::size_t count = properties == nullptr ? 0 : properties->size();
  if ((required == nullptr ? 0 : required->size()) != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (properties->find(required->as_array()[i].as_string()) == nullptr) return false;
  }
  return true;
}

bool names_type(const Json& type, const char* wanted) {
  if (!type.is_array()) return type == Json(wanted);
  return std::find(type.as_array().begin(), type.as_array().end(), Json(wanted)) != type.as_array().end();
}

bool fits_strict(const Json& schema, std::size_t depth, StrictSize& size) {
  if (!schema.is_object() || depth > strict_depth_max) return false;
  const Json* type = schema.find("type");
  if (type == nullptr) return false;
  for (const JsonMember& member : schema.as_object()) {
    if (std::find(std::begin(strict_keywords), std::end(strict_keywords), member.name) == std::end(strict_keywords))
      return false;
  }
  const Json* format = schema.find("format");
  if (format != nullptr &&
      std::find(std::begin(strict_formats), std::end(strict_formats), format->as_string()) == std::end(strict_formats))
    return false;
  if (const Json* choices = schema.find("enum")) {
    size.choices += choices->size();
    for (const Json& choice : choices->as_array()) size.text += choice.is_string() ? choice.as_string().size() : 0;
  }
  if (names_type(*type, "array") && schema.find("items") == nullptr) return false;
  const bool object = names_type(*type, "object");
  if (object && !is_strict_object(schema)) return false;
  if (const Json* properties = schema.find("properties")) {
    size.properties += properties->size();
    for (const JsonMember& property : properties->as_object()) {
      size.text += property.name.size();
      if (!fits_strict(property.value, depth + 1, size)) return false;
    }
  }
  const Json* items = schema.find("items");
  if (items != nullptr && !fits_strict(*items, depth + 1, size)) return false;
  return size.properties <= strict_properties_max && size.choices <= strict_choices_max && size.text <= strict_text_max;
}

/// What a model reads: that a tool is on its way out belongs in front.
std::string description_of(const Tool& tool) {
  if (!tool.deprecated) return tool.description;
  return "Deprecated" + (tool.deprecation.empty() ? std::string(".") : ": " + tool.deprecation) +
         (tool.description.empty() ? "" : " " + tool.description);
}

Json mcp_tool(const Tool& tool) {
  Json out = Json::object({{"name", wire_tool_name(tool.name)},
                           {"title", tool.name},
                           {"description", description_of(tool)},
                           {"inputSchema", tool.input_schema->document()}});
  // Revisions before 2026-07-28 take an object here and nothing else.
  const Json& output = tool.output_schema->document();
  const Json* type = output.find("type");
  if (type != nullptr && *type == Json("object")) out.set("outputSchema", output);
  const bool reads = tool.reads_only();
  out.set("annotations", Json::object({{"title", tool.name},
                                       {"readOnlyHint", reads},
                                       {"destructiveHint", tool.risk == Risk::destructive},
                                       {"idempotentHint", reads || tool.mode == IdempotencyMode::natural},
                                       {"openWorldHint", true}}));
  return out;
}

}  // namespace

std::string_view name_of(ToolFormat format) {
  constexpr std::string_view names[] = {"openai", "anthropic", "mcp"};
  return names[static_cast<std::size_t>(format)];
}

std::optional<ToolFormat> tool_format_of(std::string_view name) {
  for (const ToolFormat format : {ToolFormat::openai, ToolFormat::anthropic, ToolFormat::mcp}) {
    if (name_of(format) == name) return format;
  }
  return std::nullopt;
}

std::string wire_tool_name(std::string_view name) {
  const std::optional<std::string> plain = dotted(name);
  return plain ? *plain : hashed(name);
}

std::optional<std::string> settle_tool_name(std::string_view given, const std::vector<std::string>& known) {
  const bool wire = is_wire_name(given);
  std::optional<std::string> found;
  for (const std::string& name : known) {
    const bool meant = wire ? wire_tool_name(name) == given : name == given;
    if (meant && (!found || name < *found)) found = name;
  }
  return found;
}

bool fits_openai_strict(const Json& schema) {
  StrictSize size;
  return fits_strict(schema, 1, size);
}

Json export_tool(ToolFormat format, const Tool& tool) {
  const std::string name = wire_tool_name(tool.name);
  const Json& input = tool.input_schema->document();
  switch (format) {
    case ToolFormat::openai: {
      Json function = Json::object({{"name", name},
                                    {"description", shorten(description_of(tool), openai_description_max - 3)},
                                    {"parameters", input},
                                    {"strict", fits_openai_strict(input)}});
      return Json::object({{"type", "function"}, {"function", std::move(function)}});
    }
    case ToolFormat::anthropic:
      return Json::object({{"name", name}, {"description", description_of(tool)}, {"input_schema", input}});
    case ToolFormat::mcp:
      return mcp_tool(tool);
  }
  return Json();
}

Json export_tools(ToolFormat format, const std::vector<std::shared_ptr<const Tool>>& tools) {
  Json::Array out;
  std::set<std::string> taken;
  for (const std::shared_ptr<const Tool>& tool : tools) {
    if (taken.insert(wire_tool_name(tool->name)).second) out.push_back(export_tool(format, *tool));
  }
  return Json::object({{"format", name_of(format)}, {"tools", std::move(out)}});
}

}  // namespace settle
