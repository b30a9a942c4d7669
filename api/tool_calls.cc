#include "api/tool_calls.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr std::size_t call_id_bytes_max = 256;
constexpr std::size_t action_id_readable_max = 100;

/// True when a planner's template could be in it; then it is wrapped, so that it stays what the model wrote.
bool has_template(const Json& value) {
  if (value.is_array()) return std::any_of(value.as_array().begin(), value.as_array().end(), has_template);
  if (!value.is_object()) return false;
  return std::any_of(value.as_object().begin(), value.as_object().end(), [](const JsonMember& member) {
    return member.name.starts_with("$") || has_template(member.value);
  });
}

/// What an assistant's message has beside its calls. None of it is Settle's business.
constexpr std::string_view message_members[] = {
    "role",  "refusal",     "annotations",   "audio", "function_call", "reasoning_content", "reasoning",         "type",
    "model", "stop_reason", "stop_sequence", "usage", "stop_details",  "container",         "context_management"};

class ToolCallReader {
 public:
  ToolCallReader(const Json& body, const std::vector<std::string>& known, const JsonLimits& limits)
      : body_(body), known_(known), limits_(limits) {}

  Result<ToolCallRequest> run() {
    Fields fields(body_, "", wrong_);
    options(fields);
    const Json* message = fields.take("message");
    const Json* calls = fields.take("tool_calls");
    const Json* content = fields.take("content");
    std::string prefix;
    if (message != nullptr) {
      if (calls != nullptr || content != nullptr)
        fields.problem("message", "unknown_member", "\"message\", or \"tool_calls\", or \"content\"",
                       "the calls stand in one place only");
      prefix = "/message";
      calls = message->find("tool_calls");
      content = message->find("content");
    }
    if (body_.find("role") != nullptr) {
      for (const std::string_view name : message_members) fields.take(name);
    }
    if (calls != nullptr && calls->is_null()) calls = nullptr;
    fields.finish();
    if (fields.is_object()) read_calls(calls, content, prefix);
    if (!wrong_.empty()) {
      std::string first = wrong_[0].pointer + ": " + wrong_[0].message;
      return fail(ErrorCode::invalid_argument, std::move(first), std::move(wrong_));
    }
    if (out_.problems.empty()) out_.plan = plan();
    return std::move(out_);
  }

 private:
  void options(Fields& fields) {
    if (const auto format = fields.choice("format", {"openai", "anthropic"}))
      format_ = *format == 0 ? ToolFormat::openai : ToolFormat::anthropic;
    name_ = fields.text("name").value_or("tool-calls");
    parallel_ = fields.boolean("parallel").value_or(false);
    out_.run = fields.boolean("run").value_or(false);
    out_.wait = fields.duration("wait");
    if (const Json* labels = fields.take("labels")) out_.labels = *labels;
    // A whole message of Anthropic's has an id of its own, which is no workflow's.
    const Json* type = body_.find("type");
    const bool of_message = type != nullptr && *type == Json("message") && body_.find("role") != nullptr;
    if (of_message) {
      fields.take("id");
    } else {
      out_.id = fields.text("id").value_or("");
    }
    for (const std::string_view name : {"wait", "id", "labels"}) {
      if (name == "id" && of_message) continue;
      if (!out_.run && fields.take(name) != nullptr)
        fields.problem(name, "needs_run", "\"run\": true beside it", "nothing is run without \"run\": true");
    }
  }

  void read_calls(const Json* calls, const Json* content, const std::string& prefix) {
    const bool blocks = content != nullptr && content->is_array();
    if (!format_ && calls == nullptr && !blocks) {
      wrong_.push_back({"", "missing_member", "\"tool_calls\" (OpenAI), \"content\" (Anthropic) or \"message\"", "",
                        "there are no tool calls in this body"});
      return;
    }
    out_.format = format_.value_or(calls != nullptr ? ToolFormat::openai : ToolFormat::anthropic);
    const bool openai = out_.format == ToolFormat::openai;
    const Json* list = openai ? calls : content;
    const std::string place = prefix + (openai ? "/tool_calls" : "/content");
    if (list == nullptr || !list->is_array()) {
      wrong_.push_back({place, list == nullptr ? "missing_member" : "wrong_type", "a list of tool calls",
                        list == nullptr ? "nothing" : got_text(*list), "the tool calls are a list"});
      return;
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Json& entry = list->as_array()[i];
      if (openai) {
        read_openai(entry, place + "/" + std::to_string(i));
      } else if (const Json* type = entry.find("type"); type != nullptr && *type == Json("tool_use")) {
        read_anthropic(entry, place + "/" + std::to_string(i));
      }
    }
    if (out_.calls.empty() && wrong_.empty())
      wrong_.push_back({place, "missing_member", "at least one tool call", "", "there are no tool calls in this list"});
  }

