#include "engine/outbox.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/text.h"
#include "engine/load.h"
#include "engine/outbox_documents.h"
#include "storage/keys.h"

namespace settle {
namespace {

/// Ten random bytes: never used twice.
std::string fresh_id() {
  std::array<unsigned char, 10> random{};
  SETTLE_ASSERT(RAND_bytes(random.data(), static_cast<int>(random.size())) == 1);
  return to_base32hex(std::string_view(reinterpret_cast<const char*>(random.data()), random.size()));
}

Error not_found(const std::string& name) {
  return fail(ErrorCode::not_found, "there is no subscription \"" + shorten(name, 130) + "\"");
}

Error no_letter(const FeedPlace& place) {
  return fail(ErrorCode::not_found, "there is no dead letter \"" + write_cursor(place) + "\"");
}

/// Its events, also those that are dead letters, and where they go, are no business of a single namespace then.
bool reaches_beyond(const Subscription& subscription) {
  return std::any_of(subscription.name_spaces.begin(), subscription.name_spaces.end(),
                     [&](const std::string& one) { return one != subscription.name_space; });
}

/// Answers {`what`: how many letters}.
Deliverer::Counted counted_as(const char* what, Outbox::Shown done) {
  return [what, done = std::move(done)](const Result<std::uint64_t>& count) {
    if (!count) return done(count.error());
    done(Json::object({{what, static_cast<std::int64_t>(*count)}}));
  };
}

/// That a dead letter was named that is not there.
std::optional<Error> is_missing(const Deliverer& delivery, const std::optional<FeedPlace>& place) {
  if (!place) return std::nullopt;
  const Result<std::optional<DeadLetter>> letter = delivery.letter(*place);
  if (!letter) return letter.error();
  return *letter && delivery.wants((*letter)->name_space) ? std::nullopt : std::optional(no_letter(*place));
}

}  // namespace

Outbox::Outbox(Store& store, const std::vector<Part>& parts, FeedBell& bell, OutboxOptions options)
    : store_(store), options_(std::move(options)), signer_(options_.key, options_.webhooks) {
  for (const Part& part : parts) {
    homes_.push_back(std::make_unique<Home>(
        Home{*part.loop, *part.connector, {}, std::make_shared<FeedWatch>(store, *part.loop, bell), {}, false}));
  }
}

Outbox::Home& Outbox::home_of(const Which& which) {
  return *homes_[partition_of(which.name_space, which.name) % homes_.size()];
}

std::shared_ptr<Deliverer> Outbox::make(Home& home, Subscription subscription, DeliveryProgress progress) {
  const std::pair key(subscription.name_space, subscription.name);
  auto made = std::make_shared<Deliverer>(DeliveryPorts{store_, home.loop, home.connector, home.reader, *home.watch,
                                                        signer_, options_.limits, options_.tell},
                                          std::move(subscription), std::move(progress));
  home.deliveries.emplace(key, made);
  ++count_;
  return made;
}

Result<void> Outbox::load() {
  const std::unique_ptr<Reader> reader = store_.snapshot();
  Result<std::vector<NamedRecord>> stored = load_named(*reader, keys::subscriptions, "subscription");
  if (!stored) return std::move(stored).error();
  for (NamedRecord& one : *stored) {
    Result<Subscription> subscription = decode_subscription(one.bytes, std::move(one.name_space), std::move(one.name));
    if (!subscription) return std::move(subscription).error();
    const Result<std::optional<std::string>> far = reader->get(Family::meta, keys::delivery(subscription->id));
    if (!far) return far.error();
    Result<DeliveryProgress> progress = *far ? decode_progress(**far) : Result<DeliveryProgress>(DeliveryProgress());
    if (!progress) return std::move(progress).error();
    Home& home = home_of({subscription->name_space, subscription->name, false});
    const std::shared_ptr<Deliverer> made = make(home, *std::move(subscription), *std::move(progress));
    home.loop.post([made] { made->start(); });
  }
  return {};
}

void Outbox::drain(std::function<void()> quiet) {
  const auto left = std::make_shared<std::atomic<std::size_t>>(homes_.size());
  for (const std::unique_ptr<Home>& home : homes_) {
    on(home->loop, [home = home.get(), left, quiet] {
      home->draining = true;
      const auto deliveries = std::make_shared<std::size_t>(home->deliveries.size() + 1);
      const auto one_less = [left, quiet, deliveries] {
        if (--*deliveries == 0 && --*left == 0) quiet();
      };
      for (const auto& entry : home->deliveries) entry.second->drain(one_less);
      one_less();
    });
  }
}

void Outbox::with(const Which& which, Task task) {
  Home& home = home_of(which);
  on(home.loop, [&home, which, task = std::move(task)] {
    const auto find = [&home, which] {
      const auto found = home.deliveries.find({which.name_space, which.name});
      return found == home.deliveries.end() ? nullptr : found->second;
    };
    const std::shared_ptr<Deliverer> now = find();
    if (now == nullptr) return task(not_found(which.name));
    now->when_settled([which, task, find] {
      const std::shared_ptr<Deliverer> then = find();  // it may have been removed, and another one made
      if (then == nullptr) return task(not_found(which.name));
      task(then.get());
    });
  });
}

void Outbox::with_events(const Which& which, Task task) {
  with(which, [which, task = std::move(task)](const Result<Deliverer*>& found) {
    if (found && !which.sees_all && reaches_beyond((*found)->subscription()))
      return task(fail(ErrorCode::forbidden, "subscription \"" + shorten(which.name, 130) +
                                                 "\" gets events of other namespaces; it takes a token of all"));
    task(found);
  });
}

void Outbox::to_change(const Which& which, Task task) {
  with_events(which, [this, which, task = std::move(task)](const Result<Deliverer*>& found) {
    if (home_of(which).draining) return task(fail(ErrorCode::shutting_down, "the engine is shutting down"));
    task(found);
  });
}

void Outbox::to_change_stored(const Which& which, Task task) {
  to_change(which, [this, which, task = std::move(task)](const Result<Deliverer*>& found) {
    if (!found || (*found)->is_saved()) return task(found);
    (*found)->when_saved([this, which, task] { to_change_stored(which, task); });
  });
}

// --- making and changing

Result<void> Outbox::check_url(const std::string& url, const std::string& credential) const {
  return options_.webhooks.check_url ? options_.webhooks.check_url(url, credential) : Result<void>();
}

Result<Signing> Outbox::signing_for(const std::string& credential, std::uint32_t generation) const {
  if (!credential.empty()) return Signing{credential, generation, ""};
  if (signer_.makes_secrets()) return signer_.made(generation);
  return fail(ErrorCode::configuration, "this engine has no key to make secrets from; name a credential");
}

void Outbox::put(Wanted wanted, Loop& loop, Done done, AuditNotePtr audit) {
  const Which which{wanted.name_space, wanted.name, wanted.sees_all};
  to_change(which, [this, which, wanted = std::move(wanted), done = back_on(loop, std::move(done)),
                    audit = std::move(audit)](const Result<Deliverer*>& found) {
    if (found) return update(**found, wanted, done, audit);
    if (found.error().code != ErrorCode::not_found) return done(found.error());
    create(home_of(which), wanted, done, audit);
  });
}

void Outbox::create(Home& home, const Wanted& wanted, const Done& done, const AuditNotePtr& audit) {
  if (const Result<void> usable = check_url(wanted.url, wanted.credential); !usable) return done(usable.error());
  if (count_ >= options_.subscriptions_max)
    return done(fail(ErrorCode::quota_exceeded,
                     "there are " + std::to_string(options_.subscriptions_max) + " subscriptions already"));
  Result<Signing> signing = signing_for(wanted.credential, 1);
  if (!signing) return done(std::move(signing).error());
  const Result<FeedCursor> tail = feed_tail(*store_.snapshot());
  if (!tail) return done(tail.error());
  Subscription made;
  made.name_space = wanted.name_space;
  made.name = wanted.name;
  made.id = fresh_id();
  made.url = wanted.url;
  made.filter = wanted.filter;
  made.name_spaces = wanted.name_spaces;
  made.signing = *std::move(signing);
  made.created_at = made.changed_at = home.loop.now();
  made.created_by = wanted.by;
  DeliveryProgress progress;
  progress.done = wanted.from.value_or(*tail);
  const std::shared_ptr<Deliverer> delivery = make(home, made, progress);
  if (audit != nullptr) audit->entry.status = 201;
  delivery->change(
      made, progress.done,
      [this, &home, delivery, done] {
        const Subscription& subscription = delivery->subscription();
        Answer answer{true, subscription_document(*delivery, store_.feed_size(), home.loop.now()), ""};
        if (subscription.signing.credential.empty())
          answer.secret = signer_.secret_text(subscription, subscription.signing);
        done(std::move(answer));
      },
      audit);
}

void Outbox::update(Deliverer& delivery, const Wanted& wanted, const Done& done, const AuditNotePtr& audit) {
  Subscription next = delivery.subscription();
  next.url = wanted.url;
  next.filter = wanted.filter;
  next.name_spaces = wanted.name_spaces;
  // Another credential signs from now on; going back to a secret of our own is what rotating is for.
  if (!wanted.credential.empty()) next.signing = {wanted.credential, next.signing.generation, ""};
  if (const Result<void> usable = check_url(next.url, next.signing.credential); !usable) return done(usable.error());
  // What signed before does so for its own origins only.
  if (next.old_signing && !next.old_signing->credential.empty() && !check_url(next.url, next.old_signing->credential))
    next.old_signing = std::nullopt;
  next.changed_at = Time();
  Subscription before = delivery.subscription();
  before.changed_at = Time();
  const bool same = encode_subscription(next) == encode_subscription(before);
  const auto answer = [this, &delivery, done] {
    Home& home = home_of({delivery.subscription().name_space, delivery.subscription().name, false});
    done(Answer{false, subscription_document(delivery, store_.feed_size(), home.loop.now()), ""});
  };
  if (same) return answer();
  next.changed_at = home_of({wanted.name_space, wanted.name, false}).loop.now();
  delivery.change(std::move(next), [keep = delivery.shared_from_this(), answer] { answer(); }, audit);
}

void Outbox::remove(const Which& which, Loop& loop, Done done, AuditNotePtr audit) {
  to_change_stored(which, [this, which, done = back_on(loop, std::move(done)), audit](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    Home& home = home_of(which);
    const std::shared_ptr<Deliverer> delivery = (*found)->shared_from_this();
    const Json document = subscription_document(*delivery, store_.feed_size(), home.loop.now());
    delivery->remove(
        [this, &home, which, done, document] {
          home.deliveries.erase({which.name_space, which.name});
          --count_;
          done(Answer{false, document, ""});
        },
        audit);
  });
}

void Outbox::pause(const Which& which, Loop& loop, Done done, AuditNotePtr audit) {
  to_change(which, [this, which, done = back_on(loop, std::move(done)), audit](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    const std::shared_ptr<Deliverer> delivery = (*found)->shared_from_this();
    Home& home = home_of(which);
    const auto answer = [this, &home, delivery, done] {
      done(Answer{false, subscription_document(*delivery, store_.feed_size(), home.loop.now()), ""});
    };
    Subscription next = delivery->subscription();
    if (next.state == SubscriptionState::paused) return answer();
    next.state = SubscriptionState::paused;
    next.reason.clear();
    next.changed_at = home.loop.now();
    delivery->change(std::move(next), answer, audit);
  });
}

void Outbox::resume(const Which& which, std::optional<FeedCursor> from, Loop& loop, Done done, AuditNotePtr audit) {
  to_change(which, [this, which, from, done = back_on(loop, std::move(done)), audit](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    const std::shared_ptr<Deliverer> delivery = (*found)->shared_from_this();
    Home& home = home_of(which);
    const auto answer = [this, &home, delivery, done] {
      done(Answer{false, subscription_document(*delivery, store_.feed_size(), home.loop.now()), ""});
    };
    Subscription next = delivery->subscription();
    if (next.state == SubscriptionState::active && !from) return answer();
    next.state = SubscriptionState::active;
    next.reason.clear();
    next.changed_at = home.loop.now();
    if (from) return delivery->change(std::move(next), *from, answer, audit);
    delivery->change(std::move(next), answer, audit);
  });
}

void Outbox::rotate(const Which& which, std::string credential, Duration overlap, Loop& loop, Done done,
                    AuditNotePtr audit) {
  to_change(which, [this, which, credential, overlap, done = back_on(loop, std::move(done)),
                    audit](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    const std::shared_ptr<Deliverer> delivery = (*found)->shared_from_this();
    Home& home = home_of(which);
    Subscription next = delivery->subscription();
    Result<Signing> signing = signing_for(credential, next.signing.generation + 1);
    if (!signing) return done(std::move(signing).error());
    if (const Result<void> usable = check_url(next.url, credential); !usable) return done(usable.error());
    next.old_signing = std::exchange(next.signing, *std::move(signing));
    if (!next.old_signing->credential.empty() && !check_url(next.url, next.old_signing->credential))
      next.old_signing = std::nullopt;
    next.changed_at = home.loop.now();
    next.old_until = home.loop.now() + overlap;
    delivery->change(
        std::move(next),
        [this, &home, delivery, done] {
          const Subscription& now = delivery->subscription();
          Answer answer{false, subscription_document(*delivery, store_.feed_size(), home.loop.now()), ""};
          if (now.signing.credential.empty()) answer.secret = signer_.secret_text(now, now.signing);
          done(std::move(answer));
        },
        audit);
  });
}

// --- looking

void Outbox::show(const Which& which, Loop& loop, std::function<void(Result<Json>)> done) {
  with(which, [this, which, done = back_on(loop, std::move(done))](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    done(subscription_document(**found, store_.feed_size(), home_of(which).loop.now()));
  });
}

void Outbox::list(const std::string& name_space, Loop& loop, std::function<void(Result<Json>)> done) {
  struct Gathered {
    std::mutex mutex;
    std::map<std::string, Json> found;
    std::size_t left;
  };
  const auto gathered = std::make_shared<Gathered>();
  gathered->left = homes_.size();
  const auto one_less = [gathered, done = back_on(loop, std::move(done))] {
    const std::lock_guard lock(gathered->mutex);
    if (--gathered->left > 0) return;
    Json::Array all;
    for (auto& entry : gathered->found) all.push_back(std::move(entry.second));
    done(Json::object({{"subscriptions", std::move(all)}}));
  };
  for (const std::unique_ptr<Home>& home : homes_) {
    on(home->loop, [this, home = home.get(), name_space, gathered, one_less] {
      std::vector<std::shared_ptr<Deliverer>> own;
      for (const auto& [key, delivery] : home->deliveries) {
        if (key.first == name_space) own.push_back(delivery);
      }
      {
        const std::lock_guard lock(gathered->mutex);
        gathered->left += own.size();
      }
      for (const std::shared_ptr<Deliverer>& delivery : own) {
        delivery->when_settled([this, home, name_space, gathered, one_less, delivery] {
          const std::string& name = delivery->subscription().name;
          if (home->deliveries.contains({name_space, name})) {
            const std::lock_guard lock(gathered->mutex);
            gathered->found[name] = subscription_document(*delivery, store_.feed_size(), home->loop.now());
          }
          one_less();
        });
      }
      one_less();
    });
  }
}

// --- dead letters

void Outbox::letters(const Which& which, std::optional<FeedPlace> after, std::size_t limit, Loop& loop, Shown done) {
  with_events(which, [after, limit, done = back_on(loop, std::move(done))](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    const Result<std::vector<DeadLetter>> page = (*found)->letters(after, limit + 1);
    if (!page) return done(page.error());
    Json::Array all;
    for (std::size_t i = 0; i < std::min(limit, page->size()); ++i) all.push_back(letter_document((*page)[i]));
    const bool more = page->size() > limit;
    Json next = more ? *all.back().find("id") : Json();
    done(Json::object({{"dead_letters", std::move(all)}, {"next_after", std::move(next)}}));
  });
}

void Outbox::letter(const Which& which, FeedPlace place, Loop& loop, Shown done) {
  with_events(which, [place, done = back_on(loop, std::move(done))](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    const Result<std::optional<DeadLetter>> letter = (*found)->letter(place);
    if (!letter) return done(letter.error());
    if (!*letter || !(*found)->wants((*letter)->name_space)) return done(no_letter(place));
    const Result<std::optional<FeedEvent>> event = (*found)->event_of(**letter);
    if (!event) return done(event.error());
    Json document = letter_document(**letter);
    document.set("webhook_id", *event ? Json(message_id(**event)) : Json());
    document.set("event", *event ? cloud_event(**event) : Json());
    done(std::move(document));
  });
}

void Outbox::redrive(const Which& which, std::optional<FeedPlace> place, Loop& loop, Shown done, AuditNotePtr audit) {
  to_change_stored(which, [place, done = back_on(loop, std::move(done)), audit](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    if (const std::optional<Error> missing = is_missing(**found, place)) return done(*missing);
    (*found)->redrive(place, counted_as("redriven", done), audit);
  });
}

void Outbox::purge(const Which& which, std::optional<FeedPlace> place, Loop& loop, Shown done, AuditNotePtr audit) {
  to_change_stored(which, [place, done = back_on(loop, std::move(done)), audit](const Result<Deliverer*>& found) {
    if (!found) return done(found.error());
    if (const std::optional<Error> missing = is_missing(**found, place)) return done(*missing);
    (*found)->purge(place, counted_as("purged", done), audit);
  });
}

}  // namespace settle
