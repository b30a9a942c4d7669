#include "engine/approvals.h"

#include "base/json_parts.h"
#include "base/text.h"
#include "storage/keys.h"

namespace settle {
namespace {

Error no_approval(const std::string& id) {
  return fail(ErrorCode::not_found, "there is no approval \"" + shorten(id, 80) + "\"");
}

Json decision_documents(const ApprovalRequest& request) {
  Json::Array out;
  for (const ApprovalDecision& one : request.decisions) {
    out.push_back(Json::object({{"by", one.by},
                                {"decision", one.approved ? "approved" : "rejected"},
                                {"reason", text_or_null(one.reason)},
                                {"at", format_time(one.at)}}));
  }
  return Json(std::move(out));
}

/// Where the call goes; null: a tool of Settle's own makes none.
Json call_document(const Tool& tool) {
  if (tool.builtin != Builtin::none) return {};
  return Json::object({{"connector", tool.execute.connector},
                       {"method", tool.execute.method},
                       {"url", tool.execute.url.constant_prefix()},
                       {"credential", text_or_null(tool.execute.credential)}});
}

Json line_of(const Workflow& workflow, ActionIndex run, const ApprovalRequest& request) {
  const ActionState& state = workflow.actions[run];
  const Tool& tool = *workflow.call_of(run).tool;
  const bool gate = tool.builtin == Builtin::approve && state.input != nullptr;
  Json out = Json::object();
  out.set("id", approval_id(workflow, run, request.number));
  out.set("state", name_of(request.state));
  out.set("workflow", workflow.header.id);
  out.set("name", workflow.plan->name);
  out.set("action", workflow.action_of(run).id);
  out.set("element", state.element ? Json(static_cast<std::int64_t>(*state.element)) : Json());
  out.set("role", name_of(state.role));
  out.set("tool", Json::object({{"name", tool.name}, {"version", tool.version_text()}, {"risk", name_of(tool.risk)}}));
  out.set("title", gate ? Json(text_member(*state.input, "title")) : Json());
  out.set("submitted_by", text_or_null(workflow.header.submitted_by));
  out.set("requested_at", format_time(request.requested_at));
  out.set("expires_at", format_time(request.expires_at));
  out.set("on_expiry", name_of(request.on_expiry));
  out.set("escalated", request.escalated);
  out.set("four_eyes", request.four_eyes);
  out.set("approvers", static_cast<std::int64_t>(request.approvers));
  out.set("approved", static_cast<std::int64_t>(request.approvals()));
  out.set("digest", request.digest);
  out.set("decisions", decision_documents(request));
  return out;
}

/// A page of the two lists.
struct Lines {
  Json::Array found;
  std::size_t scanned = 0;
  std::string last;
  bool more = false;
  std::optional<Error> error;
};

constexpr std::size_t scanned_max = 20'000;  // a page of a rare filter may come back short, with a cursor to go on

bool take_line(const ApprovalQuery& query, std::string_view key, std::string_view value, Lines& page) {
  Result<StoredApproval> stored = decode_approval(value);
  if (!stored) {
    page.error = stored.error();
    return false;
  }
  if (page.found.size() >= query.limit || page.scanned >= scanned_max) {
    page.more = true;
    return false;
  }
  ++page.scanned;
  page.last = to_hex(key);
  const bool fits =
      (!query.state || stored->state == *query.state) && (query.workflow.empty() || stored->workflow == query.workflow);
  if (fits) page.found.push_back(std::move(stored->document));
  return true;
}

/// The bytes that to_hex() wrote, or null.
std::optional<std::string> from_hex(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  if (text.size() % 2 != 0 || text.size() > 1'024) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = digits.find(text[i]), low = digits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}

}  // namespace

Json approval_document(const Workflow& workflow, ActionIndex run, const ApprovalRequest& request) {
  const ActionState& state = workflow.actions[run];
  Json out = line_of(workflow, run, request);
  out.set("plan_digest", workflow.header.plan_digest);
  out.set("why", why_asked(workflow, run));
  // What a request of before has asked for is not what the configuration says now.
  const bool stands = request.digest == approval_digest(workflow, run);
  out.set("call", stands ? call_document(*workflow.call_of(run).tool) : Json());
  out.set("input", state.input ? *state.input : Json());
  return out;
}

void put_approval(const Workflow& workflow, const ApprovalChange& change, WriteBatch& batch) {
  const std::string& space = workflow.header.name_space;
  const ApprovalRequest& request = change.request;
  const std::string id = approval_id(workflow, change.run, request.number);
  const bool open = request.state == ApprovalState::open;
  const auto record = [&](Json document) {
    return encode_approval({workflow.header.id, request.state, std::move(document)});
  };
  batch.put(Family::index, keys::approval(space, id), record(approval_document(workflow, change.run, request)));
  if (!open) batch.erase(Family::index, keys::approval_line(space, true, request.requested_at, id));
  batch.put(Family::index, keys::approval_line(space, open, request.requested_at, id),
            record(line_of(workflow, change.run, request)));
}

Shard::Operation decide_operation(std::string id, Verdict verdict) {
  return [id = std::move(id), verdict = std::move(verdict)](Workflow& workflow,
                                                            const Moment& moment) -> Result<Transition> {
    const std::optional<ActionIndex> run = run_of_approval(workflow, id);
    if (run) return on_decide(workflow, *run, verdict, moment);
    return fail(ErrorCode::wrong_state, "approval \"" + id + "\" was decided, or its workflow has been retried since");
  };
}

Result<Json> Engine::approvals(const ApprovalQuery& query) const {
  const std::string& space = query.name_space;
  std::string from;
  if (!query.cursor.empty()) {
    const std::optional<std::string> last = from_hex(query.cursor);
    if (!last || last->empty()) return fail(ErrorCode::invalid_argument, "this cursor is none that the list gave");
    from = *last + '\0';
  }
  // First the open ones, then the others: the keys are in another order, so the cursor says in which list it is.
  std::vector<bool> lists;
  if (!query.state || *query.state == ApprovalState::open) lists.push_back(true);
  if (!query.state || *query.state != ApprovalState::open) lists.push_back(false);
  const std::unique_ptr<Reader> reader = store_.snapshot();
  Lines page;
  bool begun = from.empty();
  for (const bool open : lists) {
    const std::string prefix = keys::approval_lines(space, open);
    if (!begun && !from.starts_with(prefix)) continue;  // the page before had come to its end
    const Result<void> scanned =
        reader->scan(Family::index, {.from = begun ? prefix : from, .to = keys::after(prefix)},
                     [&](std::string_view key, std::string_view value) { return take_line(query, key, value, page); });
    if (!scanned) return scanned.error();
    if (page.error) return *page.error;
    begun = true;
    if (page.more) break;
  }
  if (!begun) return fail(ErrorCode::invalid_argument, "this cursor is none that the list gave");
  return Json::object({{"approvals", std::move(page.found)}, {"next_cursor", page.more ? Json(page.last) : Json()}});
}

Result<Json> Engine::approval(const std::string& name_space, const std::string& id) const {
  const Result<std::optional<std::string>> stored =
      is_name(id) ? store_.snapshot()->get(Family::index, keys::approval(name_space, id))
                  : Result<std::optional<std::string>>(std::optional<std::string>());
  if (!stored) return stored.error();
  if (!*stored) return no_approval(id);
  Result<StoredApproval> approval = decode_approval(**stored);
  if (!approval) return std::move(approval).error();
  return std::move(approval->document);
}

void Engine::decide(const std::string& name_space, const std::string& id, Verdict verdict, Loop& loop,
                    std::function<void(Result<Json>)> done, AuditNotePtr audit) {
  const Result<Json> known = approval(name_space, id);
  if (!known) return on(loop, [done, error = known.error()] { done(error); });
  const std::string workflow = text_member(*known, "workflow");
  operate(
      name_space, workflow, decide_operation(id, std::move(verdict)), loop,
      [this, name_space, id, done = std::move(done)](const Result<WorkflowText>& decided) {
        done(decided ? approval(name_space, id) : Result<Json>(decided.error()));
      },
      std::move(audit));
}

}  // namespace settle
