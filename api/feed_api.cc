// The feed of all events of a namespace.

#include <algorithm>

#include "api/api.h"
#include "base/json_parts.h"
#include "base/text.h"
#include "engine/feed_filter.h"
#include "engine/feed_retention.h"

namespace settle {
namespace {

/// One request looks at so many records at a time, and has so many turns on the loop before it answers what it has.
constexpr std::size_t slice_looks = 1'000, slices_max = 10;
constexpr std::size_t page_bytes = std::size_t{4} << 20;
constexpr std::size_t waiting_max = 1'000;

}  // namespace

/// One request for a page: reads, and waits for more while there is nothing to show.
class FeedPage : public std::enable_shared_from_this<FeedPage> {
 public:
  FeedPage(HttpApi& api, Ask ask, std::size_t limit, EventFilter filter, Time deadline)
      : api_(api), ask_(std::move(ask)), limit_(limit), filter_(std::move(filter)), deadline_(deadline) {}

  void read(FeedCursor from) {
    slices_ = 0;
    read_slice(from);
  }

 private:
  void read_slice(FeedCursor from) {
    const std::unique_ptr<Reader> reader = api_.engine_.store().snapshot();
    const Result<FeedCursor> reached = api_.feed_reader_.read(
        *reader, from, slice_looks, [&](std::string_view name_space) { return name_space == ask_.name_space(); },
        [&](const FeedEvent& event) {
          if (is_full()) return false;
          if (fits(filter_, event)) add(event);
          return true;
        });
    if (!reached && events_.empty()) return ask_.refuse(reached.error());
    if (!reached) return answer(behind_);  // whoever goes on from there is told
    const bool all = reached->record > api_.engine_.store().feed_size();
    if (!all && !is_full() && ++slices_ < slices_max)
      return api_.loop_.post([self = shared_from_this(), cursor = *reached] { self->read_slice(cursor); });
    const bool waits = events_.empty() && all && api_.loop_.now() < deadline_ && !api_.engine_.stopping();
    if (!waits) return answer(*reached);
    // A stop of the engine is looked for now and then; whoever has gone away is answered in vain.
    const Time look = std::min(deadline_, api_.loop_.now() + Duration(500));
    api_.feed_watch_->wait(reached->record, look,
                           [self = shared_from_this(), cursor = *reached] { self->read(cursor); });
  }

  bool is_full() const { return events_.size() >= limit_ || bytes_ >= page_bytes; }

  void add(const FeedEvent& event) {
    events_.push_back(cloud_event(event));
    bytes_ += write_json(events_.back()).size();
    behind_ = event.next;
  }

  void answer(const FeedCursor& next) {
    ask_.json(200, Json::object({{"events", std::move(events_)}, {"next_after", write_cursor(next)}}),
              {{"Cache-Control", "no-store"}});
  }

  HttpApi& api_;
  const Ask ask_;
  const std::size_t limit_;
  const EventFilter filter_;
  const Time deadline_;
  Json::Array events_;
  std::size_t bytes_ = 0;  ///< of them
  FeedCursor behind_;      ///< the last of them
  std::size_t slices_ = 0;
};

std::vector<Route> HttpApi::feed_routes() {
  return {{"GET",
           "/v1/events",
           {"after", "limit", "type", "wait"},
           false,
           Rule::reads(Roles::all()),
           [this](Ask ask) { feed(std::move(ask)); }},
          {"GET", "/v1/retention", {}, false, Rule::reads(Roles::all()), [this](const Ask& ask) { retention(ask); }},
          {"POST",
           "/v1/retention:release",
           {},
           false,
           Rule::changes({Role::operator_, Role::admin}, "retention.release"),
           [this](Ask ask) { release_retention(std::move(ask)); }}};
}

void HttpApi::retention(const Ask& ask) {
  const Result<std::optional<Time>> held = retention_held_since(*engine_.store().snapshot());
  if (!held) return ask.refuse(held.error());
  ask.json(200, Json::object({{"held_since", time_or_null(*held)}}));
}

/// Somebody has looked at the clock: ages count again.
void HttpApi::release_retention(Ask ask) {
  const Result<std::optional<Time>> held = retention_held_since(*engine_.store().snapshot());
  if (!held) return ask.refuse(held.error());
  const Json document = Json::object({{"held_since", time_or_null(*held)}});
  if (!*held) return ask.json(200, document);
  WriteBatch batch;
  settle::release_retention(batch);
  const AuditNotePtr audit = ask.audit;
  audit->entry.why = "held since " + format_time(**held);
  audit->put_into(batch);
  engine_.store().commit(std::move(batch), loop_,
                         [ask = std::move(ask), document](const CommitResult&) { ask.json(200, document); });
}

void HttpApi::feed(Ask ask) {
  const Result<std::int64_t> limit = number_of(ask, "limit", 200, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  const Result<Duration> wait = wait_of(ask);
  if (!wait) return ask.refuse(wait.error());
  EventFilter filter;
  if (const std::string* type = ask.query("type")) {
    if (!is_type_pattern(*type))
      return ask.refuse(fail(
          ErrorCode::invalid_argument,
          "\"type\" takes a type of event, such as workflow.ended, or workflow.*, not \"" + shorten(*type, 60) + "\""));
    filter.types = {*type};
  }
  const std::unique_ptr<Reader> reader = engine_.store().snapshot();
  const std::string* after = ask.query("after");
  Result<FeedCursor> from = after != nullptr && *after == "end" ? feed_tail(*reader) : feed_begin(*reader);
  if (!from) return ask.refuse(from.error());
  if (after != nullptr && *after != "end") {
    const std::optional<FeedCursor> given = read_cursor(*after);
    if (!given)
      return ask.refuse(
          fail(ErrorCode::invalid_argument,
               "\"after\" takes the next_after of an answer, or end, not \"" + shorten(*after, 60) + "\""));
    from = *given;
  }
  if (wait->count() > 0) {
    if (feed_watch_->waiting() >= waiting_max)
      return ask.refuse(fail(ErrorCode::overloaded, "too many requests wait for events; ask again later"));
    keep_while_allowed(ask);
  }
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  std::make_shared<FeedPage>(*this, std::move(ask), count, std::move(filter), loop_.now() + *wait)->read(*from);
}

}  // namespace settle
