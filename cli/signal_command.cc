#include <ostream>

#include "cli/client_commands.h"
#include "cli/exchange.h"
#include "cli/render_table.h"

namespace settle {

int signal(Client& client, const SignalOptions& options) {
  Json body = Json::object();
  if (!options.payload.empty()) {
    Result<Json> payload = read_argument(client, "--payload", options.payload);
    if (!payload) return refuse(client, refusal_of(payload.error()));
    body.set("payload", *std::move(payload));
  }
  const ApiRequest request = {.method = "POST",
                              .path = workflow_path(options.id) + "/signals/" + percent_encode(options.name),
                              .body = write_json(body),
                              .headers = {{"Content-Type", "application/json"},
                                          {"Idempotency-Key", options.key.empty() ? client.fresh_key() : options.key}}};
  Exchange seen = exchange_patiently(client, request, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  Line line = {{"signal "}, {text_of(answer.document, "name"), Style::bold}};
  line.push_back({" of workflow " + text_of(answer.document, "workflow")});
  line.push_back({answer.status == 201 ? " is durable" : " came before; nothing changed"});
  const std::string taker = text_of(answer.document, "taken_by", "");
  line.push_back({taker.empty() ? "; nobody has taken it yet" : "; taken by " + taker});
  print(client, answer, draw_line(line, client.view) + "\n");
  return 0;
}

}  // namespace settle
