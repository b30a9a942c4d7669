#include "engine/delivery.h"

#include <algorithm>

#include "engine/feed_filter.h"
#include "storage/keys.h"

namespace settle {
namespace {

constexpr std::size_t looks_at_once = 256;
constexpr Duration saved_every{250}, place_saved_every{1'000};
constexpr Duration refused_here_pause{1'000};

/// The receiver has said that it has it, whatever its answer holds beside that.
bool was_taken(const Outcome& outcome) {
  return outcome.status >= 200 && outcome.status < 300;
}

/// Nothing was asked of the receiver: our own side held it back.
bool was_held_back(const Outcome& outcome) {
  constexpr std::string_view codes[] = {"circuit_open", "retry_budget_exhausted", "queue_full", "queue_timeout",
                                        "engine_shutdown"};
  return std::find(std::begin(codes), std::end(codes), outcome.code) != std::end(codes);
}

}  // namespace

Deliverer::Deliverer(DeliveryPorts ports, Subscription subscription, DeliveryProgress progress)
    : ports_(std::move(ports)),
      subscription_(std::move(subscription)),
      progress_(std::move(progress)),
      saved_(progress_),
      durable_(progress_),
      read_at_(progress_.done) {}

bool Deliverer::works() const {
  return subscription_.state == SubscriptionState::active && !draining_ && !removed_ && changes_ == 0;
}

void Deliverer::start() {
  letters_changed_ = true;
  pump_later();
}

/// Never inside of what asks for it: an outcome may come while the items are being walked.
void Deliverer::pump_later() {
  if (std::exchange(pump_posted_, true)) return;
  ports_.loop.post([self = weak_from_this()] {
    const auto here = self.lock();
    if (here == nullptr) return;
    here->pump_posted_ = false;
    here->pump();
  });
}

void Deliverer::pump() {
  if (!works()) return;
  // Letters are read as they are stored, so all saves are waited for; until then nothing new begins, so that they end.
  const bool reads_letters = letters_changed_ || (more_letters_ && letters_.empty());
  if (saves_ > 0 && (reads_letters || !unsaved_.empty())) return;
  if (reads_letters) load_letters();
  fill();
  if (!works()) return;  // it has come to a place that can't be read
  // Nothing is open: what became a dead letter is no reason to give the receiver up.
  if (caught_up_ && items_.empty() && letters_.empty()) progress_.failing_since = std::nullopt;
  send();
  note_progress();
  arm();
}

// --- reading

bool Deliverer::window_is_full() const {
  return items_.size() >= ports_.limits.window_events || bytes_ >= ports_.limits.window_bytes;
}

bool Deliverer::wants(std::string_view name_space) const {
  const std::vector<std::string>& others = subscription_.name_spaces;
  if (name_space.empty()) return true;
  if (others.empty()) return name_space == subscription_.name_space;
  return std::any_of(others.begin(), others.end(),
                     [&](const std::string& one) { return one == "*" || one == name_space; });
}

void Deliverer::fill() {
  if (window_is_full()) return;
  // One behind the oldest that is not done may be a dead letter already: it is not tried a second time.
  const auto is_dead = [&](const FeedPlace& place) {
    if (progress_.dead == 0) return false;
    const Result<std::optional<DeadLetter>> found = letter(place);
    return found && found->has_value();
  };
  const auto visit = [&](const FeedEvent& event) {
    if (window_is_full()) return false;
    if (fits(subscription_.filter, event) && !is_dead(event.at)) add(event);
    return true;
  };
  const std::unique_ptr<Reader> reader = ports_.store.snapshot();
  const Result<FeedCursor> reached = ports_.reader.read(
      *reader, read_at_, looks_at_once, [&](std::string_view name_space) { return wants(name_space); }, visit);
  if (!reached && reached.error().code == ErrorCode::cursor_expired) {
    const Result<FeedCursor> oldest = feed_begin(*reader);
    if (oldest) missed(*oldest);
    return pump_later();
  }
  if (!reached) return disable("feed_unreadable", reached.error().message);
  read_at_ = *reached;
  caught_up_ = read_at_.record > ports_.store.feed_size();
  if (!caught_up_ && !window_is_full()) pump_later();
}

/// Retention does not wait for a subscriber: what it lost is written down, and it goes on with what there is.
void Deliverer::missed(const FeedCursor& oldest) {
  progress_.missed_from = read_at_.record;
  progress_.missed_to = oldest.record;
  read_at_ = oldest;
  if (ports_.tell)
    ports_.tell("subscription \"" + subscription_.name + "\" of namespace \"" + subscription_.name_space +
                "\" has missed events: the feed does not reach back to where it was");
}

Deliverer::Item Deliverer::item_of(const FeedEvent& event) {
  Item item;
  item.next = event.next;
  item.name_space = event.name_space;
  item.workflow = event.workflow;
  item.seq = event.event.seq;
  item.message_id = message_id(event);
  item.body = write_json(cloud_event(event));
  if (event.about == nullptr) item.notice = encode_notice(event.event);
  return item;
}

void Deliverer::add(const FeedEvent& event) {
  Item item = item_of(event);
  if (const auto tried = progress_.tries.find(event.at); tried != progress_.tries.end()) item.tried = tried->second;
  bytes_ += item.body.size();
  items_.emplace(event.at, std::move(item));
}

// --- sending

void Deliverer::send() {
  const Time now = ports_.loop.now();
  send(items_, false, now);
  send(letters_, true, now);
}

/// The oldest of each workflow only; the others wait until it is taken or given up.
void Deliverer::send(Items& items, bool letters, Time now) {
  std::set<std::pair<std::string_view, std::string_view>> walked;
  for (Items::value_type& entry : items) {
    if (calls_ >= ports_.limits.calls_max || !works()) return;
    if (!walked.emplace(entry.second.name_space, entry.second.workflow).second) continue;
    if (!entry.second.calling && entry.second.not_before <= now) call(entry, letters);
  }
}

void Deliverer::call(Items::value_type& entry, bool letter) {
  Item& item = entry.second;
  const Time now = ports_.loop.now();
  const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::optional<std::string> signature =
      ports_.signer.sign(subscription_, item.message_id, seconds, item.body, now);
  if (!signature) {
    const std::string reason(ports_.signer.trouble(subscription_.signing));
    return disable(reason, "deliveries can't be signed");
  }
  const WebhookPorts& webhooks = ports_.signer.ports();
  Call call;
  call.connector = "http";
  call.method = "POST";
  call.url = subscription_.url;
  call.headers = {{"Content-Type", "application/cloudevents+json; charset=utf-8"},
                  {"webhook-id", item.message_id},
                  {"webhook-timestamp", std::to_string(seconds)},
                  {"webhook-signature", *signature}};
  call.body = item.body;
  call.repeat = item.tried.attempts > 0;
  call.timeout = ports_.limits.timeout;
  const bool is_named =
      webhooks.may_be_private && webhooks.may_be_private(subscription_.url, subscription_.signing.credential);
  call.reach = is_named ? Reach::anywhere : Reach::public_only;
  item.calling = true;
  ++calls_;
  ports_.connector.start(std::move(call),
                         [self = shared_from_this(), place = entry.first, letter, epoch = epoch_](Outcome outcome) {
                           --self->calls_;
                           if (letter || epoch == self->epoch_) self->ended(place, letter, outcome);
                           self->be_quiet();
                           self->pump_later();
                         });
}

void Deliverer::ended(const FeedPlace& place, bool letter, const Outcome& outcome) {
  Items& items = letter ? letters_ : items_;
  const auto at = items.find(place);
  if (removed_ || at == items.end()) return;  // it was purged meanwhile
  at->second.calling = false;
  if (was_taken(outcome)) return taken(place, letter);
  not_taken(items, at, letter, outcome);
}

void Deliverer::taken(const FeedPlace& place, bool letter) {
  ++progress_.delivered;
  progress_.delivered_at = ports_.loop.now();
  progress_.failing_since = std::nullopt;
  if (!letter) {
    bytes_ -= items_.at(place).body.size();
    items_.erase(place);
    progress_.tries.erase(place);
    return note_progress();
  }
  WriteBatch batch;
  erase_letter(place, batch);
  if (progress_.dead > 0) --progress_.dead;
  save(std::move(batch), nullptr);
}

void Deliverer::not_taken(Items& items, Items::iterator at, bool letter, const Outcome& outcome) {
  Item& item = at->second;
  const Time now = ports_.loop.now();
  if (was_held_back(outcome)) {
    item.not_before = now + std::max(refused_here_pause, outcome.retry_after.value_or(Duration(0)));
    return note_progress();
  }
  if (item.tried.attempts == 0) item.tried.first_at = now;
  ++item.tried.attempts;
  item.not_before = now + pause_before(item.tried.attempts, outcome);
  last_failure_ = Failure{outcome.code.empty() ? "not_taken" : outcome.code, outcome.detail, now};
  if (!letter) progress_.tries[at->first] = item.tried;
  if (!progress_.failing_since) progress_.failing_since = now;
  if (outcome.status == 410) return disable("gone", "the receiver answered 410: it wants no more events");
  if (*progress_.failing_since + ports_.limits.disable_after <= now)
    return disable("failing", "no delivery was taken since " + format_time(*progress_.failing_since));
  if (item.tried.attempts < ports_.limits.attempts_max) return note_progress();
  const FeedPlace place = at->first;
  const Item given_up = std::move(item);
  if (!letter) bytes_ -= given_up.body.size();
  items.erase(at);
  if (letter) return letter_failed(place, given_up, outcome);
  progress_.tries.erase(place);
  bury(given_up, outcome);
}

/// Half of it is left to chance, so that receivers are not met by all at once.
Duration Deliverer::pause_before(std::uint32_t attempts, const Outcome& outcome) {
  const DeliveryLimits& limits = ports_.limits;
  Duration pause = limits.first_retry;
  for (std::uint32_t i = 1; i < attempts && pause < limits.retry_max; ++i) pause *= 2;
  pause = std::min(pause, limits.retry_max);
  const auto half = static_cast<std::uint64_t>(pause.count() / 2);
  pause = Duration(static_cast<std::int64_t>(half + ports_.loop.entropy() % (half + 1)));
  return std::max(pause, std::min(outcome.retry_after.value_or(Duration(0)), limits.retry_after_max));
}

// --- changes

void Deliverer::change(Subscription next, const Done& done, const AuditNotePtr& audit) {
  const bool other = next.filter != subscription_.filter || next.name_spaces != subscription_.name_spaces;
  const bool begins = next.state == SubscriptionState::active && subscription_.state != next.state;
  if (begins) {  // whoever resumes it wants to see at once whether it works now
    progress_.failing_since = std::nullopt;
    for (auto& entry : items_) entry.second.not_before = Time();
  }
  subscription_ = std::move(next);
  if (other) {  // what was read ahead is read again
    ++epoch_;
    items_.clear();
    bytes_ = 0;
    read_at_ = progress_.done;
    letters_.clear();
    letters_changed_ = true;
  }
  ++changes_;
  WriteBatch batch;
  batch.put(Family::meta, keys::subscription(subscription_.name_space, subscription_.name),
            encode_subscription(subscription_));
  if (audit != nullptr) audit->put_into(batch);
  save(std::move(batch), [self = shared_from_this(), done] { self->settled(done); });
}

void Deliverer::when_settled(Done task) {
  if (changes_ == 0) return task();
  waiting_.push_back(std::move(task));
}

void Deliverer::when_saved(Done task) {
  if (saves_ == 0) return task();
  unsaved_.push_back(std::move(task));
}

/// Nothing is on its way to the disk.
void Deliverer::saved() {
  erased_.clear();
  const std::deque<Done> due = std::exchange(unsaved_, {});
  for (const Done& task : due) task();
  if (letters_changed_ || more_letters_ || !due.empty()) pump_later();
}

/// A change is durable.
void Deliverer::settled(const Done& done) {
  --changes_;
  if (done) done();
  while (changes_ == 0 && !waiting_.empty()) {
    const Done next = std::move(waiting_.front());
    waiting_.pop_front();
    next();
  }
  be_quiet();
  pump_later();
}

void Deliverer::change(Subscription next, const FeedCursor& from, const Done& done, const AuditNotePtr& audit) {
  ++epoch_;
  items_.clear();
  bytes_ = 0;
  progress_.tries.clear();
  progress_.failing_since = std::nullopt;
  progress_.done = read_at_ = from;
  change(std::move(next), done, audit);
}

void Deliverer::disable(std::string reason, const std::string& why) {
  if (subscription_.state == SubscriptionState::disabled) return;
  if (ports_.tell)
    ports_.tell("subscription \"" + subscription_.name + "\" of namespace \"" + subscription_.name_space +
                "\" is disabled (" + reason + "): " + why);
  last_failure_ = Failure{reason, why, ports_.loop.now()};
  Subscription next = subscription_;
  next.state = SubscriptionState::disabled;
  next.reason = std::move(reason);
  next.changed_at = ports_.loop.now();
  change(std::move(next), nullptr, nullptr);
}

void Deliverer::remove(const Done& done, const AuditNotePtr& audit) {
  removed_ = true;
  ports_.watch.forget(watch_);
  if (timer_) ports_.loop.cancel(*timer_);
  if (save_timer_) ports_.loop.cancel(*save_timer_);
  WriteBatch batch;
  batch.erase(Family::meta, keys::subscription(subscription_.name_space, subscription_.name));
  batch.erase(Family::meta, keys::delivery(subscription_.id));
  const Result<std::vector<FeedPlace>> letters = chosen(std::nullopt);  // unreadable ones may stay: nobody finds them
  for (const FeedPlace& place : letters ? *letters : std::vector<FeedPlace>())
    batch.erase(Family::index, keys::dead_letter(subscription_.id, place.record, place.seen));
  if (audit != nullptr) audit->put_into(batch);
  ++changes_;
  ports_.store.commit(std::move(batch), ports_.loop,
                      [self = shared_from_this(), done](const CommitResult&) { self->settled(done); });
}

void Deliverer::drain(Done quiet) {
  draining_ = true;
  quiet_ = std::move(quiet);
  ports_.watch.forget(watch_);
  if (timer_) ports_.loop.cancel(*timer_);
  be_quiet();
}

/// What is under way has ended, and how far it is has been stored.
void Deliverer::be_quiet() {
  if (!quiet_ || calls_ > 0 || changes_ > 0) return;
  if (progress_ != saved_ && !removed_) return save(WriteBatch(), nullptr);
  if (saves_ == 0) ports_.loop.post(std::exchange(quiet_, nullptr));
}

// --- waiting and storing

/// Comes back when the feed has grown, or when the next of what was not taken is due.
void Deliverer::arm() {
  if (caught_up_ && !window_is_full() && watch_ == 0) {
    watch_ = ports_.watch.wait(read_at_.record, Time::max(), [self = weak_from_this()] {
      const auto here = self.lock();
      if (here == nullptr) return;
      here->watch_ = 0;
      here->pump();
    });
  }
  if (timer_) ports_.loop.cancel(*timer_);
  timer_.reset();
  if (calls_ >= ports_.limits.calls_max) return;  // the next to end comes back
  const Time now = ports_.loop.now();
  Time next = Time::max();
  for (const Items* items : {&items_, &letters_}) {
    for (const auto& [place, item] : *items) {
      if (!item.calling && item.not_before > now) next = std::min(next, item.not_before);
    }
  }
  if (next == Time::max()) return;
  timer_ = ports_.loop.schedule(next, [self = weak_from_this()] {
    const auto here = self.lock();
    if (here == nullptr) return;
    here->timer_.reset();
    here->pump();
  });
}

void Deliverer::note_progress() {
  progress_.done = items_.empty() ? read_at_ : items_.begin()->first;
  if (progress_ == saved_) return;
  const bool place_only = progress_.delivered == saved_.delivered && progress_.tries == saved_.tries &&
                          progress_.missed_to == saved_.missed_to;
  save_later(place_only ? place_saved_every : saved_every);
}

void Deliverer::save_later(Duration at_most) {
  const Time at = ports_.loop.now() + at_most;
  if (save_timer_ && save_at_ <= at) return;
  if (save_timer_) ports_.loop.cancel(*save_timer_);
  save_at_ = at;
  save_timer_ = ports_.loop.schedule(at, [self = weak_from_this()] {
    const auto here = self.lock();
    if (here == nullptr || here->removed_) return;
    here->save_timer_.reset();
    if (here->progress_ != here->saved_) here->save(WriteBatch(), nullptr);
  });
}

void Deliverer::save(WriteBatch batch, const Done& done) {
  saved_ = progress_;
  ++saves_;
  batch.put(Family::meta, keys::delivery(subscription_.id), encode_progress(progress_));
  ports_.store.commit(std::move(batch), ports_.loop,
                      [self = shared_from_this(), done, saved = saved_](const CommitResult&) {
                        --self->saves_;
                        self->durable_ = saved;
                        if (done) done();
                        if (self->saves_ == 0) self->saved();
                        self->be_quiet();
                      });
}

}  // namespace settle
