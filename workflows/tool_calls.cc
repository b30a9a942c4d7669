#include "workflows/tool_calls.h"

#include <algorithm>

#include "base/text.h"

namespace settle {
namespace {

bool valid_metadata(const Pointer& source) {
  const std::vector<std::string>& t = source.tokens;
  if (t[0] == "workflow")
    return (t.size() == 2 && (t[1] == "id" || t[1] == "name")) || (t.size() == 3 && t[1] == "labels");
  return t[0] == "action" && t.size() == 2 && (t[1] == "id" || t[1] == "attempt");
}

}  // namespace

bool refers_to(const std::vector<Template::Reference>& references, std::string_view root) {
  return std::any_of(references.begin(), references.end(), [&](const Template::Reference& r) {
    return !r.source.tokens.empty() && r.source.tokens[0] == root;
  });
}

std::shared_ptr<const Schema> compile_schema(const Json& document, const std::string& place,
                                             std::vector<Problem>& problems) {
  Result<Schema> compiled = Schema::compile(document);
  if (compiled) return std::make_shared<const Schema>(*std::move(compiled));
  for (Problem& problem : compiled.error().problems) {
    problem.pointer = place + problem.pointer;
    problems.push_back(std::move(problem));
  }
  return nullptr;
}

CallSpec CallCompiler::compile(const Json& document, const std::string& place, Sees sees) {
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
  if (const Json* named = fields.take("headers")) headers(*named, place + "/headers", call);
  if (const Json* body = fields.take("body")) {
    call.body = Template::compile(*body, place + "/body", &values_, problems_);
    if (call.method == "GET" || call.method == "HEAD")
      fields.problem("body", "body_not_allowed", "no body", call.method + " has no body");
  }
  call.credential = fields.text("auth").value_or("");
  call.safe = fields.boolean("safe").value_or(false) || call.method == "GET" || call.method == "HEAD";
  if (const Json* schema = sees.looks ? fields.take("output_schema") : nullptr)
    call.answer_schema = compile_schema(*schema, place + "/output_schema", problems_);
  fields.finish();
  if (sees.looks && !call.safe && !call.method.empty())
    problems_.push_back({place, "read_not_safe", "GET, HEAD or \"safe\": true", call.method,
                         "a call that only looks must be declared safe"});
  check_references(call.references(), sees);
  return call;
}

void CallCompiler::check_url(Fields& fields, const Template& url) {
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

void CallCompiler::check_header_name(Fields& fields, const std::string& name) {
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

void CallCompiler::check_references(const std::vector<Template::Reference>& references, Sees sees) {
  for (const Template::Reference& reference : references) {
    const std::string& root = reference.source.tokens[0];
    const std::string source = reference.source.text();
    const bool answer = root == "output" || root == "record_id";
    if (root == "before") {
      check_before(reference, sees);
    } else if (answer && !sees.answer) {
      problems_.push_back({reference.place, "reference_before_answer", "/input, /idempotency_key, /workflow or /action",
                           source, "\"" + source + "\" is known only after the tool has answered"});
    } else if (root == "input") {
      check_place(reference, tool_.input_schema.get(), "input_schema");
    } else if (root == "output") {
      check_place(reference, tool_.output_schema.get(), "output_schema");
    } else if ((root == "record_id" || root == "idempotency_key") && reference.source.tokens.size() > 1) {
      problems_.push_back({reference.place, "reference_unknown", "/" + root, source,
                           "\"/" + root + "\" is a text; there is nothing below it"});
    } else if (!sees.metadata && (root == "workflow" || root == "action")) {
      problems_.push_back({reference.place, "reference_unknown",
                           "/input, /output, /record_id, /before or /idempotency_key", source,
                           "a check can't see " + source});
    } else if (!answer && root != "idempotency_key" && !valid_metadata(reference.source)) {
      problems_.push_back({reference.place, "reference_unknown",
                           "/input, /output, /record_id, /before, /idempotency_key, /workflow/{id,name,labels/NAME} or "
                           "/action/{id,attempt}",
                           source, "a tool can't see " + source});
    }
  }
}

void CallCompiler::headers(const Json& document, const std::string& place, CallSpec& call) {
  Fields names(document, place, problems_);
  if (!names.is_object()) return;
  for (const JsonMember& header : document.as_object()) {
    Template value = Template::compile(header.value, place + "/" + escape_token(header.name), &values_, problems_);
    if (!value.is_text()) names.problem(header.name, "wrong_type", "a string, $from or $text", "a header is a text");
    check_header_name(names, header.name);
    call.headers.emplace_back(header.name, std::move(value));
  }
}

/// What was seen before the first send: there only in a tool that takes such a look, and as far as its schema tells.
void CallCompiler::check_before(const Template::Reference& reference, Sees sees) {
  const std::string source = reference.source.text();
  if (tool_.before && sees.before) return check_place(reference, tool_.before->answer_schema.get(), "verify.before");
  const bool compares = reference.place.ends_with("/increased_by") || reference.place.ends_with("/decreased_by");
  if (compares) {
    problems_.push_back({reference.place, "check_needs_before", "\"before\" in \"verify\"", source,
                         "this operator compares with the look before the first send: it needs verify.before"});
  } else {
    problems_.push_back({reference.place, "reference_needs_before", "\"before\" in \"verify\", or another reference",
                         source, "\"" + source + "\" is what verify.before sees, and is known only after it"});
  }
}

/// A place that the schema rules out is never there; the nearest name is suggested.
void CallCompiler::check_place(const Template::Reference& reference, const Schema* schema, const std::string& whose) {
  const std::vector<std::string> below(reference.source.tokens.begin() + 1, reference.source.tokens.end());
  if (schema == nullptr || schema->at(below).possible) return;
  const std::string source = reference.source.text();
  problems_.push_back({reference.place, "reference_not_in_schema", "a place that " + whose + " allows", source,
                       whose + " has no place " + source});
}

}  // namespace settle
