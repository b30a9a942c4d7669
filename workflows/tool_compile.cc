#include <algorithm>

#include "base/text.h"
#include "workflows/fields.h"
#include "workflows/tool.h"
#include "workflows/tool_limits.h"

namespace settle {

std::string origin_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return "";
  return std::string(url.substr(0, std::min(url.find_first_of("/?#", scheme + 3), url.size())));
}

namespace {

std::string look_endpoints_of(const Tool& tool) {
  std::string out;
  for (const std::optional<CallSpec>* spec : {&tool.lookup, &tool.read_back}) {
    if (spec->has_value()) out += origin_of((*spec)->url.constant_prefix()) + " " + (*spec)->credential;
    out += "\n";
  }
  return out;
}

constexpr std::string_view not_supported = "tool_not_supported";

bool refers_to(const std::vector<Template::Reference>& references, std::string_view root) {
  return std::any_of(references.begin(), references.end(), [&](const Template::Reference& r) {
    return !r.source.tokens.empty() && r.source.tokens[0] == root;
  });
}

/// Where a reference of a tool may point, and whether the answer is known there.
struct Sees {
  bool answer = false;   ///< /output and /record_id
  bool metadata = true;  ///< /workflow and /action; calls see them, checks do not
};

class Compiler {
 public:
  Compiler(const Json& document, const Values& values) : document_(document), values_(values) {}

