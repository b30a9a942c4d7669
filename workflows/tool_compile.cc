#include <algorithm>

#include "base/text.h"
#include "workflows/call.h"
#include "workflows/fields.h"
#include "workflows/tool.h"
#include "workflows/tool_calls.h"
#include "workflows/tool_limits.h"
#include "workflows/tool_verify.h"

namespace settle {

namespace {

std::string look_endpoints_of(const Tool& tool) {
  std::string out;
  const auto add = [&](const CallSpec* spec) {
    if (spec != nullptr) out.append(origin_of(spec->url.constant_prefix())).append(" ").append(spec->credential);
    out += "\n";
  };
  add(tool.lookup ? &*tool.lookup : nullptr);
  add(tool.reads.empty() ? nullptr : &tool.reads[0].call);
  for (std::size_t i = 1; i < tool.reads.size(); ++i) add(&tool.reads[i].call);
  if (tool.read_unseen) add(&tool.read_unseen->call);
  return out;
}

class Compiler {
 public:
  Compiler(const Json& document, const Values& values)
      : document_(document),
        values_(values),
        calls_(tool_, values, problems_),
        verification_(tool_, calls_, values, problems_) {}

  Result<std::shared_ptr<const Tool>> run() {
    Fields fields(document_, "", problems_);
    fields.take("$schema");  // a hint for editors
    names(fields);
    schemas(fields);
    if (const Json* verify = fields.take("verify")) verification_.before(*verify);  // every call may refer to it
    if (const Json* call = fields.need("execute", "a call: {\"connector\": …, …}"))
      tool_.execute = calls_.compile(*call, "/execute", Sees{});
    if (const Json* checks = fields.take("success"))
      tool_.success = Check::compile_list(*checks, "/success", &values_, problems_);
    for (const Check& check : tool_.success)
      calls_.check_references(check.references(), Sees{.answer = true, .metadata = false});
    tool_.record_id = fields.pointer("record_id");
    if (tool_.record_id && tool_.output_schema && !tool_.output_schema->at(tool_.record_id->tokens).possible) {
      fields.problem("record_id", "record_id_not_in_output", "a place that output_schema allows",
                     "output_schema has no such place");
    }
    times(fields);
    idempotency(fields);
    verification(fields);
    tool_.rate_limit = read_rate_limit(fields, problems_);
    tool_.not_processed = read_not_processed(fields, problems_);
    tool_.approval = read_approval(fields, tool_.risk == Risk::destructive, tool_.input_schema.get(), problems_);
    fields.finish();
    consistency();
    if (!problems_.empty()) {
      std::string message = summary();  // before the move: the order of arguments is the compiler's choice
      return fail(ErrorCode::invalid_tool, std::move(message), std::move(problems_));
    }
    tool_.target = std::make_shared<CallTarget>(CallTarget{std::string(origin_of(tool_.execute.url.constant_prefix())),
                                                           tool_.execute.credential, look_endpoints_of(tool_)});
    write_canonical(document_, tool_.canonical_document);
    tool_.version = sha256(tool_.canonical_document);
    return std::shared_ptr<const Tool>(std::make_shared<Tool>(std::move(tool_)));
  }

 private:
  std::string summary() const {
    const std::string name = tool_.name.empty() ? "the tool" : "tool \"" + tool_.name + "\"";
    return name + " was refused: " + summary_of(problems_);
  }

