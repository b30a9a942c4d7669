#include "cli/subscription_commands.h"

#include <ostream>

#include "cli/exchange.h"
#include "cli/render_table.h"

namespace settle {
namespace {

std::string path_of(const std::string& name) {
  return "/v1/subscriptions/" + percent_encode(name);
}

std::string letters_path(const DeadLetterOptions& options) {
  return path_of(options.subscription) + "/dead_letters" +
         (options.letter.empty() ? "" : "/" + percent_encode(options.letter));
}

std::string joined(const Json& document, std::string_view name) {
  std::string out;
  for (const Json& one : list_of(document, name))
    out += (out.empty() ? "" : ",") + (one.is_string() ? one.as_string() : write_json(one));
  return out.empty() ? "all" : out;
}

Style style_of(const std::string& state) {
  if (state == "active") return Style::green;
  return state == "disabled" ? Style::red : Style::yellow;
}

std::string state_of(const Json& document) {
  const std::string reason = text_of(document, "reason", "");
  return text_of(document, "state") + (reason.empty() ? "" : " (" + reason + ")");
}

Json texts(const std::vector<std::string>& list) {
  Json::Array out;
  for (const std::string& text : list) out.emplace_back(text);
  return Json(std::move(out));
}

std::string draw_subscriptions(const Json& answer, const View& view) {
  Table table;
  table.heading = {"NAME", "STATE", "TYPES", "URL", "BEHIND", "DELIVERED", "DEAD"};
  for (const Json& one : list_of(answer, "subscriptions")) {
    table.rows.push_back({{text_of(one, "name"), Style::bold},
                          {state_of(one), style_of(text_of(one, "state"))},
                          {joined(one, "types")},
                          {text_of(one, "url")},
                          {short_of(one, "behind")},
                          {short_of(one, "delivered")},
                          {short_of(one, "dead_letters")}});
  }
  return draw_lines(lay_out(table), view);
}

Line line_of(const Json& document, const std::string& what) {
  const std::string state = text_of(document, "state");
  return {{"subscription "},
          {text_of(document, "name"), Style::bold},
          {what + ": "},
          {state_of(document), style_of(state)},
          {", to " + text_of(document, "url")}};
}

/// The secret alone on `out`, for a file; the rest for people.
int print_with_secret(Client& client, const Answer& answer, const std::string& what) {
  const std::string secret = text_of(answer.document, "secret", "");
  print(client, answer, secret.empty() ? draw_line(line_of(answer.document, what), client.view) + "\n" : secret + "\n");
  if (client.json || secret.empty()) return 0;
  Line line = line_of(answer.document, what);
  line.push_back({"; its secret is shown this once"});
  client.err << draw_line(line, client.error_view) << '\n' << std::flush;
  return 0;
}

auto told(std::string what) {
  return [what = std::move(what)](const Json& document) { return line_of(document, what); };
}

}  // namespace

int put_subscription(Client& client, const SubscriptionOptions& options) {
  Json body = Json::object({{"url", options.url}});
  if (!options.types.empty()) body.set("types", texts(options.types));
  if (!options.workflows.empty()) body.set("workflows", texts(options.workflows));
  if (!options.name_spaces.empty()) body.set("namespaces", texts(options.name_spaces));
  for (const std::string& label : options.labels) {
    const auto [name, value] = split_label(label);
    if (body.find("labels") == nullptr) body.set("labels", Json::object());
    body.find("labels")->set(name, value);
  }
  if (!options.credential.empty()) body.set("credential", options.credential);
  if (!options.from.empty()) body.set("from", options.from);
  ApiRequest request = post(path_of(options.name), body);
  request.method = "PUT";
  Exchange seen = exchange(client, request);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  return print_with_secret(client, answer, answer.status == 201 ? " is made" : " is as asked for");
}

int list_subscriptions(Client& client) {
  Exchange seen = exchange_patiently(client, {.path = "/v1/subscriptions"}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, draw_subscriptions(answer.document, client.view));
  return 0;
}

int show_subscription(Client& client, const SubscriptionOptions& options) {
  Exchange seen = exchange_patiently(client, {.path = path_of(options.name)}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  std::vector<Line> lines = {line_of(answer.document, "")};
  for (const JsonMember& member : answer.document.as_object()) {
    const bool plain = member.value.is_string() && member.name != "name" && member.name != "url";
    if (member.value.is_null() || member.name == "name" || member.name == "url") continue;
    lines.push_back(
        {{"  " + member.name + "  ", Style::dim}, {plain ? member.value.as_string() : write_json(member.value)}});
  }
  print(client, answer, draw_lines(lines, client.view));
  return 0;
}

int delete_subscription(Client& client, const SubscriptionOptions& options) {
  return ask_and_tell(client, {.method = "DELETE", .path = path_of(options.name)},
                      told(" is gone with its dead letters; it was"));
}

int operate_subscription(Client& client, const std::string& verb, const SubscriptionOptions& options) {
  ApiRequest request = {.method = "POST", .path = path_of(options.name) + ":" + verb};
  if (!options.from.empty()) request = post(request.path, Json::object({{"from", options.from}}));
  return ask_and_tell(client, request, told(""));
}

int rotate_secret(Client& client, const SubscriptionOptions& options) {
  Json body = Json::object();
  if (!options.overlap.empty()) body.set("overlap", options.overlap);
  if (!options.credential.empty()) body.set("credential", options.credential);
  Exchange seen = exchange(client, post(path_of(options.name) + ":rotate_secret", body));
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  return print_with_secret(client, std::get<Answer>(seen), " has another secret");
}

int list_dead_letters(Client& client, const DeadLetterOptions& options) {
  std::string after = options.after;
  while (true) {
    const std::string path = letters_path(options) + query_of({{"after", after}, {"limit", "1000"}});
    Exchange seen = exchange_patiently(client, {.path = path}, kPatience);
    if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
    const Answer& answer = std::get<Answer>(seen);
    Table table;
    table.heading = {"ID", "WORKFLOW", "SEQ", "ATTEMPTS", "LAST AT", "ERROR", ""};
    for (const Json& one : list_of(answer.document, "dead_letters")) {
      const Json* error = one.find("error");
      const Json* redriving = one.find("redriving");
      table.rows.push_back({{text_of(one, "id"), Style::bold},
                            {text_of(one, "workflow", "-")},
                            {short_of(one, "seq")},
                            {short_of(one, "attempts")},
                            {clock_of(one, "last_at")},
                            {error == nullptr ? "-" : text_of(*error, "code"), Style::red},
                            {redriving != nullptr && *redriving == Json(true) ? "redriving" : ""}});
    }
    print(client, answer, draw_lines(lay_out(table), client.view));
    after = text_of(answer.document, "next_after", "");
    if (after.empty()) return 0;
  }
}

int show_dead_letter(Client& client, const DeadLetterOptions& options) {
  Exchange seen = exchange_patiently(client, {.path = letters_path(options)}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, write_json(answer.document, 2) + "\n");
  return 0;
}

int operate_dead_letters(Client& client, const std::string& verb, const DeadLetterOptions& options) {
  Exchange seen = exchange_patiently(client, {.method = "POST", .path = letters_path(options) + ":" + verb}, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  const std::string done = verb == "redrive" ? "redriven" : "purged";
  print(client, answer, short_of(answer.document, done) + " " + done + "\n");
  return 0;
}

int show_feed(Client& client, const FeedOptions& options) {
  std::string after = options.after;
  while (true) {
    const std::string path =
        "/v1/events" +
        query_of({{"after", after}, {"limit", "1000"}, {"type", options.type}, {"wait", options.follow ? "30s" : ""}});
    Exchange seen = exchange_patiently(client, {.path = path}, kPatience);
    if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
    const Json& page = std::get<Answer>(seen).document;
    for (const Json& event : list_of(page, "events")) client.out << write_json(event) << '\n';
    client.out << std::flush;
    const std::string next = text_of(page, "next_after");
    const bool over = list_of(page, "events").empty() && next == after;
    after = next;
    if (over && !options.follow) return 0;
  }
}

namespace {

int ask_retention(Client& client, const ApiRequest& request, const std::string& held) {
  return ask_and_tell(client, request, [&held](const Json& document) -> Line {
    const std::string since = text_of(document, "held_since", "");
    return {{"retention " + held + (since.empty() ? " not held" : " held since " + since)}};
  });
}

}  // namespace

int show_retention(Client& client) {
  return ask_retention(client, {.path = "/v1/retention"}, "is");
}

int release_retention(Client& client) {
  return ask_retention(client, {.method = "POST", .path = "/v1/retention:release"}, "was");
}

}  // namespace settle