  /// A text member of a call. Everything else in a call is somebody else's and passed over.
  const std::string* text_in(const Json& entry, const std::string& place, std::string_view name) {
    const Json* value = entry.find(name);
    if (value != nullptr && value->is_string() && !value->as_string().empty()) return &value->as_string();
    wrong_.push_back({place + "/" + std::string(name), value == nullptr ? "missing_member" : "wrong_type", "a text",
                      value == nullptr ? "nothing" : got_text(*value),
                      "a tool call has a text \"" + std::string(name) + "\""});
    return nullptr;
  }

  void read_openai(const Json& entry, const std::string& place) {
    const Json* type = entry.find("type");
    const Json* function = entry.find("function");
    if ((type != nullptr && !(*type == Json("function"))) || function == nullptr || !function->is_object()) {
      wrong_.push_back({place, "wrong_type", R"({"id": …, "type": "function", "function": {"name", "arguments"}})",
                        got_text(entry), "only calls of functions can be run"});
      return;
    }
    const std::string* id = text_in(entry, place, "id");
    const std::string* name = text_in(*function, place + "/function", "name");
    const Json* arguments = function->find("arguments");
    if (arguments == nullptr || !arguments->is_string()) {
      wrong_.push_back({place + "/function/arguments", arguments == nullptr ? "missing_member" : "wrong_type",
                        "a text that holds JSON", arguments == nullptr ? "nothing" : got_text(*arguments),
                        "the arguments of a call are JSON in a text"});
      return;
    }
    if (id == nullptr || name == nullptr) return;
    ModelToolCall call{*id, *name, "", "", {}, place, place + "/function/arguments", place + "/function/name"};
    // Providers write an empty text where a function takes nothing.
    Result<Json> input =
        arguments->as_string().empty() ? Result<Json>(Json::object()) : read_json(arguments->as_string(), limits_);
    if (input) {
      call.input = *std::move(input);
    } else {
      for (Problem& problem : input.error().problems) {
        problem.pointer = call.input_place + problem.pointer;
        if (problem.message.empty()) problem.message = input.error().message;
        out_.problems.push_back(std::move(problem));
      }
    }
    add(std::move(call));
  }

  void read_anthropic(const Json& entry, const std::string& place) {
    const std::string* id = text_in(entry, place, "id");
    const std::string* name = text_in(entry, place, "name");
    const Json* input = entry.find("input");
    if (input == nullptr) {
      wrong_.push_back({place + "/input", "missing_member", "an object", "nothing", "a tool_use block has an input"});
      return;
    }
    if (id != nullptr && name != nullptr) add({*id, *name, "", "", *input, place, place + "/input", place + "/name"});
  }

  void add(ModelToolCall call) {
    if (call.id.size() > call_id_bytes_max) {
      wrong_.push_back({call.place + "/id", "out_of_range", "at most " + std::to_string(call_id_bytes_max) + " bytes",
                        shorten(call.id, 80), "the id of a tool call is short"});
      return;
    }
    if (!ids_.insert(call.id).second) {
      out_.problems.push_back({call.place + "/id", "duplicate_id", "an id that no other call has", shorten(call.id, 80),
                               "two calls have this id, so their results could not be told apart"});
    }
    call.tool = settle_tool_name(call.name, known_).value_or(call.name);
    call.action = action_id_of(call.id);
    out_.calls.push_back(std::move(call));
  }

