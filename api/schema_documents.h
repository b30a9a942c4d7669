#pragma once

#include <string>
#include <string_view>

namespace settle {

/// The JSON Schemas of the documents that people and planners write: the texts of docs/schemas/plan.schema.json and
/// docs/schemas/tool.schema.json, compiled in. Thread: any.
std::string_view plan_schema_document();
std::string_view tool_schema_document();

}  // namespace settle
