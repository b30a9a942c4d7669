#include "workflows/tool_lint.h"
#include "base/json_parts.h"

#include <algorithm>

#include "base/text.h"
#include "workflows/schema_fit.h"

namespace settle {
namespace {

/// Stands where a configured value will: at the front of a URL, and harmless anywhere else.
constexpr std::string_view placeholder = "https://configured.invalid";

bool refers(const std::vector<Template::Reference>& references, std::initializer_list<std::string_view> roots) {
  return std::any_of(references.begin(), references.end(), [&](const Template::Reference& reference) {
    return std::find(roots.begin(), roots.end(), reference.source.tokens[0]) != roots.end();
  });
}

void collect_values(const Json& value, std::set<std::string>& names) {
  if (value.is_array()) {
    for (const Json& element : value.as_array()) collect_values(element, names);
  }
  if (!value.is_object()) return;
  for (const JsonMember& member : value.as_object()) {
    if (member.name == "$literal") continue;
    if (member.name != "$text" || !member.value.is_string()) {
      collect_values(member.value, names);
      continue;
    }
    const std::string& text = member.value.as_string();
    for (std::size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at + 2)) {
      const std::size_t end = text.find('}', at);
      if (end != std::string::npos && end > at + 2 && text[at + 2] != '/')
        names.insert(text.substr(at + 2, end - at - 2));
    }
  }
}

/// The warnings about a tool that compiles; one rule, one function.
class Linter {
 public:
  Linter(const Tool& tool, std::vector<Problem>& warnings) : tool_(tool), warnings_(warnings) {}

  void run() {
    said();
    open_objects(tool_.input_schema->document(), "/input_schema");
    record_id();
    execution();
    idempotency();
    verification();
    times();
    credentials("/execute", tool_.execute);
    if (tool_.lookup) credentials("/idempotency/lookup/read", *tool_.lookup);
    for (std::size_t i = 0; i < tool_.reads.size(); ++i) credentials(place_of(i) + "/read", tool_.reads[i].call);
    if (tool_.read_unseen) credentials("/verify/read_unseen", tool_.read_unseen->call);
    if (tool_.before) credentials("/verify/before", *tool_.before);
  }

 private:
  void warn(std::string place, std::string code, std::string expected, std::string got, std::string message) {
    warnings_.push_back({std::move(place), std::move(code), std::move(expected), std::move(got), std::move(message)});
  }

  void said() {
    if (tool_.description.empty())
      warn("/description", "description_missing", "a sentence on what the tool does and when to use it", "nothing",
           "planners and models choose tools by their descriptions");
    if (tool_.deprecated && tool_.deprecation.empty())
      warn("/deprecation", "deprecation_unexplained", "what to use instead", "nothing",
           "a deprecated tool should say what takes its place");
  }

  /// The root is closed, or the tool would not compile; what lies below is checked only here.
  void open_objects(const Json& schema, const std::string& place) {
    if (!schema.is_object()) return;
    if (const Json* properties = schema.find("properties")) {
      const Json* closed = schema.find("additionalProperties");
      if (closed == nullptr || *closed == Json(true))
        warn(place, "object_open", "\"additionalProperties\": false", closed == nullptr ? "nothing" : "true",
             "a misspelt member of this object would be passed on, not refused");
      for (const JsonMember& property : properties->as_object())
        open_objects(property.value, place + "/properties/" + escape_token(property.name));
    }
    if (const Json* items = schema.find("items")) open_objects(*items, place + "/items");
  }