  Json plan() const {
    Json::Array actions, calls;
    for (const ModelToolCall& call : out_.calls) {
      Json input = has_template(call.input) ? Json::object({{"$literal", call.input}}) : call.input;
      Json action = Json::object({{"id", call.action}, {"tool", call.tool}, {"input", std::move(input)}});
      if (!parallel_ && !actions.empty()) action.set("after", Json::Array{*actions.back().find("id")});
      actions.push_back(std::move(action));
      calls.push_back(Json::object({{"action", call.action}, {"id", call.id}, {"name", call.name}}));
    }
    // The plan keeps what its results will need.
    const Json kept = Json::object({{"format", name_of(out_.format)}, {"calls", std::move(calls)}});
    return Json::object({{"name", name_},
                         {"input", Json::object({{"tool_calls", kept}})},
                         {"on_failure", parallel_ ? "continue" : "stop"},
                         {"actions", std::move(actions)}});
  }

  const Json& body_;
  const std::vector<std::string>& known_;
  const JsonLimits& limits_;
  std::vector<Problem> wrong_;  ///< by the caller
  std::set<std::string> ids_;
  std::optional<ToolFormat> format_;
  std::string name_;
  bool parallel_ = false;
  ToolCallRequest out_;
};

/// The index in "/actions/INDEX…" and what follows; null when it is another place.
std::optional<std::pair<std::size_t, std::string_view>> action_place(std::string_view pointer) {
  constexpr std::string_view before = "/actions/";
  if (!pointer.starts_with(before)) return std::nullopt;
  pointer.remove_prefix(before.size());
  const std::size_t end = std::min(pointer.find('/'), pointer.size());
  const std::optional<std::size_t> index = parse_index(pointer.substr(0, end));
  if (!index) return std::nullopt;
  return std::pair(*index, pointer.substr(end));
}

/// A model knows the tools by their names on the wire.
void speak_of_wire_names(Problem& problem, const ModelToolCall& call, const std::vector<std::string>& known) {
  std::vector<std::string> names;
  for (const std::string& name : known) names.push_back(wire_tool_name(name));
  const std::optional<std::string> near = nearest(call.name, names);
  problem.expected = "the name of a tool that is offered";
  problem.got = shorten(call.name, 80);
  problem.suggestion = near.value_or("");
  problem.message = "there is no tool \"" + shorten(call.name, 60) + "\"" + did_you_mean(near);
}

}  // namespace

Result<ToolCallRequest> read_tool_calls(const Json& body, const std::vector<std::string>& known,
                                        const JsonLimits& limits) {
  return ToolCallReader(body, known, limits).run();
}

std::string workflow_id_of(const std::vector<ModelToolCall>& calls) {
  std::string joined;
  for (const ModelToolCall& call : calls) joined += call.id + '\0';
  return "tc_" + to_base32hex(sha256(joined), 32);
}

std::string action_id_of(std::string_view call) {
  if (is_name(call)) return std::string(call);
  std::string out(call.substr(0, action_id_readable_max));
  for (char& c : out) {
    if (!is_name(std::string_view(&c, 1)) && c != '.') c = '_';
  }
  if (out.starts_with(".")) out[0] = '_';
  return out + "~" + to_base32hex(sha256(call), 20);
}

std::vector<Problem> at_their_calls(std::vector<Problem> problems, const ToolCallRequest& request,
                                    const std::vector<std::string>& known) {
  for (Problem& problem : problems) {
    std::string_view pointer = problem.pointer;
    if (pointer.starts_with("/plan/")) pointer.remove_prefix(5);
    if (pointer == "/actions" && !request.calls.empty()) {  // too many of them: the whole list is meant
      problem.pointer = request.calls[0].place.substr(0, request.calls[0].place.rfind('/'));
      continue;
    }
    const auto place = action_place(pointer);
    if (!place || place->first >= request.calls.size()) {
      problem.pointer = std::string(pointer);
      continue;
    }
    const ModelToolCall& call = request.calls[place->first];
    if (problem.code == "unknown_tool") speak_of_wire_names(problem, call, known);
    std::string moved = call.place;
    if (place->second.starts_with("/input")) moved = call.input_place + std::string(place->second.substr(6));
    if (place->second == "/tool") moved = call.name_place;
    if (place->second == "/id") moved = call.place + "/id";
    problem.pointer = std::move(moved);
  }
  return problems;
}

}  // namespace settle
