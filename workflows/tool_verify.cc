#include "workflows/tool_verify.h"

#include <algorithm>

#include "base/text.h"
#include "workflows/check_fit.h"

namespace settle {
namespace {

constexpr std::size_t reads_max = 16;
constexpr std::int64_t recheck_times_max = 100;

std::vector<Template::Reference> references_of(const ReadBack& look) {
  std::vector<Template::Reference> out = look.call.references();
  for (const std::vector<Check>* checks : {&look.expect, &look.pending}) {
    for (const Check& check : *checks) {
      const std::vector<Template::Reference> more = check.references();
      out.insert(out.end(), more.begin(), more.end());
    }
  }
  return out;
}

bool needs_answer_in(const std::vector<Template::Reference>& references) {
  return refers_to(references, "record_id") || refers_to(references, "output");
}

}  // namespace

void VerificationCompiler::before(const Json& verify) {
  const Json* call = verify.find("before");
  if (call == nullptr) return;
  tool_.before = calls_.compile(*call, "/verify/before", Sees{.before = false, .looks = true});
}

void VerificationCompiler::read_back(const Json& document) {
  tool_.verify = VerifyKind::read_back;
  Fields verify(document, "/verify", problems_);
  if (!verify.is_object()) return;
  verify.not_yet("callback", tool_not_supported);
  verify.take("before");  // compiled already
  if (verify.take("reads") != nullptr) {
    reads(verify);
  } else {
    tool_.reads.push_back(look(verify, "/verify", true));
  }
  if (const Json* unseen = verify.take("read_unseen")) read_unseen(*unseen);
  tool_.within = verify.duration("within").value_or(tool_.within);
  tool_.interval = verify.duration("interval", Duration(1)).value_or(tool_.interval);
  recheck(verify);
  verify.finish();
  tool_.tied = !tool_.reads.empty() &&
               std::all_of(tool_.reads.begin(), tool_.reads.end(), [](const ReadBack& one) { return one.tied; });
}

/// Several looks, each with its own name and checks.
void VerificationCompiler::reads(Fields& verify) {
  for (const std::string_view alone : {"read", "expect", "pending", "unique", "next"}) {
    if (verify.take(alone) != nullptr)
      verify.problem(alone, "member_beside_reads", "\"" + std::string(alone) + "\" in each element of \"reads\"",
                     "with \"reads\" each look has its own \"" + std::string(alone) + "\"");
  }
  const Json& list = *verify.take("reads");
  if (!list.is_array() || list.size() == 0 || list.size() > reads_max) {
    verify.problem("reads", list.is_array() ? "out_of_range" : "wrong_type",
                   "a list of 1 to " + std::to_string(reads_max) + " looks: {\"name\": …, \"read\": …, \"expect\": …}",
                   "\"reads\" is a list of looks");
    return;
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = "/verify/reads/" + std::to_string(i);
    Fields fields(list.as_array()[i], place, problems_);
    if (!fields.is_object()) continue;
    const std::string name = fields.needed_text("name");
    if (!name.empty() && !is_name(name))
      fields.problem("name", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -",
                     "the name of a look has other characters");
    if (std::find(names.begin(), names.end(), name) != names.end())
      fields.problem("name", "duplicate_name", "a name of its own", "two looks have the name \"" + name + "\"");
    names.push_back(name);
    tool_.reads.push_back(look(fields, place, true));
    tool_.reads.back().name = name;
    fields.finish();
  }
}

ReadBack VerificationCompiler::look(Fields& fields, const std::string& place, bool answer) {
  ReadBack out;
  if (const Json* read = fields.need("read", "a call"))
    out.call = calls_.compile(*read, place + "/read", Sees{.answer = answer, .looks = true});
  if (const Json* expect = fields.need("expect", "a list of checks"))
    out.expect = checks(*expect, place + "/expect", answer);
  if (const Json* pending = fields.take("pending")) out.pending = checks(*pending, place + "/pending", answer);
  out.unique = fields.pointer("unique");
  out.next = fields.pointer("next");
  if (out.next && !out.unique)
    fields.problem("next", "next_without_unique", "\"unique\" beside it",
                   "\"next\" says that a search has a further page; only with \"unique\" it matters");
  finish_look(out, place);
  return out;
}

std::vector<Check> VerificationCompiler::checks(const Json& list, const std::string& place, bool answer) {
  std::vector<Check> out = Check::compile_list(list, place, &values_, problems_);
  for (const Check& check : out) calls_.check_references(check.references(), Sees{.answer = answer, .metadata = false});
  return out;
}

/// What shows only when all of a look has been read: its tie, its key, and whether its checks fit its answer's schema.
void VerificationCompiler::finish_look(ReadBack& look, const std::string& place) {
  look.tied = is_tied(look);
  if (look.unique) {
    const std::vector<Template::Reference> found = look.call.references();
    const bool searches = refers_to(found, "idempotency_key") || refers_to(found, "input") || needs_answer_in(found);
    if (!searches && !look.call.method.empty())
      problems_.push_back({place + "/unique", "unique_without_key",
                           "a search by /idempotency_key, /record_id or an id of our own from /input", "",
                           "a search that is not for our key can't tell that a record is there twice"});
  }
  if (!look.call.answer_schema) return;
  const SchemaView answer{look.call.answer_schema.get(), {}, false};
  SchemaView compared = answer;
  if (look.unique) compared = element_of(check_pointer(*look.unique, answer, true, place + "/unique", problems_));
  if (look.next) check_pointer(*look.next, answer, false, place + "/next", problems_);
  if (!compared.place().possible) return;
  check_fits(look.expect, compared, tool_, problems_);
  check_fits(look.pending, compared, tool_, problems_);
}

/// A call alone is compared as the read-back is; a look of another shape brings its own checks.
void VerificationCompiler::read_unseen(const Json& document) {
  const std::string place = "/verify/read_unseen";
  if (document.is_object() && document.find("read") != nullptr) {
    Fields fields(document, place, problems_);
    tool_.read_unseen = look(fields, place, false);
    fields.finish();
    return;
  }
  ReadBack& unseen = tool_.read_unseen.emplace();
  unseen.call = calls_.compile(document, place, Sees{.looks = true});
  if (tool_.reads.size() != 1 || !tool_.reads[0].name.empty()) {
    problems_.push_back({place, "wrong_type", "{\"read\": CALL, \"expect\": …}", "a call",
                         "beside several looks, \"read_unseen\" needs checks of its own"});
    return;
  }
  const ReadBack& seen = tool_.reads[0];
  unseen.expect = seen.expect;
  unseen.pending = seen.pending;
  unseen.unique = seen.unique;
  unseen.next = seen.next;
  ReadBack checks_alone = unseen;
  checks_alone.call = CallSpec();
  if (needs_answer_in(references_of(checks_alone)))
    problems_.push_back({place, "read_back_needs_answer",
                         "{\"read\": CALL, \"expect\": …} with checks by /input or "
                         "/idempotency_key",
                         "", "the checks need the answer of the tool, which is lost when this look is taken"});
  if (unseen.call.answer_schema) {
    finish_look(unseen, place);
  } else {
    unseen.tied = is_tied(unseen);
  }
}

void VerificationCompiler::recheck(Fields& verify) {
  const Json* document = verify.take("recheck");
  if (document == nullptr) return;
  Fields fields(*document, "/verify/recheck", problems_);
  if (!fields.is_object()) return;
  Recheck& out = tool_.recheck.emplace();
  if (fields.need("after", "how long after, such as \"24h\"") != nullptr)
    out.after = fields.duration("after", Duration(1)).value_or(Duration(1));
  out.times = static_cast<std::uint32_t>(fields.integer("times", 1, recheck_times_max).value_or(1));
  fields.finish();
}

void VerificationCompiler::lookup(const Json& document) {
  const std::string place = "/idempotency/lookup";
  Fields fields(document, place, problems_);
  if (!fields.is_object()) return;
  if (const Json* read = fields.need("read", "a call")) {
    tool_.lookup = calls_.compile(*read, place + "/read", Sees{.looks = true});
    if (!refers_to(tool_.lookup->references(), "idempotency_key") && !refers_to(tool_.lookup->references(), "input")) {
      problems_.push_back({place + "/read", "lookup_without_key",
                           "a search by /idempotency_key or by an id of our own from /input", "",
                           "a look-up that does not search for our key can't tell our effect from another's"});
    }
  }
  fields.need("records", "a JSON Pointer to the list of matches");
  tool_.lookup_records = fields.pointer("records").value_or(Pointer());
  tool_.lookup_next = fields.pointer("next");
  fields.finish();
  if (!tool_.lookup || !tool_.lookup->answer_schema) return;
  const SchemaView answer{tool_.lookup->answer_schema.get(), {}, false};
  const SchemaView list = check_pointer(tool_.lookup_records, answer, true, place + "/records", problems_);
  if (tool_.lookup_next) check_pointer(*tool_.lookup_next, answer, false, place + "/next", problems_);
  if (!list.place().possible || !may_be(list.place(), json_kinds::of(Json::Type::array)) || !tool_.output_schema)
    return;
  const Fit found = fit(element_of(list), SchemaView{tool_.output_schema.get(), {}, false});
  if (found.verdict == Fit::Verdict::never)
    problems_.push_back({place + "/records", "lookup_record_no_answer", found.expected, found.got,
                         "a record that is found takes the place of the tool's answer, and none of these fits "
                         "output_schema" +
                             (found.below.empty() ? "" : " at " + found.below)});
}

bool VerificationCompiler::needs_answer() const {
  return std::any_of(tool_.reads.begin(), tool_.reads.end(),
                     [](const ReadBack& one) { return needs_answer_in(references_of(one)); });
}

/// A match proves that it was ours only where it must have found our key, or the record id that the tool answered: as
/// the place that is read, or by an equality that no other check can stand in for.
bool VerificationCompiler::is_tied(const ReadBack& look) const {
  std::vector<Template::Reference> found = look.call.url.references();
  const auto append = [&](const std::vector<Template::Reference>& more) {
    found.insert(found.end(), more.begin(), more.end());
  };
  if (look.call.body) append(look.call.body->references());
  for (const Check& check : look.expect) append(check.demanded());
  return std::any_of(found.begin(), found.end(), [&](const Template::Reference& reference) {
    const std::vector<std::string>& tokens = reference.source.tokens;
    if (tokens[0] == "idempotency_key" || tokens[0] == "record_id") return true;
    return tokens[0] == "output" && tool_.record_id && tokens.size() <= tool_.record_id->tokens.size() + 1 &&
           std::equal(tokens.begin() + 1, tokens.end(), tool_.record_id->tokens.begin(), tool_.record_id->tokens.end());
  });
}

}  // namespace settle