  void record_id() {
    if (!tool_.record_id) {
      const bool has_id = !tool_.reads_only() && !tool_.output_schema->at({"id"}).schemas.empty();
      if (has_id)
        warn("/record_id", "record_id_unused", "\"record_id\": \"/id\"", "nothing",
             "the answer has an id; with \"record_id\" it stands in receipts and can tie the read-back to this call");
      return;
    }
    const Schema::Place place = tool_.output_schema->at(tool_.record_id->tokens);
    const std::string at = tool_.record_id->text();
    if (place.schemas.empty()) {
      warn("/record_id", "record_id_not_described", "a place that output_schema describes", at,
           "output_schema does not say what stands here; describe it, so that an answer without it is noticed");
      return;
    }
    if (!place.required)
      warn("/record_id", "record_id_optional", "a place that output_schema requires", at,
           "an answer without it would be accepted, and leave no record id to read back or to report");
    if (!may_be_text(place))
      warn("/record_id", "record_id_type", "a string or a number", types_text(place),
           "a record id is a string or a number; every answer of this type has none");
  }

  void execution() {
    const std::string& method = tool_.execute.method;
    if (tool_.reads_only() && !tool_.execute.safe)
      warn("/execute", "read_not_declared_safe", "GET, HEAD or \"safe\": true", method,
           "a read that is not declared safe waits for an intent on the disk before it leaves");
    if (tool_.risk == Risk::write && method == "DELETE")
      warn("/risk", "delete_not_destructive", "\"destructive\"", "\"write\"",
           "what is deleted can rarely be brought back; people and policies look at the risk");
  }

  void idempotency() {
    if (tool_.reads_only()) return;
    const std::string& method = tool_.execute.method;
    const bool repeatable = method == "PUT" || method == "DELETE";
    if (tool_.mode == IdempotencyMode::natural && !repeatable)
      warn("/idempotency/mode", "natural_with_" + to_lower(method), "PUT or DELETE, or another mode", method,
           "a repeated " + method + " usually happens twice; natural is right only for an upsert by our own id");
    if (tool_.mode == IdempotencyMode::none && repeatable)
      warn("/idempotency/mode", "natural_possible", "\"natural\" with a read-back", "\"none\"",
           "repeating a " + method + " changes nothing more; in mode none a lost answer is never sent again");
    if (tool_.mode == IdempotencyMode::key && tool_.window < tool_.schedule_to_close_timeout)
      warn("/idempotency/window", "window_short",
           "at least schedule_to_close_timeout, " + format_duration(tool_.schedule_to_close_timeout),
           format_duration(tool_.window),
           "the provider may forget the key while the action still tries; after that it ends in doubt");
    if (tool_.lookup && !refers(tool_.lookup->references(), {"idempotency_key"}))
      warn("/idempotency/lookup/read", "lookup_by_input_only", "a search by /idempotency_key", "/input",
           "a record that somebody else made with the same values would be taken for ours");
  }

  std::string place_of(std::size_t look) const {
    return tool_.reads[look].name.empty() ? "/verify" : "/verify/reads/" + std::to_string(look);
  }

  /// What the looks and their checks refer to; warns where none of them compares anything.
  std::vector<Template::Reference> seen_by_looks() {
    std::vector<Template::Reference> seen;
    bool checks_refer = false;
    for (const ReadBack& look : tool_.reads) {
      const std::vector<Template::Reference> call = look.call.references();
      seen.insert(seen.end(), call.begin(), call.end());
      for (const Check& check : look.expect) {
        const std::vector<Template::Reference> more = check.references();
        checks_refer = checks_refer || !more.empty();
        seen.insert(seen.end(), more.begin(), more.end());
      }
    }
    if (!checks_refer)
      warn("/verify/expect", "checks_constant_only", "a check against /input, /output or /record_id", "constants",
           "nothing that was asked for is compared, so another record would do as well");
    return seen;
  }

  void verification() {
    if (tool_.verify != VerifyKind::read_back) return;
    const std::vector<Template::Reference> seen = seen_by_looks();
    pages();
    if (tool_.before && !uses_before())
      warn("/verify/before", "before_unused", "increased_by, decreased_by or a reference to /before", "nothing",
           "the look before the first send is taken, and nothing is compared with it");
    if (tool_.reads_only()) return;
    if (!tool_.tied)
      warn("/verify", "read_back_not_tied", "a read-back by /record_id or with /idempotency_key", "",
           "after a lost answer a match proves only that it is so, not that this call did it");
    for (const Json& name : required_input()) {
      if (!is_compared(seen, name.as_string()))
        warn("/verify/expect", "input_not_compared", "a check of /input/" + escape_token(name.as_string()),
             shorten(name.as_string(), 80), "nothing notices when the tool drops or changes this member of the input");
    }
  }

