// Subscriptions: where events are delivered to. Made by admins, watched by those who run the plant.

#include <algorithm>

#include "api/api.h"
#include "base/text.h"
#include "engine/feed_filter.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr std::size_t list_max = 100;
constexpr std::size_t url_bytes_max = 2'048;
constexpr Duration usual_overlap{std::int64_t{24} * 3'600'000}, overlap_max{std::int64_t{30} * 24 * 3'600'000};

/// A list of texts that `fits` accepts.
std::vector<std::string> read_texts(Fields& fields, std::vector<Problem>& problems, std::string_view name,
                                    const std::string& code, const std::string& expected,
                                    bool (*fits)(std::string_view)) {
  std::vector<std::string> out;
  const Json* list = fields.take(name);
  if (list == nullptr) return out;
  if (!list->is_array() || list->size() > list_max) {
    fields.problem(name, "wrong_type", "a list of at most " + std::to_string(list_max) + ": " + expected,
                   "\"" + std::string(name) + "\" takes a list");
    return out;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& one = list->as_array()[i];
    if (one.is_string() && fits(one.as_string())) {
      out.push_back(one.as_string());
    } else {
      problems.push_back({fields.place_of(name) + "/" + std::to_string(i), code, expected, got_text(one),
                          "\"" + std::string(name) + "\" holds something else"});
    }
  }
  return out;
}

bool is_plan_name(std::string_view text) {
  return is_name(text);
}

bool is_name_space(std::string_view text) {
  return text == all_name_spaces || is_name(text);
}

bool sees_all(const Actor& actor) {
  return actor.token->name_space == all_name_spaces;
}

/// A path or a query may hold a secret of the receiver's: they stay out of the log.
std::string origin_only(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return "";
  const std::size_t host = scheme + 3, end = std::min(url.size(), url.find_first_of("/?#\\", host));
  std::string_view authority = url.substr(host, end - host);
  if (const std::size_t user = authority.rfind('@'); user != std::string_view::npos) authority.remove_prefix(user + 1);
  return std::string(url.substr(0, host)) + std::string(authority);
}

bool reaches_beyond(const Actor& actor, const std::vector<std::string>& name_spaces) {
  if (sees_all(actor)) return false;
  for (const std::string& one : name_spaces) {
    if (one != actor.name_space) return true;
  }
  return false;
}

/// "beginning", "end" or a cursor; checked by whoever reads the feed from there.
std::optional<FeedCursor> read_from(Fields& fields, const Reader& reader) {
  const std::optional<std::string> text = fields.text("from");
  if (!text || *text == "end") return std::nullopt;
  Result<FeedCursor> from = feed_begin(reader);
  const std::optional<FeedCursor> given = read_cursor(*text);
  if (*text != "beginning" && given) {
    const Result<void> usable = check_cursor(reader, *given);
    from = usable ? Result<FeedCursor>(*given) : Result<FeedCursor>(usable.error());
  }
  if (from && (*text == "beginning" || given)) return *from;
  fields.problem("from", "not_a_cursor", "beginning, end, or a cursor of the feed that is still kept",
                 from ? "this is no cursor" : from.error().message);
  return std::nullopt;
}

void append(std::vector<Problem>& problems, const Result<void>& checked) {
  if (!checked) problems.insert(problems.end(), checked.error().problems.begin(), checked.error().problems.end());
}

Error wrong(std::vector<Problem> problems) {
  return fail_for(ErrorCode::invalid_argument, std::move(problems));
}

/// What an answer with a secret says; kept by nobody on the way.
void answer(const Ask& ask, const Result<Outbox::Answer>& done) {
  if (!done) return ask.refuse(done.error());
  Json document = done->document;
  if (!done->secret.empty()) document.set("secret", done->secret);
  ask.json(done->created ? 201 : 200, document, {{"Cache-Control", "no-store"}});
}

}  // namespace

