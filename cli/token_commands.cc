#include "cli/token_commands.h"

#include <algorithm>
#include <ostream>

#include "cli/exchange.h"
#include "cli/render_table.h"

namespace settle {

namespace {

std::string scopes_of(const Json& token) {
  std::string out;
  for (const Json& scope : list_of(token, "scopes"))
    out += (out.empty() ? "" : ",") + (scope.is_string() ? scope.as_string() : write_json(scope));
  return out;
}

std::string draw_tokens(const Json& answer, const View& view) {
  Table table;
  table.heading = {"ID", "NAME", "NAMESPACE", "SCOPES", "EXPIRES", "STATE"};
  for (const Json& token : list_of(answer, "tokens")) {
    const bool revoked = !text_of(token, "revoked_at", "").empty();
    const std::string expires = text_of(token, "expires_at", "");
    const std::optional<Time> end = parse_time(expires);
    const bool expired = end && view.now && *end <= *view.now;
    table.rows.push_back({{text_of(token, "id"), Style::bold},
                          {text_of(token, "name")},
                          {text_of(token, "namespace")},
                          {scopes_of(token)},
                          {expires.empty() ? "never" : clock_of(token, "expires_at")},
                          {revoked   ? "revoked"
                           : expired ? "expired"
                                     : "valid",
                           revoked || expired ? Style::red : Style::green}});
  }
  return draw_lines(lay_out(table), view);
}

void show_records(Client& client, const AuditOptions& options, const Json::Array& records) {
  if (client.json || options.as_lines) {
    for (const Json& record : records) client.out << write_json(record) << '\n';
    client.out << std::flush;
    return;
  }
  std::vector<Line> lines;
  for (const Json& record : records) {
    const bool done = text_of(record, "outcome") == "done";
    Line line = {{short_of(record, "seq") + "  ", Style::dim},
                 {clock_of(record, "at") + "  "},
                 {text_of(record, "who", "(nobody)"), Style::bold},
                 {"  " + text_of(record, "action") + "  " + text_of(record, "target") + "  "},
                 {text_of(record, "outcome"), done ? Style::green : Style::red}};
    const std::string why = text_of(record, "why", "");
    if (!why.empty()) line.push_back({"  " + why});
    lines.push_back(std::move(line));
  }
  client.out << draw_lines(lines, client.view) << std::flush;
}

}  // namespace

int list_audit(Client& client, const AuditOptions& options) {
  constexpr std::int64_t kPage = 1'000;
  std::int64_t after = options.after;
  std::int64_t left = options.limit;
  while (true) {
    const std::int64_t wanted = options.limit == 0 ? kPage : std::min(left, kPage);
    const std::string path =
        "/v1/audit" + query_of({{"after", std::to_string(after)}, {"limit", std::to_string(wanted)}});
    Exchange seen = exchange_patiently(client, {.path = path}, kPatience);
    if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
    const Json& page = std::get<Answer>(seen).document;
    const Json::Array& records = list_of(page, "records");
    show_records(client, options, records);
    left -= static_cast<std::int64_t>(records.size());
    const Json* next = page.find("next_after");
    const std::int64_t reached = next != nullptr && next->is_integer() ? next->as_integer() : after;
    if (reached == after || (options.limit != 0 && left <= 0)) return 0;
    after = reached;
  }
}

int create_token(Client& client, const TokenOptions& options) {
  Json::Array scopes;
  for (const std::string& scope : options.scopes) scopes.emplace_back(scope);
  Json body = Json::object({{"name", options.name}, {"scopes", std::move(scopes)}});
  if (options.all_name_spaces) body.set("namespace", "*");
  if (!options.expires.empty()) body.set("expires", options.expires);
  Exchange seen = exchange(client, post("/v1/tokens", body));
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, text_of(answer.document, "token") + "\n");
  if (client.json) return 0;
  const std::string expires = text_of(answer.document, "expires_at", "");
  const Line line = {{"token "},
                     {text_of(answer.document, "id"), Style::bold},
                     {" for " + text_of(answer.document, "name") + ": " + scopes_of(answer.document) +
                      " of namespace " + text_of(answer.document, "namespace")},
                     {expires.empty() ? ", for good" : ", until " + clock_of(answer.document, "expires_at") + " UTC"},
                     {"; it is shown this once"}};
  client.err << draw_line(line, client.error_view) << '\n' << std::flush;
  return 0;
}

int list_tokens(Client& client) {
  Exchange seen = exchange_patiently(client, {.path = "/v1/tokens"}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, draw_tokens(answer.document, now_view(client)));
  return 0;
}

int revoke_token(Client& client, const TokenOptions& options) {
  const ApiRequest request = {.method = "POST", .path = "/v1/tokens/" + percent_encode(options.id) + ":revoke"};
  Exchange seen = exchange_patiently(client, request, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  const Line line = {{"token "},
                     {text_of(answer.document, "id"), Style::bold},
                     {" of " + text_of(answer.document, "name") + " was revoked at " +
                      clock_of(answer.document, "revoked_at") + " UTC"}};
  print(client, answer, draw_line(line, client.view) + "\n");
  return 0;
}

}  // namespace settle
