#include "cli/client_commands.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <ostream>

#include "cli/exchange.h"
#include "cli/render_problem.h"
#include "cli/render_receipt.h"
#include "cli/render_table.h"
#include "cli/render_tree.h"

namespace settle {

namespace {

using Renderer = std::string (*)(const Json&, const View&);

// One page of a listing of events: the most that the server gives.
constexpr int kEventsPage = 500;
// What the server holds a `?wait` open for at most; more is several requests.
constexpr Duration kWaitSlice{30'000};
// A server that restarts while one waits is waited for.
constexpr Duration kRestartPatience{60'000};

// The commands that ask for one document and show it.
int show_document(Client& client, const std::string& path, Renderer render) {
  Exchange seen = exchange_patiently(client, {.path = path}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, render(answer.document, now_view(client)));
  return 0;
}

Json submission_of(const SubmitOptions& options, Json plan) {
  Json body = Json::object();
  if (!options.id.empty()) body.set("id", options.id);
  body.set("plan", std::move(plan));
  Json labels = Json::object();
  for (const std::string& label : options.labels) {
    auto [key, value] = split_label(label);
    labels.set(key, value);
  }
  if (labels.size() > 0) body.set("labels", std::move(labels));
  return body;
}

// Asks for the workflow until it has ended, needs a person, or the time is over; the last document seen.
Exchange await_end(Client& client, const std::string& id, Duration wait, Until until) {
  const Duration deadline = client.ticks() + wait;
  while (true) {
    const Duration asked = client.ticks();
    const Duration left = std::max(Duration{0}, deadline - asked);
    const Duration slice = std::min(left, kWaitSlice);
    const std::string query =
        query_of({{"wait", format_duration(slice)}, {"until", until == Until::attention ? "attention" : ""}});
    Exchange seen = exchange_patiently(client, {.path = workflow_path(id) + query}, std::min(left, kRestartPatience));
    const Answer* answer = std::get_if<Answer>(&seen);
    if (answer == nullptr) return seen;
    const bool ended = text_of(answer->document, "status", "") == "ended";
    const bool stuck = until == Until::attention && flag_of(answer->document, "attention");
    if (ended || stuck || client.ticks() >= deadline) return seen;
    // A server that answers a wait at once, which it should not, must not be asked in a tight loop.
    if (client.ticks() - asked < Duration{50}) client.pause(Duration{50});
  }
}

void say_accepted(Client& client, const Answer& answer) {
  Line line = {{"workflow "}, {text_of(answer.document, "id"), Style::bold}};
  line.push_back({answer.status == 201 ? " accepted and durable" : " is known already; nothing new was started"});
  client.out << draw_line(line, client.view) << "\n" << std::flush;
}

}  // namespace

int exit_code_of_workflow(const Json& workflow) {
  const std::string outcome = text_of(workflow, "outcome", "");
  if (outcome == "verified" || outcome == "executed") return 0;
  if (outcome == "failed") return kExitFailed;
  if (outcome == "cancelled") return kExitCancelled;
  return flag_of(workflow, "attention") ? kExitAttention : kExitStillRunning;
}

int submit(Client& client, const SubmitOptions& options) {
  Result<Json> plan = read_document(client, options.file);
  if (!plan) return refuse(client, refusal_of(plan.error()));

  ApiRequest request = post("/v1/workflows", submission_of(options, *std::move(plan)));
  // An id of the caller's makes a repeat harmless by itself; otherwise the key does.
  const bool keyed = !options.idempotency_key.empty() || options.id.empty();
  if (keyed) {
    request.headers.emplace_back("Idempotency-Key",
                                 options.idempotency_key.empty() ? client.fresh_key() : options.idempotency_key);
  }
  Exchange seen = exchange_patiently(client, request, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& accepted = std::get<Answer>(seen);
  if (!client.json) say_accepted(client, accepted);
  if (!options.wait) {
    if (client.json) print(client, accepted, "");
    return 0;
  }

  Exchange last = await_end(client, text_of(accepted.document, "id"), *options.wait, options.until);
  if (const Refusal* refusal = std::get_if<Refusal>(&last)) return refuse(client, *refusal);
  const Answer& end = std::get<Answer>(last);
  print(client, end, render_workflow(end.document, now_view(client)));
  return exit_code_of_workflow(end.document);
}

int check(Client& client, const CheckOptions& options) {
  Result<Json> plan = read_document(client, options.file);
  if (!plan) return refuse(client, refusal_of(plan.error()));

  Exchange seen =
      exchange_patiently(client, post("/v1/plans:check", Json::object({{"plan", *std::move(plan)}})), kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  const Line line = {{"valid", Style::green},
                     {": " + short_of(answer.document, "actions", "0") + " actions, plan "},
                     {text_of(answer.document, "plan_digest"), Style::dim}};
  print(client, answer, draw_line(line, client.view) + "\n" + render_warnings(answer.document, client.view));
  return 0;
}

int list_workflows(Client& client, const ListOptions& options) {
  std::vector<std::pair<std::string, std::string>> query = filters_of(options.filter);
  query.insert(query.end(), {{"limit", std::to_string(options.limit)}, {"cursor", options.cursor}});
  return show_document(client, "/v1/workflows" + query_of(query), render_workflows);
}

int show(Client& client, const IdOptions& options) {
  return show_document(client, workflow_path(options.id), render_workflow);
}

int receipts(Client& client, const IdOptions& options) {
  return show_document(client, workflow_path(options.id) + "/receipts", render_receipts);
}

int receipt(Client& client, const IdOptions& options) {
  return show_document(client, "/v1/receipts/" + percent_encode(options.id), render_receipt);
}

int report(Client& client, const IdOptions& options) {
  return show_document(client, workflow_path(options.id) + "/report", render_report);
}

int events(Client& client, const EventsOptions& options) {
  Json all = Json::object({{"events", Json::array()}, {"next_after", options.after}});
  Json::Array& gathered = all.find("events")->as_array();
  std::int64_t after = options.after;
  while (options.limit == 0 || gathered.size() < static_cast<std::size_t>(options.limit)) {
    const int left = options.limit == 0 ? kEventsPage : options.limit - static_cast<int>(gathered.size());
    const int page = std::min(left, kEventsPage);
    const std::string query = query_of({{"after", std::to_string(after)}, {"limit", std::to_string(page)}});
    Exchange seen = exchange_patiently(client, {.path = workflow_path(options.id) + "/events" + query}, kPatience);
    if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);

    const Json& document = std::get<Answer>(seen).document;
    const Json::Array& some = list_of(document, "events");
    if (!client.json) {
      if (!some.empty()) client.out << render_events(document, client.view);
    }
    gathered.insert(gathered.end(), some.begin(), some.end());
    const Json* next = document.find("next_after");
    if (some.empty() || next == nullptr || !next->is_integer() || next->as_integer() <= after) break;
    after = next->as_integer();
  }
  if (client.json) {
    all.set("next_after", after);
    client.out << write_json(all) << '\n';
  } else if (gathered.empty()) {
    client.out << "no events\n";
  }
  client.out << std::flush;
  return 0;
}

int list_tools(Client& client) {
  return show_document(client, "/v1/tools", render_tools);
}

int get_tool(Client& client, const ToolsOptions& options) {
  auto render = [](const Json& answer, const View&) {
    const Json* document = answer.find("document");
    // The document goes back into a file as it is, so nothing but JSON's own escapes is applied to it.
    return write_json(document == nullptr ? answer : *document, 2) + "\n";
  };
  return show_document(client, "/v1/tools/" + percent_encode(options.name), render);
}

namespace {

int put_tool(Client& client, const std::string& file) {
  Result<Json> document = read_document(client, file);
  if (!document) return refuse(client, refusal_of(document.error()));
  const std::string name = text_of(*document, "name", "");
  if (name.empty()) {
    const Problem problem = {"/name", "required", "the name of the tool", "nothing", "a tool document has a name"};
    return refuse(client, refusal_of(fail(ErrorCode::invalid_tool, file + ": the tool has no name", {problem})));
  }

  ApiRequest request = post("/v1/tools/" + percent_encode(name), *document);
  request.method = "PUT";
  Exchange seen = exchange_patiently(client, request, kPatience);
  if (Refusal* refusal = std::get_if<Refusal>(&seen)) {
    const std::string detail = text_of(refusal->problem, "detail", "");
    refusal->problem.set("detail", (file == "-" ? "standard input" : file) + (detail.empty() ? "" : ": " + detail));
    return refuse(client, *refusal);
  }
  const Answer& answer = std::get<Answer>(seen);
  const Line line = {{text_of(answer.document, "name"), Style::bold},
                     {"  " + short_hash(text_of(answer.document, "version")), Style::dim},
                     {answer.status == 201 ? "  new version" : "  known already"}};
  print(client, answer, draw_line(line, client.view) + "\n");
  return 0;
}

}  // namespace

int put_tools(Client& client, const ToolsOptions& options) {
  int first_refused = 0;
  for (const std::string& file : options.files) {
    const int code = put_tool(client, file);
    if (first_refused == 0) first_refused = code;
  }
  return first_refused;
}

int sandbox_log(Client& client) {
  return show_document(client, "/_sandbox/log", render_sandbox_log);
}

int sandbox_summary(Client& client) {
  Exchange seen = exchange_patiently(client, {.path = "/_sandbox/summary"}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, render_sandbox_summary(answer.document, client.view));
  return short_of(answer.document, "duplicates", "0") == "0" ? 0 : kExitDuplicates;
}

int sandbox_fault(Client& client, const SandboxOptions& options) {
  if (options.fault.empty() && !options.clear) {
    return refuse(client, refusal_of(fail(ErrorCode::invalid_argument, "name a fault, or say --clear")));
  }
  Json match = Json::object();
  if (!options.method.empty()) match.set("method", options.method);
  if (!options.path_prefix.empty()) match.set("path_prefix", options.path_prefix);
  if (options.nth > 0) match.set("nth", options.nth);
  Json body = Json::object({{"match", std::move(match)}, {"fault", options.fault}, {"times", options.times}});
  if (options.delay_ms) body.set("delay_ms", *options.delay_ms);
  ApiRequest request = post("/_sandbox/faults", body);
  if (options.clear) request = {.method = "DELETE", .path = "/_sandbox/faults"};

  // Arming twice would be two faults, so this one is never repeated.
  Exchange seen = exchange(client, request);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  print(client, std::get<Answer>(seen), options.clear ? "all faults disarmed\n" : options.fault + " armed\n");
  return 0;
}

}  // namespace settle