std::vector<Route> HttpApi::subscription_routes() {
  using enum Role;
  const auto to = [this](void (HttpApi::*method)(Ask)) {
    return [this, method](Ask ask) { (this->*method)(std::move(ask)); };
  };
  constexpr Rule readers = Rule::reads({operator_, auditor, admin});
  const auto admins = [](std::string_view action) { return Rule::changes({admin}, action); };
  const auto keepers = [](std::string_view action) { return Rule::changes({operator_, admin}, action); };
  return {
      {"PUT", "/v1/subscriptions/{name}", {}, true, admins("subscription.put"), to(&HttpApi::put_subscription)},
      {"GET", "/v1/subscriptions", {}, false, readers, to(&HttpApi::subscriptions)},
      {"GET", "/v1/subscriptions/{name}", {}, false, readers, to(&HttpApi::subscription)},
      {"DELETE",
       "/v1/subscriptions/{name}",
       {},
       false,
       admins("subscription.delete"),
       to(&HttpApi::delete_subscription)},
      {"POST",
       "/v1/subscriptions/{name}:pause",
       {},
       false,
       keepers("subscription.pause"),
       to(&HttpApi::pause_subscription)},
      {"POST",
       "/v1/subscriptions/{name}:resume",
       {},
       true,
       keepers("subscription.resume"),
       to(&HttpApi::resume_subscription)},
      {"POST",
       "/v1/subscriptions/{name}:rotate_secret",
       {},
       true,
       admins("subscription.rotate_secret"),
       to(&HttpApi::rotate_secret)},
      {"GET", "/v1/subscriptions/{name}/dead_letters", {"after", "limit"}, false, readers, to(&HttpApi::dead_letters)},
      {"GET", "/v1/subscriptions/{name}/dead_letters/{letter}", {}, false, readers, to(&HttpApi::dead_letter)},
      {"POST",
       "/v1/subscriptions/{name}/dead_letters:redrive",
       {},
       false,
       keepers("dead_letters.redrive"),
       to(&HttpApi::redrive)},
      {"POST",
       "/v1/subscriptions/{name}/dead_letters:purge",
       {},
       false,
       keepers("dead_letters.purge"),
       to(&HttpApi::purge)},
      {"POST",
       "/v1/subscriptions/{name}/dead_letters/{letter}:redrive",
       {},
       false,
       keepers("dead_letters.redrive"),
       to(&HttpApi::redrive)},
      {"POST",
       "/v1/subscriptions/{name}/dead_letters/{letter}:purge",
       {},
       false,
       keepers("dead_letters.purge"),
       to(&HttpApi::purge)},
  };
}

static Outbox::Which which_of(const Ask& ask) {
  return {ask.name_space(), ask.param(0), sees_all(ask.actor)};
}

void HttpApi::put_subscription(Ask ask) {
  if (engine_.stopping()) return ask.refuse(fail(ErrorCode::shutting_down, "the engine is shutting down"));
  if (!engine_.store().has_room()) return ask.refuse(fail(ErrorCode::disk_full, "the disk is nearly full"));
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  std::vector<Problem> problems;
  Fields fields(*body, "", problems);
  Outbox::Wanted wanted;
  wanted.name_space = ask.name_space();
  wanted.name = ask.param(0);
  wanted.by = ask.actor.who();
  wanted.sees_all = sees_all(ask.actor);
  if (!is_name(wanted.name))
    problems.push_back({"", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", shorten(wanted.name, 60),
                        "a subscription's name has other characters"});
  wanted.url = fields.needed_text("url");
  if (wanted.url.size() > url_bytes_max)
    fields.problem("url", "too_long", "at most " + std::to_string(url_bytes_max) + " bytes", "a URL is too long");
  wanted.credential = fields.text("credential").value_or("");
  wanted.filter.types = read_texts(fields, problems, "types", "not_an_event_type",
                                   "a type of event such as workflow.ended, workflow.* or *", is_type_pattern);
  wanted.filter.workflows = read_texts(fields, problems, "workflows", "not_a_name", "the name of a plan", is_plan_name);
  if (const Json* labels = fields.take("labels")) read_labels(*labels, "/labels", wanted.filter.labels, problems);
  wanted.name_spaces =
      read_texts(fields, problems, "namespaces", "not_a_name", "a namespace, or * for all", is_name_space);
  wanted.from = read_from(fields, *engine_.store().snapshot());
  fields.finish();
  const WebhookPorts& ports = engine_.outbox().signer().ports();
  if (!wanted.credential.empty() && ports.check_credential)
    append(problems, ports.check_credential(wanted.credential, wanted.name_space));
  if (!problems.empty()) return ask.refuse(wrong(std::move(problems)));
  if (reaches_beyond(ask.actor, wanted.name_spaces))
    return ask.refuse(fail(ErrorCode::forbidden, "token \"" + ask.actor.who() + "\" is of namespace \"" +
                                                     ask.actor.token->name_space +
                                                     "\" and sees no events of others; leave \"namespaces\" out"));
  ask.audit->entry.why = origin_only(wanted.url);
  const AuditNotePtr audit = ask.audit;
  engine_.outbox().put(
      std::move(wanted), loop_, [ask = std::move(ask)](const Result<Outbox::Answer>& done) { answer(ask, done); },
      audit);
}

void HttpApi::subscriptions(Ask ask) {
  const std::string name_space = ask.name_space();
  engine_.outbox().list(name_space, loop_, [ask = std::move(ask)](const Result<Json>& list) {
    if (!list) return ask.refuse(list.error());
    ask.json(200, *list);
  });
}

void HttpApi::subscription(Ask ask) {
  const Outbox::Which which = which_of(ask);
  engine_.outbox().show(which, loop_, [ask = std::move(ask)](const Result<Json>& document) {
    if (!document) return ask.refuse(document.error());
    ask.json(200, *document);
  });
}