  void names(Fields& fields) {
    tool_.name = fields.needed_text("name");
    if (!tool_.name.empty() && !is_name(tool_.name)) {
      fields.problem("name", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", "a tool's name has other characters");
    }
    if (tool_.name.starts_with("flow."))
      fields.problem("name", "reserved_name", "a name that does not begin with \"flow.\"",
                     "names that begin with \"flow.\" are Settle's own");
    tool_.description = fields.text("description").value_or("");
    tool_.deprecated = fields.boolean("deprecated").value_or(false);
    tool_.deprecation = fields.text("deprecation").value_or("");
    if (fields.take("deprecation") != nullptr && !tool_.deprecated)
      fields.problem("deprecation", "deprecation_alone", "\"deprecated\": true beside it",
                     "a text of deprecation says nothing while the tool is not deprecated");
    if (const auto risk = fields.choice("risk", {"read", "write", "destructive"})) {
      tool_.risk = static_cast<Risk>(*risk);
    } else if (fields.take("risk") == nullptr) {
      fields.need("risk", "\"read\", \"write\" or \"destructive\"");
    }
  }

  std::shared_ptr<const Schema> schema(Fields& fields, std::string_view name) {
    const Json* document = fields.need(name, "a JSON Schema");
    if (document == nullptr) return nullptr;
    return compile_schema(*document, fields.place_of(name), problems_);
  }

  void schemas(Fields& fields) {
    tool_.input_schema = schema(fields, "input_schema");
    tool_.output_schema = schema(fields, "output_schema");
    if (tool_.input_schema == nullptr) return;
    const Json& input = tool_.input_schema->document();
    const Json* closed = input.find("additionalProperties");
    if (closed == nullptr || !closed->is_bool() || closed->as_bool()) {
      problems_.push_back({"/input_schema", "input_schema_open", "\"additionalProperties\": false",
                           closed == nullptr ? "nothing" : got_text(*closed),
                           "the root of an input_schema is closed, so that nothing unknown is dropped"});
    }
    const Json* type = input.find("type");
    if (type == nullptr || !(*type == Json("object"))) {
      problems_.push_back({"/input_schema/type", "input_schema_type", "\"object\"",
                           type == nullptr ? "nothing" : got_text(*type), "a tool's input is an object"});
    }
  }

  void times(Fields& fields) {
    tool_.start_to_close_timeout =
        fields.duration("start_to_close_timeout", Duration(1)).value_or(tool_.start_to_close_timeout);
    tool_.schedule_to_close_timeout =
        fields.duration("schedule_to_close_timeout", Duration(1)).value_or(tool_.schedule_to_close_timeout);
    const Json* retry = fields.take("retry");
    if (retry == nullptr) return;
    Fields policy(*retry, "/retry", problems_);
    tool_.retry.initial_interval =
        policy.duration("initial_interval", Duration(1)).value_or(tool_.retry.initial_interval);
    tool_.retry.backoff_coefficient =
        policy.number("backoff_coefficient", 1, 100).value_or(tool_.retry.backoff_coefficient);
    tool_.retry.maximum_interval = policy.duration("maximum_interval", Duration(1))
                                       .value_or(std::max(tool_.retry.maximum_interval, tool_.retry.initial_interval));
    tool_.retry.maximum_attempts =
        static_cast<int>(policy.integer("maximum_attempts", 1, 1'000'000).value_or(tool_.retry.maximum_attempts));
    policy.finish();
  }

  void idempotency(Fields& fields) {
    tool_.quiet = tool_.start_to_close_timeout;
    const Json* document = fields.take("idempotency");
    if (document == nullptr) {
      if (!tool_.reads_only())
        fields.need("idempotency", "{\"mode\": \"key\" | \"natural\" | \"lookup\" | \"none\", …}");
      return;
    }
    if (tool_.reads_only()) {
      fields.problem("idempotency", "not_for_reads", "no \"idempotency\" in a tool of risk read",
                     "a tool that only reads can be repeated freely");
      return;
    }
    Fields mode(*document, "/idempotency", problems_);
    if (!mode.is_object()) return;
    const auto chosen = mode.choice("mode", {"none", "key", "natural", "lookup"});
    if (!chosen && mode.take("mode") == nullptr) mode.need("mode", "\"key\", \"natural\", \"lookup\" or \"none\"");
    tool_.mode = static_cast<IdempotencyMode>(chosen.value_or(0));
    if (tool_.mode == IdempotencyMode::key) {
      if (mode.need("window", "how long the provider remembers a key, such as \"24h\"") != nullptr)
        tool_.window = mode.duration("window", Duration(1)).value_or(Duration(0));
    }
    if (tool_.mode == IdempotencyMode::lookup)
      mode.need("quiet", "the provider's longest delay, search lag included, such as \"5s\"");
    if (tool_.mode != IdempotencyMode::none) tool_.quiet = mode.duration("quiet").value_or(tool_.quiet);
    if (tool_.mode == IdempotencyMode::key || tool_.mode == IdempotencyMode::lookup) {
      const bool needed = tool_.mode == IdempotencyMode::lookup;
      const Json* lookup = needed ? mode.need("lookup", "{\"read\": CALL, \"records\": POINTER}") : mode.take("lookup");
      if (lookup != nullptr) verification_.lookup(*lookup);
      if (lookup != nullptr && !needed)
        mode.need("quiet", "the provider's longest delay, search lag included, such as \"5s\"");
    }
    mode.finish();
  }

  void verification(Fields& fields) {
    const Json* document = fields.take("verify");
    if (document == nullptr) {
      if (!tool_.reads_only()) fields.need("verify", "a read-back, or \"none\" with a \"reason\" beside it");
      fields.not_yet("reason", "reason_without_none");
      return;
    }
    if (document->is_string()) {
      const std::string& kind = document->as_string();
      tool_.verify = kind == "none" ? VerifyKind::none : VerifyKind::response;
      if (kind != "none" && kind != "response")
        fields.problem("verify", "not_in_list", "\"none\", \"response\" or a read-back",
                       "there is no such verification");
      if (kind == "response" && !tool_.reads_only()) {
        fields.problem("verify", "response_is_no_evidence", "a read-back, or \"none\" with a \"reason\"",
                       "a tool's own answer verifies only a read");
      }
      if (kind == "none") tool_.unverifiable_reason = fields.needed_text("reason");
      return;
    }
    verification_.read_back(*document);
  }

  /// What only shows when the whole document has been read.
  void consistency() {
    if (tool_.reads_only() && tool_.verify == VerifyKind::none && document_.find("verify") != nullptr) {
      problems_.push_back({"/verify", "not_for_reads", "\"response\" or a read-back", "\"none\"",
                           "a read is verified by its own answer"});
    }
    if (tool_.reads_only()) return;

    const bool sends_key = refers_to(tool_.execute.references(), "idempotency_key");
    // A look-up for a key that was never sent finds nothing, and "absent" would be a reason to send again.
    const bool looks_for_key = tool_.lookup && refers_to(tool_.lookup->references(), "idempotency_key");
    if ((tool_.mode == IdempotencyMode::key || looks_for_key) && !sends_key) {
      const std::string what = looks_for_key ? "a look-up by the key" : "mode \"key\"";
      problems_.push_back({"/execute", "key_not_sent", "a header or member with {\"$from\": \"/idempotency_key\"}", "",
                           what + " works only when the call carries the key"});
    }
    if (tool_.mode == IdempotencyMode::natural && tool_.verify != VerifyKind::read_back) {
      problems_.push_back(
          {"/verify", "natural_needs_read_back", "a read-back", "",
           "mode \"natural\" needs a read-back: a repeat may answer an error although the effect is there"});
    }
    if (tool_.mode == IdempotencyMode::none && !tool_.read_unseen && verification_.needs_answer()) {
      problems_.push_back(
          {"/verify", "read_back_needs_answer", "a read-back by /input or /idempotency_key, or \"read_unseen\"", "",
           "in mode \"none\" a lost answer takes its id with it, so this read-back could never settle it"});
    }
    if (tool_.execute.safe) {
      problems_.push_back({"/execute", "write_declared_safe", "a call that is not safe, or \"risk\": \"read\"", "",
                           "a tool that writes can't be declared safe"});
    }
  }

  const Json& document_;
  const Values& values_;
  std::vector<Problem> problems_;
  Tool tool_;
  CallCompiler calls_;
  VerificationCompiler verification_;
};

}  // namespace

std::string_view name_of(Risk risk) {
  constexpr std::string_view names[] = {"read", "write", "destructive"};
  return names[static_cast<std::size_t>(risk)];
}

std::string_view name_of(IdempotencyMode mode) {
  constexpr std::string_view names[] = {"none", "key", "natural", "lookup"};
  return names[static_cast<std::size_t>(mode)];
}

std::vector<Template::Reference> CallSpec::references() const {
  std::vector<Template::Reference> out = url.references();
  const auto append = [&](const Template& more) {
    out.insert(out.end(), more.references().begin(), more.references().end());
  };
  for (const auto& header : headers) append(header.second);
  if (body) append(*body);
  return out;
}

std::optional<std::string> Tool::record_id_in(const Json& answer) const {
  const Json* id = record_id ? find_below(answer, record_id->tokens, 0) : nullptr;
  if (id == nullptr || !(id->is_string() || id->is_number())) return std::nullopt;
  return id->is_string() ? id->as_string() : canonical(*id);
}

std::string Tool::version_text() const {
  return "sha256:" + to_hex(version);
}

Result<std::shared_ptr<const Tool>> compile_tool(const Json& document, const Values& values) {
  return Compiler(document, values).run();
}

}  // namespace settle
