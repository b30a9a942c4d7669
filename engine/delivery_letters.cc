// Dead letters: what could not be delivered is kept, looked at, delivered again or thrown away.

#include <algorithm>

#include "engine/delivery.h"
#include "storage/big_endian.h"
#include "storage/keys.h"

namespace settle {
namespace {

constexpr std::size_t redriven_at_once = 64;

/// The place in the key of a dead letter.
FeedPlace place_of(std::string_view key) {
  SETTLE_ASSERT(key.size() > 12);
  const std::size_t at = key.size() - 12;
  return {read_be64(key, at), read_be32(key, at + 8)};
}

std::string text_of(const Outcome& outcome) {
  return outcome.code.empty() ? "not_taken" : outcome.code;
}

FeedEntry entry_of(const DeadLetter& letter) {
  return {letter.name_space, letter.workflow, letter.seq, 1, letter.notice};
}

}  // namespace

void Deliverer::bury(const Item& item, const Outcome& outcome) {
  DeadLetter letter;
  letter.place = {item.next.record, item.next.seen - 1};
  letter.name_space = item.name_space;
  letter.workflow = item.workflow;
  letter.seq = item.seq;
  letter.notice = item.notice;
  letter.attempts = item.tried.attempts;
  letter.first_at = item.tried.first_at;
  letter.last_at = ports_.loop.now();
  letter.code = text_of(outcome);
  letter.message = outcome.detail;
  WriteBatch batch;
  batch.put(Family::index, keys::dead_letter(subscription_.id, letter.place.record, letter.place.seen),
            encode_dead_letter(letter));
  erased_.erase(letter.place);
  ++progress_.dead;
  if (progress_.dead > ports_.limits.dead_letters_max) drop_oldest(batch);
  progress_.done = items_.empty() ? read_at_ : items_.begin()->first;
  save(std::move(batch), nullptr);
}

void Deliverer::erase_letter(const FeedPlace& place, WriteBatch& batch) {
  batch.erase(Family::index, keys::dead_letter(subscription_.id, place.record, place.seen));
  letters_.erase(place);
  erased_.insert(place);
}

/// Of those that are durable and not about to go already.
void Deliverer::drop_oldest(WriteBatch& batch) {
  std::optional<FeedPlace> oldest;
  const std::string all = keys::dead_letters(subscription_.id);
  const Result<void> scanned = ports_.store.snapshot()->scan(Family::index, {.from = all, .to = keys::after(all)},
                                                             [&](std::string_view key, std::string_view) {
                                                               const FeedPlace place = place_of(key);
                                                               if (!erased_.contains(place)) oldest = place;
                                                               return !oldest;
                                                             });
  if (!scanned || !oldest) return;
  erase_letter(*oldest, batch);
  --progress_.dead;
  ++progress_.dropped;
}

Result<std::vector<DeadLetter>> Deliverer::letters(std::optional<FeedPlace> after, std::size_t limit) const {
  std::vector<DeadLetter> out;
  std::optional<Error> error;
  const std::string all = keys::dead_letters(subscription_.id);
  const std::string from = after ? keys::dead_letter(subscription_.id, after->record, after->seen) + '\0' : all;
  const Result<void> scanned = ports_.store.snapshot()->scan(
      Family::index, {.from = from, .to = keys::after(all)}, [&](std::string_view key, std::string_view value) {
        Result<DeadLetter> letter = decode_dead_letter(value, place_of(key));
        if (!letter) {
          error = std::move(letter).error();
          return false;
        }
        if (wants(letter->name_space)) out.push_back(*std::move(letter));
        return out.size() < limit;
      });
  if (!scanned) return scanned.error();
  if (error) return *std::move(error);
  return out;
}

Result<std::optional<DeadLetter>> Deliverer::letter(const FeedPlace& place) const {
  const Result<std::optional<std::string>> stored =
      ports_.store.snapshot()->get(Family::index, keys::dead_letter(subscription_.id, place.record, place.seen));
  if (!stored) return stored.error();
  if (!*stored) return std::optional<DeadLetter>();
  Result<DeadLetter> letter = decode_dead_letter(**stored, place);
  if (!letter) return std::move(letter).error();
  return std::optional(*std::move(letter));
}

Result<std::optional<FeedEvent>> Deliverer::event_of(const DeadLetter& letter) const {
  return ports_.reader.find(*ports_.store.snapshot(), letter.place, entry_of(letter));
}

/// That one, if it is there, or all of them.
Result<std::vector<FeedPlace>> Deliverer::chosen(const std::optional<FeedPlace>& which) const {
  std::vector<FeedPlace> out;
  const std::string all = keys::dead_letters(subscription_.id);
  const std::string from = which ? keys::dead_letter(subscription_.id, which->record, which->seen) : all;
  const std::string to = which ? from + '\0' : keys::after(all);
  const Result<void> scanned = ports_.store.snapshot()->scan(Family::index, {.from = from, .to = to},
                                                             [&](std::string_view key, std::string_view) {
                                                               out.push_back(place_of(key));
                                                               return true;
                                                             });
  if (!scanned) return scanned.error();
  return out;
}

void Deliverer::redrive(const std::optional<FeedPlace>& which, const Counted& done, const AuditNotePtr& audit) {
  const Result<std::vector<FeedPlace>> places = chosen(which);
  if (!places) return done(places.error());
  WriteBatch batch;
  std::uint64_t count = 0;
  for (const FeedPlace& place : *places) {
    Result<std::optional<DeadLetter>> letter = this->letter(place);
    if (!letter || !*letter || !wants((*letter)->name_space)) continue;
    ++count;
    (*letter)->redriving = true;
    batch.put(Family::index, keys::dead_letter(subscription_.id, place.record, place.seen),
              encode_dead_letter(**letter));
  }
  if (audit != nullptr) audit->put_into(batch);
  letters_changed_ = true;
  save(std::move(batch), [done, count] { done(count); });
}

void Deliverer::purge(const std::optional<FeedPlace>& which, const Counted& done, const AuditNotePtr& audit) {
  const Result<std::vector<FeedPlace>> places = chosen(which);
  if (!places) return done(places.error());
  WriteBatch batch;
  for (const FeedPlace& place : *places) erase_letter(place, batch);
  progress_.dead -= std::min<std::uint64_t>(progress_.dead, places->size());
  if (audit != nullptr) audit->put_into(batch);
  save(std::move(batch), [done, count = places->size()] { done(static_cast<std::uint64_t>(count)); });
}

/// Some of those that are to be delivered again; the others follow when these are over.
void Deliverer::load_letters() {
  more_letters_ = letters_changed_ = false;
  if (removed_ || progress_.dead == 0) return;
  const Result<std::vector<FeedPlace>> places = chosen(std::nullopt);
  for (const FeedPlace& place : places ? *places : std::vector<FeedPlace>()) {
    if (letters_.contains(place)) continue;
    const Result<std::optional<DeadLetter>> stored = letter(place);
    if (!stored || !*stored || !(*stored)->redriving || !wants((*stored)->name_space)) continue;
    if (letters_.size() >= redriven_at_once) {
      more_letters_ = true;
      return;
    }
    const Result<std::optional<FeedEvent>> event = event_of(**stored);
    if (event && *event) {
      letters_.emplace(place, item_of(**event));
      continue;
    }
    DeadLetter gone = **stored;
    gone.redriving = false;
    gone.code = "event_gone";
    gone.message = "the history of its workflow is not kept any more";
    WriteBatch batch;
    batch.put(Family::index, keys::dead_letter(subscription_.id, place.record, place.seen), encode_dead_letter(gone));
    save(std::move(batch), nullptr);
  }
}

/// It is a dead letter as before, with more attempts behind it.
void Deliverer::letter_failed(const FeedPlace& place, const Item& item, const Outcome& outcome) {
  Result<std::optional<DeadLetter>> stored = letter(place);
  if (!stored || !*stored) return;
  DeadLetter& letter = **stored;
  letter.redriving = false;
  letter.attempts += item.tried.attempts;
  letter.last_at = ports_.loop.now();
  letter.code = text_of(outcome);
  letter.message = outcome.detail;
  WriteBatch batch;
  batch.put(Family::index, keys::dead_letter(subscription_.id, place.record, place.seen), encode_dead_letter(letter));
  save(std::move(batch), nullptr);
}

}  // namespace settle