  Result<std::shared_ptr<const Tool>> run() {
    Fields fields(document_, "", problems_);
    fields.take("$schema");  // a hint for editors
    names(fields);
    schemas(fields);
    if (const Json* call = fields.need("execute", "a call: {\"connector\": …, …}"))
      tool_.execute = compile_call(*call, "/execute", Sees{});
    if (const Json* checks = fields.take("success"))
      tool_.success = Check::compile_list(*checks, "/success", &values_, problems_);
    for (const Check& check : tool_.success)
      check_references(check.references(), Sees{.answer = true, .metadata = false});
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
    approval(fields);
    fields.finish();
    consistency();
    if (!problems_.empty()) {
      std::string message = summary();  // before the move: the order of arguments is the compiler's choice
      return fail(ErrorCode::invalid_tool, std::move(message), std::move(problems_));
    }
    tool_.look_endpoints = look_endpoints_of(tool_);
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
    Result<Schema> compiled = Schema::compile(*document);
    if (compiled) return std::make_shared<const Schema>(*std::move(compiled));
    for (Problem& problem : compiled.error().problems) {
      problem.pointer = fields.place_of(name) + problem.pointer;
      problems_.push_back(std::move(problem));
    }
    return nullptr;
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

  CallSpec compile_call(const Json& document, const std::string& place, Sees sees) {
    CallSpec call;
    Fields fields(document, place, problems_);
    if (!fields.is_object()) return call;
    call.connector = fields.needed_text("connector");
    if (!call.connector.empty() && call.connector != "http") {
      fields.problem("connector", "unknown_connector", "\"http\"", "there is no connector \"" + call.connector + "\"");
    }
    const auto method = fields.choice("method", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"});
    if (!method && fields.take("method") == nullptr)
      fields.need("method", "\"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\" or \"DELETE\"");
    if (method) call.method = document.find("method")->as_string();
    if (const Json* url = fields.need("url", "a URL, as a string or {\"$text\": …}")) {
      call.url = Template::compile(*url, place + "/url", &values_, problems_);
      check_url(fields, call.url);
    }
    if (const Json* headers = fields.take("headers")) {
      Fields names(*headers, place + "/headers", problems_);
      if (names.is_object()) {
        for (const JsonMember& header : headers->as_object()) {
          Template value =
              Template::compile(header.value, place + "/headers/" + escape_token(header.name), &values_, problems_);
          if (!value.is_text())
            names.problem(header.name, "wrong_type", "a string, $from or $text", "a header is a text");
          check_header_name(names, header.name);
          call.headers.emplace_back(header.name, std::move(value));
        }
      }
    }
    if (const Json* body = fields.take("body")) {
      call.body = Template::compile(*body, place + "/body", &values_, problems_);
      if (call.method == "GET" || call.method == "HEAD")
        fields.problem("body", "body_not_allowed", "no body", call.method + " has no body");
    }
    call.credential = fields.text("auth").value_or("");
    call.safe = fields.boolean("safe").value_or(false) || call.method == "GET" || call.method == "HEAD";
    fields.finish();
    check_references(call.references(), sees);
    return call;
  }

  void check_url(Fields& fields, const Template& url) {
    if (!url.is_text()) {
      fields.problem("url", "wrong_type", "a string or {\"$text\": …}", "a URL is a text");
      return;
    }
    const std::string prefix = url.constant_prefix();
    const std::size_t scheme = prefix.find("://");
    const bool known = prefix.starts_with("http://") || prefix.starts_with("https://");
    const std::size_t path = scheme == std::string::npos ? scheme : prefix.find_first_of("/?", scheme + 3);
    if (!known || (path == std::string::npos && !url.is_constant()) || path == scheme + 3) {
      fields.problem("url", "url_host_not_constant",
                     "\"http://HOST/…\" or \"https://HOST/…\", with scheme, host and port constant or configured",
                     "scheme, host and port of a URL never come from a document");
    } else if (prefix.substr(0, path).find('@') != std::string::npos) {
      fields.problem("url", "url_userinfo", "no user and password in a URL; name a credential in \"auth\"",
                     "a URL holds no credential");
    }
  }

  void check_header_name(Fields& fields, const std::string& name) {
    static constexpr std::string_view ours[] = {"host",       "content-length", "transfer-encoding",
                                                "connection", "authorization",  "content-type"};
    const std::string lower = to_lower(name);
    const bool token = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
    if (!token) fields.problem(name, "header_not_a_token", "a token of RFC 9110 §5.6.2", "this is no name of a header");
    if (std::find(std::begin(ours), std::end(ours), lower) != std::end(ours)) {
      fields.problem(name, "header_reserved", "another header; credentials are named in \"auth\"",
                     "Settle sets this header itself");
    }
  }

  void check_references(const std::vector<Template::Reference>& references, Sees sees) {
    for (const Template::Reference& reference : references) {
      const std::string& root = reference.source.tokens[0];
      const std::string source = reference.source.text();
      const bool answer = root == "output" || root == "record_id";
      if (root == "before") {
        problems_.push_back({reference.place, std::string(not_supported), "another reference", source,
                             "\"/before\" needs verify.before, which this version does not offer yet"});
      } else if (answer && !sees.answer) {
        problems_.push_back({reference.place, "reference_before_answer",
                             "/input, /idempotency_key, /workflow or /action", source,
                             "\"" + source + "\" is known only after the tool has answered"});
      } else if (root == "input") {
        const std::vector<std::string> below(reference.source.tokens.begin() + 1, reference.source.tokens.end());
        if (tool_.input_schema && !tool_.input_schema->at(below).possible) {
          problems_.push_back({reference.place, "reference_not_in_schema", "a place that input_schema allows", source,
                               "input_schema has no place " + source});
        }
      } else if (root == "output") {
        const std::vector<std::string> below(reference.source.tokens.begin() + 1, reference.source.tokens.end());
        if (tool_.output_schema && !tool_.output_schema->at(below).possible) {
          problems_.push_back({reference.place, "reference_not_in_schema", "a place that output_schema allows", source,
                               "output_schema has no place " + source});
        }
      } else if ((root == "record_id" || root == "idempotency_key") && reference.source.tokens.size() > 1) {
        problems_.push_back({reference.place, "reference_unknown", "/" + root, source,
                             "\"/" + root + "\" is a text; there is nothing below it"});
      } else if (!sees.metadata && (root == "workflow" || root == "action")) {
        problems_.push_back({reference.place, "reference_unknown", "/input, /output, /record_id or /idempotency_key",
                             source, "a check can't see " + source});
      } else if (!answer && root != "idempotency_key" && !valid_metadata(reference.source)) {
        problems_.push_back(
            {reference.place, "reference_unknown",
             "/input, /output, /record_id, /idempotency_key, /workflow/{id,name,labels/NAME} or /action/{id,attempt}",
             source, "a tool can't see " + source});
      }
    }
  }

  static bool valid_metadata(const Pointer& source) {
    const std::vector<std::string>& t = source.tokens;
    if (t[0] == "workflow")
      return (t.size() == 2 && (t[1] == "id" || t[1] == "name")) || (t.size() == 3 && t[1] == "labels");
    return t[0] == "action" && t.size() == 2 && (t[1] == "id" || t[1] == "attempt");
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
      if (lookup != nullptr) compile_lookup(*lookup);
      if (lookup != nullptr && !needed)
        mode.need("quiet", "the provider's longest delay, search lag included, such as \"5s\"");
    }
    mode.finish();
  }

  void compile_lookup(const Json& document) {
    Fields lookup(document, "/idempotency/lookup", problems_);
    if (!lookup.is_object()) return;
    if (const Json* read = lookup.need("read", "a call")) {
      tool_.lookup = compile_call(*read, "/idempotency/lookup/read", Sees{});
      require_safe(*tool_.lookup, "/idempotency/lookup/read");
      if (!refers_to(tool_.lookup->references(), "idempotency_key") &&
          !refers_to(tool_.lookup->references(), "input")) {
        problems_.push_back({"/idempotency/lookup/read", "lookup_without_key",
                             "a search by /idempotency_key or by an id of our own from /input", "",
                             "a look-up that does not search for our key can't tell our effect from another's"});
      }
    }
    lookup.need("records", "a JSON Pointer to the list of matches");
    tool_.lookup_records = lookup.pointer("records").value_or(Pointer());
    lookup.finish();
  }

  void require_safe(const CallSpec& call, const std::string& place) {
    if (call.safe || call.method.empty()) return;
    problems_.push_back({place, "read_not_safe", "GET, HEAD or \"safe\": true", call.method,
                         "a call that only looks must be declared safe"});
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
    tool_.verify = VerifyKind::read_back;
    Fields verify(*document, "/verify", problems_);
    if (!verify.is_object()) return;
    for (const std::string_view name : {"reads", "before", "pending", "callback", "unique", "recheck", "read_unseen"})
      verify.not_yet(name, not_supported);
    if (const Json* read = verify.need("read", "a call")) {
      tool_.read_back = compile_call(*read, "/verify/read", Sees{.answer = true});
      require_safe(*tool_.read_back, "/verify/read");
    }
    if (const Json* expect = verify.need("expect", "a list of checks"))
      tool_.expect = Check::compile_list(*expect, "/verify/expect", &values_, problems_);
    for (const Check& check : tool_.expect)
      check_references(check.references(), Sees{.answer = true, .metadata = false});
    tool_.within = verify.duration("within").value_or(tool_.within);
    tool_.interval = verify.duration("interval", Duration(1)).value_or(tool_.interval);
    verify.finish();
  }

  void approval(Fields& fields) {
    const Json* rule = fields.take("approval");
    const bool waived = rule != nullptr && *rule == Json("none");
    if (rule != nullptr && !waived) {
      fields.problem(
          "approval", std::string(not_supported), "no \"approval\", or \"none\"",
          "approval rules are not offered by this version; they are refused, so that nothing relies on them");
    }
    if (tool_.risk == Risk::destructive && rule == nullptr) {
      fields.problem("approval", std::string(not_supported), "\"approval\": \"none\"",
                     "a destructive tool needs approval, which this version does not offer yet; say \"approval\": "
                     "\"none\" to run it without");
    }
  }

  /// What only shows when the whole document has been read.
  void consistency() {
    if (tool_.reads_only() && tool_.verify == VerifyKind::none && document_.find("verify") != nullptr) {
      problems_.push_back({"/verify", "not_for_reads", "\"response\" or a read-back", "\"none\"",
                           "a read is verified by its own answer"});
    }
    std::vector<Template::Reference> read =
        tool_.read_back ? tool_.read_back->references() : std::vector<Template::Reference>();
    for (const Check& check : tool_.expect) {
      const std::vector<Template::Reference> more = check.references();
      read.insert(read.end(), more.begin(), more.end());
    }
    tool_.tied = is_tied();
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
    const bool needs_answer = refers_to(read, "record_id") || refers_to(read, "output");
    if (tool_.mode == IdempotencyMode::none && needs_answer) {
      problems_.push_back(
          {"/verify", "read_back_needs_answer", "a read-back by /input or /idempotency_key", "",
           "in mode \"none\" a lost answer takes its id with it, so this read-back could never settle it"});
    }
    if (tool_.execute.safe) {
      problems_.push_back({"/execute", "write_declared_safe", "a call that is not safe, or \"risk\": \"read\"", "",
                           "a tool that writes can't be declared safe"});
    }
  }

  /// A match proves that it was ours only where it must have found our key, or the record id that the tool answered: as
  /// the place that is read, or by an equality that no other check can stand in for.
  bool is_tied() const {
    if (!tool_.read_back) return false;
    std::vector<Template::Reference> found = tool_.read_back->url.references();
    const auto append = [&](const std::vector<Template::Reference>& more) {
      found.insert(found.end(), more.begin(), more.end());
    };
    if (tool_.read_back->body) append(tool_.read_back->body->references());
    for (const Check& check : tool_.expect) append(check.demanded());
    return std::any_of(found.begin(), found.end(), [&](const Template::Reference& reference) {
      const std::vector<std::string>& tokens = reference.source.tokens;
      if (tokens[0] == "idempotency_key" || tokens[0] == "record_id") return true;
      return tokens[0] == "output" && tool_.record_id &&
             std::equal(tokens.begin() + 1, tokens.end(), tool_.record_id->tokens.begin(),
                        tool_.record_id->tokens.end());
    });
  }

  const Json& document_;
  const Values& values_;
  std::vector<Problem> problems_;
  Tool tool_;
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

std::string Tool::version_text() const {
  return "sha256:" + to_hex(version);
}

Result<std::shared_ptr<const Tool>> compile_tool(const Json& document, const Values& values) {
  return Compiler(document, values).run();
}

}  // namespace settle
