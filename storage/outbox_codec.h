#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace settle {

/// Which events somebody wants. What is empty asks for nothing; several values of one kind are alternatives, the kinds
/// (and the labels) must all fit.
struct EventFilter {
  std::vector<std::string> types;             ///< see engine/feed_filter.h, is_type_pattern
  std::vector<std::string> workflows;         ///< names of plans
  std::map<std::string, std::string> labels;  ///< a workflow has all of them
  friend bool operator==(const EventFilter&, const EventFilter&) = default;
};

/// What deliveries are signed with; the secret itself is stored nowhere.
struct Signing {
  std::string credential;        ///< name in the configuration; empty: a secret that Settle makes from its key
  std::uint32_t generation = 0;  ///< of such a secret, from 1
  std::string key_print;         ///< tells the key that it was made from
  friend bool operator==(const Signing&, const Signing&) = default;
};

enum class SubscriptionState : std::uint8_t { active = 0, paused = 1, disabled = 2 };
std::string_view name_of(SubscriptionState state);

/// Where events are delivered to.
struct Subscription {
  std::string name_space, name;  ///< in the key
  std::string id;                ///< of its own, so that one that is made anew inherits nothing
  std::string url;
  EventFilter filter;
  std::vector<std::string> name_spaces;  ///< whose events; empty: its own; "*": of all
  Signing signing;
  std::optional<Signing> old_signing;  ///< signs, too, until then
  Time old_until{};
  SubscriptionState state = SubscriptionState::active;
  std::string reason;  ///< code of why it is disabled
  Time created_at{};
  std::string created_by;
  Time changed_at{};
};
std::string encode_subscription(const Subscription& subscription);
/// Errors: corruption.
Result<Subscription> decode_subscription(std::string_view bytes, std::string name_space, std::string name);

/// A place in the feed of all events: what stands before it was seen.
struct FeedPlace {
  std::uint64_t record = 1;  ///< the record that is read next
  std::uint32_t seen = 0;    ///< events of it that were seen
  friend auto operator<=>(const FeedPlace&, const FeedPlace&) = default;
};

/// An event that was tried and not yet taken.
struct DeliveryTry {
  std::uint32_t attempts = 0;
  Time first_at{};
  friend bool operator==(const DeliveryTry&, const DeliveryTry&) = default;
};

/// How far the deliveries of a subscription are.
struct DeliveryProgress {
  FeedPlace done;  ///< everything before it is delivered, or a dead letter
  std::map<FeedPlace, DeliveryTry> tries;
  std::optional<Time> failing_since;  ///< nothing was taken since
  std::uint64_t dead = 0;             ///< dead letters
  std::uint64_t dropped = 0;          ///< dead letters that were too many to keep
  std::uint64_t delivered = 0;
  std::optional<Time> delivered_at;
  /// Records of the feed that were let go of before they were delivered, the latest such stretch; equal: none.
  std::uint64_t missed_from = 0, missed_to = 0;
  friend bool operator==(const DeliveryProgress&, const DeliveryProgress&) = default;
};
std::string encode_progress(const DeliveryProgress& progress);
/// Errors: corruption.
Result<DeliveryProgress> decode_progress(std::string_view bytes);

/// An event that could not be delivered.
struct DeadLetter {
  FeedPlace place;  ///< in the key
  std::string name_space, workflow;
  std::uint32_t seq = 0;
  std::string notice;  ///< instead of those: an event of the engine's own
  std::uint32_t attempts = 0;
  Time first_at{}, last_at{};
  std::string code, message;  ///< why the last attempt failed
  bool redriving = false;
  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};
std::string encode_dead_letter(const DeadLetter& letter);
/// Errors: corruption.
Result<DeadLetter> decode_dead_letter(std::string_view bytes, const FeedPlace& place);

}  // namespace settle
