#include "cli/schedule_commands.h"

#include <ostream>

#include "cli/exchange.h"
#include "cli/render_table.h"

namespace settle {
namespace {

std::string path_of(const std::string& name) {
  return "/v1/schedules/" + percent_encode(name);
}

/// "0 9 * * 1-5 (Europe/Berlin)", or "every 15m".
std::string times_of(const Json& document) {
  const std::string every = text_of(document, "every", "");
  if (!every.empty()) return "every " + every;
  std::string crons;
  for (const Json& one : list_of(document, "cron")) crons += (crons.empty() ? "" : "; ") + write_json(one);
  if (crons.empty()) crons = text_of(document, "cron");
  return crons + " (" + text_of(document, "time_zone", "UTC") + ")";
}

Span state_of(const Json& document) {
  const Json* pause = document.find("pause");
  std::string state = text_of(document, "state");
  if (pause != nullptr && pause->is_object()) state += " (" + text_of(*pause, "code") + ")";
  if (flag_of(document, "attention")) return {state + " !", Style::red};
  return {state, text_of(document, "state") == "active" ? Style::green : Style::yellow};
}

std::string next_of(const Json& document) {
  const Json::Array& next = list_of(document, "next");
  return next.empty() ? "-" : clock_of(next.front(), "scheduled_at");
}

Line line_of(const Json& document, const std::string& what) {
  return {{"schedule "},
          {text_of(document, "name"), Style::bold},
          {what + ": "},
          state_of(document),
          {", " + times_of(document) + ", next " + next_of(document)}};
}

/// "started 12, skipped 3 (the last 2026-… : run_open), …": what became of its times.
std::vector<Line> counts_of(const Json& document) {
  Line counts = {{"  started " + short_of(document, "started") + ", triggered " + short_of(document, "triggered") +
                  ", skipped " + short_of(document, "skipped") + ", missed " + short_of(document, "missed") +
                  ", failed to start " + short_of(document, "failed_to_start")}};
  std::vector<Line> lines = {std::move(counts)};
  if (const Json* skipped = document.find("last_skipped"); skipped != nullptr && skipped->is_object())
    lines.push_back(
        {{"  last skipped: " + clock_of(*skipped, "scheduled_at") + ", " + text_of(*skipped, "why"), Style::yellow}});
  if (const Json* missed = document.find("last_missed"); missed != nullptr && missed->is_object())
    lines.push_back({{"  last missed: " + short_of(*missed, "count") + " from " + clock_of(*missed, "first") + " to " +
                          clock_of(*missed, "last") + ", " + text_of(*missed, "why"),
                      Style::yellow}});
  if (const Json* failure = document.find("last_failure"); failure != nullptr && failure->is_object())
    lines.push_back({{"  last failure: " + clock_of(*failure, "scheduled_at") + ", " + text_of(*failure, "code") +
                          ": " + text_of(*failure, "message"),
                      Style::red}});
  return lines;
}

std::vector<Line> runs_of(const Json& document) {
  Table table;
  table.heading = {"  RUN", "SCHEDULED", "STARTED", "OUTCOME"};
  for (const char* list : {"open", "recent"}) {
    for (const Json& run : list_of(document, list)) {
      const std::string outcome = text_of(run, "outcome", list == std::string_view("open") ? "open" : "ended");
      table.rows.push_back({{"  " + text_of(run, "workflow"), Style::bold},
                            {clock_of(run, "scheduled_at")},
                            {clock_of(run, "started_at")},
                            {outcome, outcome == "failed" ? Style::red : Style::plain}});
    }
  }
  return table.rows.empty() ? std::vector<Line>() : lay_out(table);
}

std::string draw_times(const Json& times, const View& view) {
  Table table;
  table.heading = {"SCHEDULED AT", "LOCAL TIME", "STARTS AT"};
  for (const Json& time : times.is_array() ? times.as_array() : Json::Array())
    table.rows.push_back(
        {{clock_of(time, "scheduled_at"), Style::bold}, {text_of(time, "local")}, {clock_of(time, "starts_at")}});
  return draw_lines(lay_out(table), view);
}

auto told(std::string what) {
  return [what = std::move(what)](const Json& document) { return line_of(document, what); };
}

}  // namespace

int put_schedule(Client& client, const ScheduleCommandOptions& options) {
  const Result<Json> document = read_document(client, options.file);
  if (!document) return refuse(client, refusal_of(document.error()));
  ApiRequest request = post(path_of(options.name), *document);
  request.method = "PUT";
  return ask_and_tell(client, request, told(" is as asked for"));
}

int list_schedules(Client& client) {
  std::string after;
  while (true) {
    Exchange seen = exchange_patiently(
        client, {.path = "/v1/schedules" + query_of({{"after", after}, {"limit", "200"}})}, kPatience);
    if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
    const Answer& answer = std::get<Answer>(seen);
    Table table;
    table.heading = {"NAME", "STATE", "TIMES", "NEXT", "OPEN", "STARTED", "SKIPPED", "MISSED"};
    for (const Json& one : list_of(answer.document, "schedules"))
      table.rows.push_back({{text_of(one, "name"), Style::bold},
                            state_of(one),
                            {times_of(one)},
                            {next_of(one)},
                            {std::to_string(list_of(one, "open").size())},
                            {short_of(one, "started")},
                            {short_of(one, "skipped")},
                            {short_of(one, "missed")}});
    print(client, answer, draw_lines(lay_out(table), client.view));
    after = text_of(answer.document, "next_after", "");
    if (after.empty()) return 0;
  }
}

int show_schedule(Client& client, const ScheduleCommandOptions& options) {
  Exchange seen = exchange_patiently(client, {.path = path_of(options.name)}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  const Json& document = answer.document;
  std::vector<Line> lines = {line_of(document, "")};
  if (const Json* pause = document.find("pause"); pause != nullptr && pause->is_object())
    lines.push_back({{"  paused by " + text_of(*pause, "by", "itself") + " at " + clock_of(*pause, "at") + ": " +
                          text_of(*pause, "reason"),
                      Style::yellow}});
  for (Line& line : counts_of(document)) lines.push_back(std::move(line));
  for (Line& line : runs_of(document)) lines.push_back(std::move(line));
  const Json* next = document.find("next");
  const bool comes = next != nullptr && next->is_array() && next->size() > 0;
  print(client, answer, draw_lines(lines, client.view) + (comes ? draw_times(*next, client.view) : ""));
  return 0;
}

int delete_schedule(Client& client, const ScheduleCommandOptions& options) {
  return ask_and_tell(client, {.method = "DELETE", .path = path_of(options.name)}, told(" is ended"));
}

int pause_schedule(Client& client, const ScheduleCommandOptions& options) {
  return ask_and_tell(client, post(path_of(options.name) + ":pause", Json::object({{"reason", options.reason}})),
                      told(""));
}

int resume_schedule(Client& client, const ScheduleCommandOptions& options) {
  return ask_and_tell(client, {.method = "POST", .path = path_of(options.name) + ":resume"}, told(""));
}

int trigger_schedule(Client& client, const ScheduleCommandOptions& options) {
  const Json body = options.allow_overlap ? Json::object({{"overlap", "allow"}}) : Json::object();
  ApiRequest request = post(path_of(options.name) + ":trigger", body);
  request.headers.emplace_back("Idempotency-Key", options.key.empty() ? client.fresh_key() : options.key);
  Exchange seen = exchange_patiently(client, request, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, text_of(answer.document, "id") + "\n");
  return 0;
}

int preview_schedule(Client& client, const ScheduleCommandOptions& options) {
  Result<Json> document = read_document(client, options.file);
  if (!document) return refuse(client, refusal_of(document.error()));
  if (document->is_object() && options.count > 0) document->set("count", options.count);
  if (document->is_object() && !options.after.empty()) document->set("after", options.after);
  Exchange seen = exchange_patiently(client, post("/v1/schedules:preview", *document), kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  const Json* times = answer.document.find("times");
  print(client, answer, draw_times(times == nullptr ? Json() : *times, client.view));
  return 0;
}

}  // namespace settle
