#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "workflows/fields.h"
#include "workflows/tool.h"

namespace settle {

inline constexpr std::string_view tool_not_supported = "tool_not_supported";

/// Where a reference of a tool may point, and what is known there.
struct Sees {
  bool answer = false;   ///< /output and /record_id
  bool metadata = true;  ///< /workflow and /action; calls see them, checks do not
  bool before = true;    ///< /before, in a tool that has one
  bool looks = false;    ///< it only looks: must be safe, and may give its answer's schema
};

/// Compiles the calls of a tool document and checks what they refer to. Reads the schemas and `before` of the tool,
/// which must be there first. Internal to the room.
class CallCompiler {
 public:
  CallCompiler(const Tool& tool, const Values& values, std::vector<Problem>& problems)
      : tool_(tool), values_(values), problems_(problems) {}

  CallSpec compile(const Json& document, const std::string& place, Sees sees);
  void check_references(const std::vector<Template::Reference>& references, Sees sees);

 private:
  void headers(const Json& document, const std::string& place, CallSpec& call);
  void check_url(Fields& fields, const Template& url);
  void check_header_name(Fields& fields, const std::string& name);
  void check_before(const Template::Reference& reference, Sees sees);
  void check_place(const Template::Reference& reference, const Schema* schema, const std::string& whose);

  const Tool& tool_;
  const Values& values_;
  std::vector<Problem>& problems_;
};

/// Whether one of the references begins at this root.
bool refers_to(const std::vector<Template::Reference>& references, std::string_view root);

/// Compiles a schema; what is wrong is noted below `place`. Null when it is wrong.
std::shared_ptr<const Schema> compile_schema(const Json& document, const std::string& place,
                                             std::vector<Problem>& problems);

}  // namespace settle
