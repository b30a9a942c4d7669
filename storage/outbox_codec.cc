#include "storage/outbox_codec.h"

#include <records.pb.h>

#include "base/text.h"
#include "storage/record_values.h"

namespace settle {
namespace {

template <class Record>
bool parse(Record& record, std::string_view bytes) {
  return record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void write(const Signing& signing, records::SigningRecord& out) {
  out.set_credential(signing.credential);
  out.set_generation(signing.generation);
  out.set_key_print(signing.key_print);
}

Signing read(const records::SigningRecord& record) {
  return {record.credential(), record.generation(), record.key_print()};
}

}  // namespace

std::string_view name_of(SubscriptionState state) {
  constexpr std::string_view names[] = {"active", "paused", "disabled"};
  return names[static_cast<std::size_t>(state)];
}

std::string encode_subscription(const Subscription& subscription) {
  records::SubscriptionRecord record;
  record.set_id(subscription.id);
  record.set_url(subscription.url);
  for (const std::string& type : subscription.filter.types) record.add_types(type);
  for (const std::string& name : subscription.filter.workflows) record.add_workflows(name);
  for (const auto& [name, value] : subscription.filter.labels) (*record.mutable_labels())[name] = value;
  for (const std::string& name : subscription.name_spaces) record.add_name_spaces(name);
  write(subscription.signing, *record.mutable_signing());
  if (subscription.old_signing) write(*subscription.old_signing, *record.mutable_old_signing());
  record.set_old_until(number(subscription.old_until));
  record.set_state(static_cast<std::uint32_t>(subscription.state));
  record.set_reason(subscription.reason);
  record.set_created_at(number(subscription.created_at));
  record.set_created_by(subscription.created_by);
  record.set_changed_at(number(subscription.changed_at));
  return record.SerializeAsString();
}

Result<Subscription> decode_subscription(std::string_view bytes, std::string name_space, std::string name) {
  records::SubscriptionRecord record;
  const bool known = parse(record, bytes) && record.state() <= 2 && is_name(record.id()) && is_name(name_space);
  if (!known) return damaged("record of subscription \"" + shorten(name, 130) + "\"");
  Subscription out;
  out.name_space = std::move(name_space);
  out.name = std::move(name);
  out.id = record.id();
  out.url = record.url();
  out.filter.types.assign(record.types().begin(), record.types().end());
  out.filter.workflows.assign(record.workflows().begin(), record.workflows().end());
  out.filter.labels = {record.labels().begin(), record.labels().end()};
  out.name_spaces.assign(record.name_spaces().begin(), record.name_spaces().end());
  out.signing = read(record.signing());
  if (record.has_old_signing()) out.old_signing = read(record.old_signing());
  out.old_until = time_of(record.old_until());
  out.state = static_cast<SubscriptionState>(record.state());
  out.reason = record.reason();
  out.created_at = time_of(record.created_at());
  out.created_by = record.created_by();
  out.changed_at = time_of(record.changed_at());
  return out;
}

std::string encode_progress(const DeliveryProgress& progress) {
  records::DeliveryRecord record;
  record.set_record(progress.done.record);
  record.set_seen(progress.done.seen);
  for (const auto& [place, tried] : progress.tries) {
    records::TryRecord& out = *record.add_tries();
    out.set_record(place.record);
    out.set_seen(place.seen);
    out.set_attempts(tried.attempts);
    out.set_first_at(number(tried.first_at));
  }
  record.set_failing_since(number(progress.failing_since));
  record.set_dead(progress.dead);
  record.set_dropped(progress.dropped);
  record.set_delivered(progress.delivered);
  record.set_delivered_at(number(progress.delivered_at));
  record.set_missed_from(progress.missed_from);
  record.set_missed_to(progress.missed_to);
  return record.SerializeAsString();
}

Result<DeliveryProgress> decode_progress(std::string_view bytes) {
  records::DeliveryRecord record;
  if (!parse(record, bytes) || record.record() == 0) return damaged("record of deliveries");
  DeliveryProgress out;
  out.done = {record.record(), record.seen()};
  for (const records::TryRecord& tried : record.tries())
    out.tries[{tried.record(), tried.seen()}] = {tried.attempts(), time_of(tried.first_at())};
  out.failing_since = optional_time(record.failing_since());
  out.dead = record.dead();
  out.dropped = record.dropped();
  out.delivered = record.delivered();
  out.delivered_at = optional_time(record.delivered_at());
  out.missed_from = record.missed_from();
  out.missed_to = record.missed_to();
  return out;
}

std::string encode_dead_letter(const DeadLetter& letter) {
  records::DeadLetterRecord record;
  record.set_name_space(letter.name_space);
  record.set_workflow(letter.workflow);
  record.set_seq(letter.seq);
  record.set_notice(letter.notice);
  record.set_attempts(letter.attempts);
  record.set_first_at(number(letter.first_at));
  record.set_last_at(number(letter.last_at));
  record.set_code(letter.code);
  record.set_message(letter.message);
  record.set_redriving(letter.redriving);
  return record.SerializeAsString();
}

Result<DeadLetter> decode_dead_letter(std::string_view bytes, const FeedPlace& place) {
  records::DeadLetterRecord record;
  if (!parse(record, bytes)) return damaged("dead letter");
  DeadLetter out;
  out.place = place;
  out.name_space = record.name_space();
  out.workflow = record.workflow();
  out.seq = record.seq();
  out.notice = record.notice();
  out.attempts = record.attempts();
  out.first_at = time_of(record.first_at());
  out.last_at = time_of(record.last_at());
  out.code = record.code();
  out.message = record.message();
  out.redriving = record.redriving();
  return out;
}

}  // namespace settle