void HttpApi::delete_subscription(Ask ask) {
  const Outbox::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  engine_.outbox().remove(
      which, loop_, [ask = std::move(ask)](const Result<Outbox::Answer>& done) { answer(ask, done); }, audit);
}

void HttpApi::pause_subscription(Ask ask) {
  const Outbox::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  engine_.outbox().pause(
      which, loop_, [ask = std::move(ask)](const Result<Outbox::Answer>& done) { answer(ask, done); }, audit);
}

void HttpApi::resume_subscription(Ask ask) {
  const Result<Json> body = ask.request.body.empty() ? Result<Json>(Json::object()) : read_body(ask);
  if (!body) return ask.refuse(body.error());
  std::vector<Problem> problems;
  Fields fields(*body, "", problems);
  const Json* given = body->find("from");
  const std::unique_ptr<Reader> reader = engine_.store().snapshot();
  std::optional<FeedCursor> from = read_from(fields, *reader);
  fields.finish();
  if (!problems.empty()) return ask.refuse(wrong(std::move(problems)));
  if (given != nullptr && !from) {  // "end"
    const Result<FeedCursor> tail = feed_tail(*reader);
    if (!tail) return ask.refuse(tail.error());
    from = *tail;
  }
  const Outbox::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  if (from) audit->entry.why = "from " + write_cursor(*from);
  engine_.outbox().resume(
      which, from, loop_, [ask = std::move(ask)](const Result<Outbox::Answer>& done) { answer(ask, done); }, audit);
}

void HttpApi::rotate_secret(Ask ask) {
  const Result<Json> body = ask.request.body.empty() ? Result<Json>(Json::object()) : read_body(ask);
  if (!body) return ask.refuse(body.error());
  std::vector<Problem> problems;
  Fields fields(*body, "", problems);
  const Duration overlap = fields.duration("overlap").value_or(usual_overlap);
  const std::string credential = fields.text("credential").value_or("");
  if (overlap > overlap_max)
    fields.problem("overlap", "not_a_duration", "at most " + format_duration(overlap_max),
                   "an old secret does not sign for longer");
  fields.finish();
  const WebhookPorts& ports = engine_.outbox().signer().ports();
  if (!credential.empty() && ports.check_credential)
    append(problems, ports.check_credential(credential, ask.name_space()));
  if (!problems.empty()) return ask.refuse(wrong(std::move(problems)));
  const Outbox::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  engine_.outbox().rotate(
      which, credential, overlap, loop_,
      [ask = std::move(ask)](const Result<Outbox::Answer>& done) { answer(ask, done); }, audit);
}

// --- dead letters

namespace {

Result<std::optional<FeedPlace>> place_of(const std::string* text, std::string_view what) {
  if (text == nullptr) return std::optional<FeedPlace>();
  const std::optional<FeedPlace> place = read_cursor(*text);
  if (place) return place;
  return fail(ErrorCode::invalid_argument,
              "\"" + std::string(what) + "\" takes the id of a dead letter, not \"" + shorten(*text, 60) + "\"");
}

/// The dead letter in the path, if there is one in it.
Result<std::optional<FeedPlace>> letter_of(const Ask& ask) {
  return place_of(ask.params.size() > 1 ? &ask.params[1] : nullptr, "letter");
}

Outbox::Shown shown(Ask ask) {
  return [ask = std::move(ask)](const Result<Json>& document) {
    if (!document) return ask.refuse(document.error());
    ask.json(200, *document);
  };
}

}  // namespace

void HttpApi::dead_letters(Ask ask) {
  const Result<std::int64_t> limit = number_of(ask, "limit", 50, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  const Result<std::optional<FeedPlace>> after = place_of(ask.query("after"), "after");
  if (!after) return ask.refuse(after.error());
  const Outbox::Which which = which_of(ask);
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  engine_.outbox().letters(which, *after, count, loop_, shown(std::move(ask)));
}

void HttpApi::dead_letter(Ask ask) {
  const Result<std::optional<FeedPlace>> place = letter_of(ask);
  if (!place) return ask.refuse(place.error());
  const Outbox::Which which = which_of(ask);
  engine_.outbox().letter(which, **place, loop_, shown(std::move(ask)));
}

void HttpApi::redrive(Ask ask) {
  const Result<std::optional<FeedPlace>> place = letter_of(ask);
  if (!place) return ask.refuse(place.error());
  const Outbox::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  engine_.outbox().redrive(which, *place, loop_, shown(std::move(ask)), audit);
}

void HttpApi::purge(Ask ask) {
  const Result<std::optional<FeedPlace>> place = letter_of(ask);
  if (!place) return ask.refuse(place.error());
  const Outbox::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  engine_.outbox().purge(which, *place, loop_, shown(std::move(ask)), audit);
}

}  // namespace settle
