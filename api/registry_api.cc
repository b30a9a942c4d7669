// The registry's part of the API: tools, their versions, and their forms in other ecosystems.

#include <algorithm>

#include "api/api.h"
#include "api/request_parts.h"
#include "api/tool_formats.h"
#include "base/json_parts.h"
#include "base/pointer.h"
#include "base/text.h"
#include "workflows/builtin_tools.h"

namespace settle {
namespace {

Json tool_summary(const Tool& tool) {
  return Json::object({{"name", tool.name},
                       {"version", tool.version_text()},
                       {"builtin", tool.builtin != Builtin::none},
                       {"risk", name_of(tool.risk)},
                       {"description", tool.description},
                       {"deprecated", tool.deprecated},
                       {"deprecation", tool.deprecation.empty() ? Json() : Json(tool.deprecation)}});
}

Json version_document(const ToolRegistry::Version& version) {
  const bool usable = version.tool != nullptr;
  return Json::object({{"version", "sha256:" + to_hex(version.version)},
                       {"came_at", time_or_null(version.standing.came_at)},
                       {"enabled", !version.standing.disabled_at.has_value()},
                       {"disabled_at", time_or_null(version.standing.disabled_at)},
                       {"newest", version.newest},
                       {"usable", usable},
                       {"deprecated", usable && version.tool->deprecated}});
}

/// The document in its canonical bytes, which its version is the digest of.
void answer_tool(const Ask& ask, const Tool& tool) {
  std::string body = write_json(Json::object({{"name", tool.name}, {"version", tool.version_text()}}));
  body.back() = ',';
  ask.raw(200, body + "\"document\":" + tool.canonical_document + "}");
}

Error no_tool(const std::string& name) {
  return fail(ErrorCode::not_found, "there is no tool \"" + shorten(name, 80) + "\"");
}

}  // namespace

void HttpApi::put_tool(Ask ask) {
  if (engine_.stopping()) return ask.refuse(fail(ErrorCode::shutting_down, "the engine is shutting down"));
  const Result<Json> document = read_body(ask);
  if (!document) return ask.refuse(document.error());
  const Json* name = document->find("name");
  if (name != nullptr && name->is_string() && name->as_string() != ask.param(0)) {
    return ask.refuse(fail(ErrorCode::invalid_tool,
                           "the document's name is \"" + shorten(name->as_string(), 80) + "\", the path says \"" +
                               shorten(ask.param(0), 80) + "\"",
                           {{"/name", "name_differs", "\"" + shorten(ask.param(0), 80) + "\"",
                             shorten(name->as_string(), 80), "a tool's name is the one in the path"}}));
  }
  std::vector<Problem> problems;
  options_.credential_spaces.check(*document, ask.name_space(), problems);
  if (!problems.empty()) return ask.refuse(fail_for(ErrorCode::invalid_tool, std::move(problems)));
  const auto answer = [ask](const Result<ToolRegistry::Put>& put) {
    if (!put) return ask.refuse(put.error());
    ask.json(put->created ? 201 : 200,
             Json::object({{"name", put->tool->name}, {"version", put->tool->version_text()}}),
             {{"Location", "/v1/tools/" + put->tool->name}});
  };
  engine_.tools().put(ask.name_space(), *document, loop_.now(), loop_, answer, ask.audit);
}

void HttpApi::tools(Ask ask) {
  const std::vector<std::shared_ptr<const Tool>> known = engine_.tools().all_latest(ask.name_space());
  if (const std::string* given = ask.query("format")) {
    const std::optional<ToolFormat> format = tool_format_of(*given);
    if (!format) {
      return ask.refuse(fail(ErrorCode::invalid_argument,
                             "\"format\" takes one of openai, anthropic, mcp, not \"" + shorten(*given, 60) + "\""));
    }
    return ask.json(200, export_tools(*format, known));
  }
  // Settle's own tools are listed, but not offered to models: they make sense only inside of a plan.
  Json::Array tools;
  for (const std::shared_ptr<const Tool>& tool : known) tools.push_back(tool_summary(*tool));
  for (const std::shared_ptr<const Tool>& tool : builtin_tools()) tools.push_back(tool_summary(*tool));
  std::sort(tools.begin(), tools.end(),
            [](const Json& a, const Json& b) { return text_member(a, "name") < text_member(b, "name"); });
  ask.json(200, Json::object({{"tools", std::move(tools)}}));
}

void HttpApi::tool(Ask ask) {
  const std::string& name = ask.param(0);
  const std::shared_ptr<const Tool> tool = engine_.tools().latest(ask.name_space(), name);
  if (tool != nullptr) return answer_tool(ask, *tool);
  if (engine_.tools().is_disabled(ask.name_space(), name))
    return ask.refuse(fail(ErrorCode::not_found, "every version of tool \"" + name + "\" is disabled"));
  ask.refuse(no_tool(name));
}

void HttpApi::tool_versions(Ask ask) {
  const std::vector<ToolRegistry::Version> versions = engine_.tools().versions(ask.name_space(), ask.param(0));
  if (versions.empty()) return ask.refuse(no_tool(ask.param(0)));
  Json::Array out;
  for (const ToolRegistry::Version& version : versions) out.push_back(version_document(version));
  ask.json(200, Json::object({{"name", ask.param(0)}, {"versions", std::move(out)}}));
}

void HttpApi::tool_version(Ask ask) {
  const Result<ToolRegistry::Version> found =
      engine_.tools().find_version(ask.name_space(), ask.param(0), ask.param(1));
  if (!found) return ask.refuse(found.error());
  if (found->tool == nullptr)
    return ask.refuse(fail(ErrorCode::configuration, "the present configuration can't compile this version"));
  answer_tool(ask, *found->tool);
}

void HttpApi::disable_tool(Ask ask) {
  set_tool_enabled(std::move(ask), false);
}

void HttpApi::enable_tool(Ask ask) {
  set_tool_enabled(std::move(ask), true);
}

void HttpApi::set_tool_enabled(Ask ask, bool enabled) {
  if (engine_.stopping()) return ask.refuse(fail(ErrorCode::shutting_down, "the engine is shutting down"));
  const std::string name_space = ask.name_space(), name = ask.param(0);
  const Result<ToolRegistry::Version> found = engine_.tools().find_version(name_space, name, ask.param(1));
  if (!found) return ask.refuse(found.error());
  const AuditNotePtr audit = ask.audit;
  const auto answer = [this, ask = std::move(ask), name_space, name](const Result<ToolRegistry::Version>& changed) {
    if (!changed) return ask.refuse(changed.error());
    Json out = version_document(*changed);
    Json newest;
    for (const ToolRegistry::Version& one : engine_.tools().versions(name_space, name)) {
      if (one.newest) newest = "sha256:" + to_hex(one.version);
    }
    ask.json(200, Json::object({{"name", name}, {"version", std::move(out)}, {"newest", std::move(newest)}}));
  };
  engine_.tools().set_enabled(name_space, name, found->version, enabled, loop_.now(), loop_, answer, audit);
}

}  // namespace settle
