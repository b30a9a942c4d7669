#include "engine/outbox_documents.h"

#include <algorithm>

#include "base/json_parts.h"

namespace settle {
namespace {

Json texts(const std::vector<std::string>& list) {
  Json::Array out;
  for (const std::string& text : list) out.emplace_back(text);
  return Json(std::move(out));
}

Json number(std::uint64_t value) {
  return Json(static_cast<std::int64_t>(value));
}

Json failure_document(const std::optional<Deliverer::Failure>& failure) {
  if (!failure) return Json();
  return Json::object({{"code", failure->code}, {"message", failure->message}, {"at", format_time(failure->at)}});
}

}  // namespace

Json subscription_document(const Deliverer& delivery, std::uint64_t feed_size, Time now) {
  const Subscription& about = delivery.subscription();
  const DeliveryProgress& progress = delivery.progress();
  const bool overlaps = about.old_signing && about.old_until > now;
  const bool missed = progress.missed_to > progress.missed_from;
  return Json::object(
      {{"name", about.name},
       {"namespace", about.name_space},
       {"url", about.url},
       {"types", texts(about.filter.types)},
       {"workflows", texts(about.filter.workflows)},
       {"labels", texts_document(about.filter.labels)},
       {"namespaces", texts(about.name_spaces.empty() ? std::vector{about.name_space} : about.name_spaces)},
       {"credential", text_or_null(about.signing.credential)},
       {"old_secret_until", overlaps ? Json(format_time(about.old_until)) : Json()},
       {"state", name_of(about.state)},
       {"reason", text_or_null(about.reason)},
       {"created_at", format_time(about.created_at)},
       {"created_by", about.created_by},
       {"changed_at", format_time(about.changed_at)},
       {"cursor", write_cursor(progress.done)},
       {"behind", number(feed_size + 1 > progress.done.record ? feed_size + 1 - progress.done.record : 0)},
       {"delivered", number(progress.delivered)},
       {"delivered_at", time_or_null(progress.delivered_at)},
       {"failing_since", time_or_null(progress.failing_since)},
       {"last_failure", failure_document(delivery.last_failure())},
       {"dead_letters", number(progress.dead)},
       {"dead_letters_dropped", number(progress.dropped)},
       {"missed", missed ? Json::object({{"from", write_cursor({progress.missed_from, 0})},
                                         {"to", write_cursor({progress.missed_to, 0})}})
                         : Json()}});
}

Json letter_document(const DeadLetter& letter) {
  return Json::object({{"id", write_cursor(letter.place)},
                       {"namespace", text_or_null(letter.name_space)},
                       {"workflow", text_or_null(letter.workflow)},
                       {"seq", letter.notice.empty() ? Json(static_cast<std::int64_t>(letter.seq)) : Json()},
                       {"attempts", static_cast<std::int64_t>(letter.attempts)},
                       {"first_at", format_time(letter.first_at)},
                       {"last_at", format_time(letter.last_at)},
                       {"error", Json::object({{"code", letter.code}, {"message", letter.message}})},
                       {"redriving", letter.redriving}});
}

}  // namespace settle
