#include "cli/approval_commands.h"

#include <istream>
#include <ostream>

#include "cli/exchange.h"
#include "cli/render_table.h"

namespace settle {

namespace {

std::string approval_path(const std::string& id) {
  return "/v1/approvals/" + percent_encode(id);
}

std::string given_of(const Json& approval) {
  return short_of(approval, "approved", "0") + " of " + short_of(approval, "approvers");
}

std::string tool_of(const Json& approval) {
  const Json* tool = approval.find("tool");
  return tool == nullptr ? "-" : text_of(*tool, "name");
}

std::string run_of(const Json& approval) {
  std::string out = text_of(approval, "action");
  const std::string element = short_of(approval, "element", ""), role = text_of(approval, "role", "main");
  if (!element.empty()) out += "[" + element + "]";
  return role == "main" ? out : out + " (" + role + ")";
}

std::string render_list(const Json& list, const View& view) {
  Table table{{"APPROVAL", "STATE", "GIVEN", "WORKFLOW", "ACTION", "TOOL", "EXPIRES (UTC)"}, {}};
  for (const Json& one : list_of(list, "approvals")) {
    const std::string state = text_of(one, "state");
    table.rows.push_back({{text_of(one, "id"), Style::bold},
                          {flag_of(one, "escalated") && state == "open" ? "open, overdue" : state, style_of(state)},
                          {given_of(one)},
                          {text_of(one, "workflow")},
                          {run_of(one)},
                          {tool_of(one)},
                          {clock_of(one, "expires_at")}});
  }
  if (table.rows.empty()) return "Nothing waits for approval.\n";
  std::string out = draw_lines(lay_out(table), view);
  const std::string next = text_of(list, "next_cursor", "");
  return next.empty() ? out : out + "more: --cursor " + next + "\n";
}

/// Everything that a person has to know who says yes.
std::string render_one(const Json& approval, const View& view) {
  const Json nothing = Json::object();
  const auto part = [&](std::string_view name) -> const Json& {
    const Json* found = approval.find(name);
    return found != nullptr && found->is_object() ? *found : nothing;
  };
  std::vector<Line> lines;
  lines.push_back({{"approval "},
                   {text_of(approval, "id"), Style::bold},
                   {"  "},
                   {text_of(approval, "state"), style_of(text_of(approval, "state"))}});
  const auto say = [&](const std::string& name, const std::string& value) {
    lines.push_back({{"  " + name + std::string(name.size() < 14 ? 14 - name.size() : 1, ' '), Style::dim}, {value}});
  };
  if (!short_of(approval, "title", "").empty()) say("title", text_of(approval, "title"));
  say("workflow", text_of(approval, "workflow") + " (" + text_of(approval, "name") + "), action " + run_of(approval));
  say("tool",
      tool_of(approval) + ", " + text_of(part("tool"), "risk") + ", " + short_hash(text_of(part("tool"), "version")));
  const Json& call = part("call");
  if (call.size() > 0)
    say("call", text_of(call, "method") + " " + text_of(call, "url") +
                    (text_of(call, "credential", "").empty() ? "" : " as " + text_of(call, "credential")));
  say("input", approval.find("input") == nullptr ? "-" : write_json(*approval.find("input")));
  say("why", text_of(approval, "why"));
  const std::string by = text_of(approval, "submitted_by", "");
  if (!by.empty()) say("submitted by", by + (flag_of(approval, "four_eyes") ? ", who can't approve it" : ""));
  say("needs", given_of(approval) + " given, until " + clock_of(approval, "expires_at") + " UTC" +
                   (flag_of(approval, "escalated") ? " (that is over, and it waits on)" : ""));
  for (const Json& one : list_of(approval, "decisions")) {
    const std::string reason = text_of(one, "reason", "");
    say(text_of(one, "decision"),
        text_of(one, "by") + " at " + clock_of(one, "at") + " UTC" + (reason.empty() ? "" : ": " + reason));
  }
  say("digest", text_of(approval, "digest"));
  return draw_lines(lines, view);
}

Exchange get(Client& client, const std::string& path) {
  return exchange_patiently(client, {.method = "GET", .path = path}, kPatience);
}

int wrong_usage(Client& client, const std::string& why) {
  return refuse(client, refusal_of(fail(ErrorCode::invalid_argument, why)));
}

/// Shows it to the person at the terminal, who says yes or no.
bool confirmed(Client& client, const Json& approval) {
  client.err << render_one(approval, client.error_view) << "Approve exactly this? [y/N] " << std::flush;
  std::string answer;
  std::getline(client.in, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

int approvals(Client& client, const ApprovalsOptions& options) {
  const std::string path = options.id.empty() ? "/v1/approvals" + query_of({{"state", options.all ? "all" : ""},
                                                                            {"workflow", options.workflow},
                                                                            {"limit", std::to_string(options.limit)},
                                                                            {"cursor", options.cursor}})
                                              : approval_path(options.id);
  Exchange seen = get(client, path);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer,
        options.id.empty() ? render_list(answer.document, client.view) : render_one(answer.document, client.view));
  return 0;
}

int decide(Client& client, const DecideOptions& options, bool approve) {
  std::string digest = options.digest;
  if (digest.empty()) {
    if (approve && !client.person)
      return wrong_usage(client, "nobody can be asked here: look with `settle approvals " + options.id +
                                     "`, and say --digest with the digest that it shows");
    Exchange shown = get(client, approval_path(options.id));
    if (const Refusal* refusal = std::get_if<Refusal>(&shown)) return refuse(client, *refusal);
    const Json& document = std::get<Answer>(shown).document;
    digest = text_of(document, "digest", "");
    if (approve && !confirmed(client, document))
      return wrong_usage(client, "nothing was approved, since you did not say yes");
  }
  Json body = Json::object({{"digest", digest}});
  if (!options.who.empty()) body.set("who", options.who);
  if (!options.reason.empty()) body.set("reason", options.reason);
  // The same word of the same person again changes nothing, so a lost answer may be asked for.
  Exchange seen =
      exchange_patiently(client, post(approval_path(options.id) + (approve ? ":approve" : ":reject"), body), kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, render_one(answer.document, client.view));
  return 0;
}

}  // namespace settle
