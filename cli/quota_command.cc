#include <ostream>

#include "cli/client_commands.h"
#include "cli/exchange.h"
#include "cli/render_table.h"

namespace settle {

int show_quotas(Client& client) {
  Exchange seen = exchange_patiently(client, {.path = "/v1/quotas"}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  Table table{{"QUOTA OF " + text_of(answer.document, "namespace"), "USED", "LIMIT"}, {}};
  for (const auto& [member, spoken_name] :
       {std::pair{"open_workflows", "open workflows"}, std::pair{"bytes", "bytes of open workflows"},
        std::pair{"requests_per_second", "requests per second"}}) {
    const Json* quota = answer.document.find(member);
    const Json none = Json::object();
    const Json& shown = quota == nullptr ? none : *quota;
    table.rows.push_back({{spoken_name}, {short_of(shown, "used")}, {short_of(shown, "limit", "none")}});
  }
  print(client, answer, draw_lines(lay_out(table), client.view));
  return 0;
}

}  // namespace settle