  /// A search without a way to say "there is more" is believed to show everything on its first page.
  void pages() {
    for (std::size_t i = 0; i < tool_.reads.size(); ++i) {
      if (tool_.reads[i].unique && !tool_.reads[i].next)
        warn(place_of(i) + "/next", "further_page_unseen", "where the answer says that there is a further page",
             "nothing", "a second record on a further page would go unnoticed");
    }
    if (tool_.lookup && !tool_.lookup_next)
      warn("/idempotency/lookup/next", "further_page_unseen", "where the answer says that there is a further page",
           "nothing", "an empty first page would be taken for absence, which is a reason to send again");
  }

  bool uses_before() const {
    std::vector<Template::Reference> all = tool_.execute.references();
    const auto add = [&](const std::vector<Template::Reference>& more) {
      all.insert(all.end(), more.begin(), more.end());
    };
    for (const ReadBack& look : tool_.reads) {
      add(look.call.references());
      for (const Check& check : look.expect) add(check.references());
      for (const Check& check : look.pending) add(check.references());
    }
    return refers(all, {"before"});
  }

  Json::Array required_input() const {
    const Json* required = tool_.input_schema->document().find("required");
    return required == nullptr ? Json::Array() : required->as_array();
  }

  static bool is_compared(const std::vector<Template::Reference>& seen, const std::string& name) {
    return std::any_of(seen.begin(), seen.end(), [&](const Template::Reference& reference) {
      const std::vector<std::string>& tokens = reference.source.tokens;
      return tokens[0] == "input" && (tokens.size() == 1 || tokens[1] == name);
    });
  }

  void times() {
    if (tool_.schedule_to_close_timeout < tool_.start_to_close_timeout)
      warn("/schedule_to_close_timeout", "schedule_short",
           "at least start_to_close_timeout, " + format_duration(tool_.start_to_close_timeout),
           format_duration(tool_.schedule_to_close_timeout), "the whole action has less time than one of its calls");
    if (tool_.verify == VerifyKind::read_back && tool_.within < tool_.interval)
      warn("/verify/within", "one_look_only", "more than interval, " + format_duration(tool_.interval),
           format_duration(tool_.within), "there is time for one look only, and systems settle late");
  }

  void credentials(const std::string& place, const CallSpec& call) {
    const std::string prefix = call.url.constant_prefix();
    const bool local = prefix.starts_with("http://127.0.0.1") || prefix.starts_with("http://localhost") ||
                       prefix.starts_with("http://[::1]");
    if (!call.credential.empty() && prefix.starts_with("http://") && !local)
      warn(place + "/url", "credential_in_clear", "https://", shorten(prefix, 60),
           "the credential \"" + shorten(call.credential, 40) + "\" would cross the network readable for all");
  }

  const Tool& tool_;
  std::vector<Problem>& warnings_;
};

}  // namespace

std::set<std::string> missing_values(const Json& document, const Values& values) {
  std::set<std::string> names;
  collect_values(document, names);
  std::erase_if(names, [&](const std::string& name) { return values.find(name) != values.end(); });
  return names;
}

LintReport lint_tool(const Json& document, Values values) {
  LintReport report;
  report.name = text_member(document, "name");
  for (const std::string& name : missing_values(document, values)) values.emplace(name, placeholder);
  const Result<std::shared_ptr<const Tool>> tool = compile_tool(document, values);
  if (tool) {
    Linter(**tool, report.warnings).run();
  } else {
    report.errors = tool.error().problems;
  }
  return report;
}

}  // namespace settle
