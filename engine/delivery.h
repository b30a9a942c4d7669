#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"
#include "engine/audit.h"
#include "engine/feed.h"
#include "engine/feed_watch.h"
#include "engine/loop.h"
#include "engine/webhook.h"

namespace settle {

/// How webhooks are delivered; visible in docs/configuration.md.
struct DeliveryLimits {
  Duration timeout{10'000};       ///< of one attempt
  Duration first_retry{1'000};    ///< doubles with each attempt, up to retry_max; a part of it is left to chance
  Duration retry_max{3'600'000};  ///< Retry-After may ask for more, up to retry_after_max
  Duration retry_after_max{std::int64_t{24} * 3'600'000};
  std::uint32_t attempts_max = 16;                           ///< then the event is a dead letter
  Duration disable_after{std::int64_t{5} * 24 * 3'600'000};  ///< nothing was taken for so long
  std::size_t calls_max = 8;                                 ///< at once, of one subscription
  std::size_t window_events = 256, window_bytes = 1U << 20;  ///< read ahead of the oldest that is not done
  std::uint64_t dead_letters_max = 10'000;                   ///< of one subscription; beyond, the oldest go
};

/// What the deliveries of one loop share. All of it outlives them.
struct DeliveryPorts {
  Store& store;
  Loop& loop;
  Connector& connector;
  FeedReader& reader;
  FeedWatch& watch;
  const WebhookSigner& signer;
  const DeliveryLimits& limits;
  std::function<void(const std::string& sentence)> tell;  ///< a warning for the log; may be empty
};

/// The deliveries of one subscription: reads the feed from where it is, sends what fits, at most once at a time for
/// each workflow and in its order, tries again what was not taken, and stores how far it is. At least once: after a
/// crash what was taken since the last time that was stored is sent again, under the same webhook-id. Loop: all of it
/// on its own.
class Deliverer : public std::enable_shared_from_this<Deliverer> {
 public:
  Deliverer(DeliveryPorts ports, Subscription subscription, DeliveryProgress progress);

  const Subscription& subscription() const { return subscription_; }
  /// As it is durable.
  const DeliveryProgress& progress() const { return durable_; }
  /// Goes to work, if the state allows it.
  void start();

  using Done = std::function<void()>;
  /// Runs `task` when no change is on its way to the disk: at once, or later on the loop. So nothing is shown, compared
  /// or changed again that is not durable.
  void when_settled(Done task);
  /// Whether all that was queued is durable, so that what is stored may be read and changed.
  bool is_saved() const { return saves_ == 0; }
  /// Runs `task` when it was so at least once.
  void when_saved(Done task);
  /// Whether events of this namespace are wanted; those of the engine's own (empty) are everybody's.
  bool wants(std::string_view name_space) const;
  /// Takes the place of what it was; `done` runs once that is durable. Nothing leaves before.
  void change(Subscription next, const Done& done, const AuditNotePtr& audit);
  /// The same, and goes on from another place in the feed.
  void change(Subscription next, const FeedCursor& from, const Done& done, const AuditNotePtr& audit);
  /// Ends it for good with all that is stored of it.
  void remove(const Done& done, const AuditNotePtr& audit);
  /// Starts no call any more; `quiet` runs when none is under way and how far it is has been stored.
  void drain(Done quiet);

  // delivery_letters.cc: of namespaces that are not wanted any more, letters are neither shown nor delivered.
  /// Dead letters behind `after`, at most `limit`, in the order of the feed. Errors: corruption.
  Result<std::vector<DeadLetter>> letters(std::optional<FeedPlace> after, std::size_t limit) const;
  Result<std::optional<DeadLetter>> letter(const FeedPlace& place) const;
  /// Null: its history is gone. Errors: corruption.
  Result<std::optional<FeedEvent>> event_of(const DeadLetter& letter) const;
  /// Delivers these again (all: null); `done` gets how many, once that is durable. Only when is_saved(). Errors:
  /// corruption.
  using Counted = std::function<void(Result<std::uint64_t>)>;
  void redrive(const std::optional<FeedPlace>& which, const Counted& done, const AuditNotePtr& audit);
  void purge(const std::optional<FeedPlace>& which, const Counted& done, const AuditNotePtr& audit);

  struct Failure {
    std::string code, message;
    Time at{};
  };
  const std::optional<Failure>& last_failure() const { return last_failure_; }

 private:
  struct Item {
    FeedPlace next;
    std::string name_space, workflow;
    std::uint32_t seq = 0;
    std::string message_id;
    std::string body;
    std::string notice;
    DeliveryTry tried;
    Time not_before{};
    bool calling = false;
  };
  using Items = std::map<FeedPlace, Item>;

  bool works() const;
  void pump();
  void pump_later();
  void fill();
  bool window_is_full() const;
  void add(const FeedEvent& event);
  static Item item_of(const FeedEvent& event);
  void send();
  void send(Items& items, bool letters, Time now);
  void call(Items::value_type& item, bool letter);
  void ended(const FeedPlace& place, bool letter, const Outcome& outcome);
  void taken(const FeedPlace& place, bool letter);
  void not_taken(Items& items, Items::iterator at, bool letter, const Outcome& outcome);
  Duration pause_before(std::uint32_t attempts, const Outcome& outcome);
  void disable(std::string reason, const std::string& why);
  void missed(const FeedCursor& oldest);
  void arm();
  void note_progress();
  void save_later(Duration at_most);
  void save(WriteBatch batch, const Done& done);
  void saved();
  void settled(const Done& done);
  void be_quiet();

  // delivery_letters.cc
  void bury(const Item& item, const Outcome& outcome);
  void drop_oldest(WriteBatch& batch);
  void load_letters();
  void erase_letter(const FeedPlace& place, WriteBatch& batch);
  void letter_failed(const FeedPlace& place, const Item& item, const Outcome& outcome);
  Result<std::vector<FeedPlace>> chosen(const std::optional<FeedPlace>& which) const;

  const DeliveryPorts ports_;
  Subscription subscription_;
  DeliveryProgress progress_;
  DeliveryProgress saved_;    ///< as it was queued for the disk
  DeliveryProgress durable_;  ///< as it is there
  FeedCursor read_at_;
  Items items_;                   ///< read, and not yet done
  std::size_t bytes_ = 0;         ///< of their bodies
  Items letters_;                 ///< dead letters that are delivered again
  bool more_letters_ = false;     ///< there are others, for when these are over
  bool letters_changed_ = false;  ///< they are to be read (again)
  std::set<FeedPlace> erased_;    ///< dead letters that go with a save that is not durable yet
  std::size_t calls_ = 0;
  std::size_t changes_ = 0;  ///< queued, and not yet durable
  std::size_t saves_ = 0;
  bool caught_up_ = false;
  bool removed_ = false;
  bool draining_ = false;
  bool pump_posted_ = false;
  std::uint64_t watch_ = 0;  ///< 0: none
  std::uint64_t epoch_ = 0;  ///< calls of an earlier one are of a place that was left
  std::optional<std::uint64_t> timer_, save_timer_;
  Time save_at_{};
  std::optional<Failure> last_failure_;
  Done quiet_;
  std::deque<Done> waiting_;  ///< for what is changing
  std::deque<Done> unsaved_;  ///< what waits for all saves
};

}  // namespace settle
