#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/delivery.h"

namespace settle {

struct OutboxOptions {
  DeliveryLimits limits = {};
  std::string key = {};  ///< of 32 bytes, from which secrets are made; empty: none can be
  WebhookPorts webhooks = {};
  std::function<void(const std::string& sentence)> tell = {};
  std::size_t subscriptions_max = 200;  ///< of all namespaces
};

/// Subscriptions to events, and their deliveries: each lives on one loop, which its namespace and name choose. Every
/// call may come from any loop; `done` runs on the loop given. Owned by the engine.
class Outbox {
 public:
  struct Part {
    Loop* loop;
    Connector* connector;
  };
  Outbox(Store& store, const std::vector<Part>& parts, FeedBell& bell, OutboxOptions options);

  /// Reads every subscription and goes on where its deliveries were. Before anything else is asked. Errors: corruption.
  Result<void> load();
  /// `quiet` runs, on some loop, once no delivery is under way and how far each is has been stored.
  void drain(std::function<void()> quiet);

  /// What a PUT asks for, checked already.
  struct Wanted {
    std::string name_space, name, url;
    EventFilter filter = {};
    std::vector<std::string> name_spaces = {};
    std::string credential = {};          ///< empty: a secret is made
    std::optional<FeedCursor> from = {};  ///< null: from now on; of a new one only
    std::string by = {};
    bool sees_all = false;  ///< as of Which
  };
  /// Which one is asked for.
  struct Which {
    std::string name_space, name;
    bool sees_all = false;  ///< asked with a token of all namespaces
  };
  struct Answer {
    bool created = false;
    Json document;
    std::string secret;  ///< "whsec_…", where one was made just now
  };
  using Done = std::function<void(Result<Answer>)>;
  // Whoever does not see all namespaces changes no subscription that gets events of others, and sees none of its dead
  // letters: forbidden. While the engine ends nothing is changed: shutting_down.
  /// Makes it, or changes what differs. Errors: quota_exceeded, configuration (secrets can't be made here),
  /// invalid_argument (it may not go to that URL with the credential that it has).
  void put(Wanted wanted, Loop& loop, Done done, AuditNotePtr audit);
  // Errors of all these: not_found.
  void remove(const Which& which, Loop& loop, Done done, AuditNotePtr audit);
  void pause(const Which& which, Loop& loop, Done done, AuditNotePtr audit);
  /// Goes on, after a pause or after it was disabled; from another place of the feed if one is given.
  void resume(const Which& which, std::optional<FeedCursor> from, Loop& loop, Done done, AuditNotePtr audit);
  /// A new secret, or another credential; the one before signs, too, for `overlap`. Errors: invalid_argument, as of
  /// put.
  void rotate(const Which& which, std::string credential, Duration overlap, Loop& loop, Done done, AuditNotePtr audit);
  void show(const Which& which, Loop& loop, std::function<void(Result<Json>)> done);
  /// Those of a namespace, by name.
  void list(const std::string& name_space, Loop& loop, std::function<void(Result<Json>)> done);

  // Dead letters; not_found also for one that is not there.
  using Shown = std::function<void(Result<Json>)>;
  void letters(const Which& which, std::optional<FeedPlace> after, std::size_t limit, Loop& loop, Shown done);
  void letter(const Which& which, FeedPlace place, Loop& loop, Shown done);
  /// Null: all of them. The answer is {"redriven": N} or {"purged": N}.
  void redrive(const Which& which, std::optional<FeedPlace> place, Loop& loop, Shown done, AuditNotePtr audit);
  void purge(const Which& which, std::optional<FeedPlace> place, Loop& loop, Shown done, AuditNotePtr audit);

  const WebhookSigner& signer() const { return signer_; }

 private:
  struct Home {
    Loop& loop;
    Connector& connector;
    FeedReader reader;
    std::shared_ptr<FeedWatch> watch;
    std::map<std::pair<std::string, std::string>, std::shared_ptr<Deliverer>> deliveries;
    bool draining = false;
  };
  Home& home_of(const Which& which);
  std::shared_ptr<Deliverer> make(Home& home, Subscription subscription, DeliveryProgress progress);
  /// Runs `task` with the delivery, or with not_found, on the loop where it would be.
  using Task = std::function<void(Result<Deliverer*>)>;
  void with(const Which& which, Task task);
  /// The same for those only who may have its events.
  void with_events(const Which& which, Task task);
  /// The same, but with shutting_down when it is too late for a change.
  void to_change(const Which& which, Task task);
  /// The same, when all that is stored of it is as it is here.
  void to_change_stored(const Which& which, Task task);
  Result<void> check_url(const std::string& url, const std::string& credential) const;
  void create(Home& home, const Wanted& wanted, const Done& done, const AuditNotePtr& audit);
  void update(Deliverer& delivery, const Wanted& wanted, const Done& done, const AuditNotePtr& audit);
  Result<Signing> signing_for(const std::string& credential, std::uint32_t generation) const;

  Store& store_;
  const OutboxOptions options_;
  const WebhookSigner signer_;
  std::vector<std::unique_ptr<Home>> homes_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace settle
