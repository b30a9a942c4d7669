#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/counters.h"
#include "tests/sim/faults.h"
#include "tests/sim/sim_tool.h"
#include "workflows/call.h"

namespace settle::sim {

/// What our side knows about one send.
/// `settled`: an operator has seen that it did nothing.
enum class Known : std::uint8_t { open, not_sent, rejected, answered, unclear, settled };

struct Send {
  std::int64_t attempt = 0;
  std::string key, origin;
  Known known = Known::open;
  Time ended{};       ///< engine's time, when it was delivered
  Time not_before{};  ///< monotonic: what a Retry-After asked for
};

/// As far as our side can know.
inline bool may_have_happened(const Send& send) {
  return send.known != Known::not_sent && send.known != Known::rejected && send.known != Known::settled;
}

/// The run that sends this body: its value, but with the id of its workflow, which the plan of a child can't know.
std::string run_in(const Json& body);
/// The same, of a workflow and what its plan says.
std::string run_in(const std::string& workflow, const std::string& value);
/// The run whose value a record shows; what was edited or half stored shows nobody's.
const std::string& shown_by(const Json& document);

/// What really happened to one run. Every run of every plan writes a value of its own, which names it here (run_in).
struct Truth {
  const SimTool* tool = nullptr;
  std::vector<Send> sends;
  std::set<std::string> keys;
  std::vector<Time> effects;  ///< when each landed (by the monotonic clock)
  int pending = 0;            ///< on their way, and will land
  // The tool's own word was broken:
  bool lied = false;      ///< said done and did nothing, or something else
  bool misled = false;    ///< showed another's record, or said "not processed" of what it did
  bool doubled = false;   ///< delivered twice by the network
  bool tampered = false;  ///< a person edited or deleted it
  // What the document does not rule out:
  bool overwritten = false;  ///< a later action of the plan wrote the same record
  bool drifted = false;      ///< somebody else changed its account
  bool broken() const { return lied || misled || doubled || tampered; }
};

/// A look that showed a value as the tool's document expects it, and was handed to the engine, in the engine's time.
struct Look {
  Time started{}, ended{};
  std::size_t records = 1;  ///< how many it showed
  bool further = false;     ///< it said that there is a further page
  bool mirror = false;      ///< it was the second of two looks
};

/// What a read-back is going to show, or showed last, about one run.
struct Glimpse {
  enum class Kind : std::uint8_t { unreadable, absent, different, pending, match } kind = Kind::unreadable;
  std::string about;  ///< the run's value; empty: nobody can tell
  bool before = false;
  bool mirror = false;
  bool further = false;
  std::size_t records = 1;
};

/// How a call ends, before the connector has judged it.
struct Reply {
  enum class Kind : std::uint8_t { answer, lost, refused_connection } kind = Kind::answer;
  int status = 200;
  std::string body;
  std::optional<std::string> retry_after;
  Duration after{1};               ///< from the call on
  std::vector<std::string> shown;  ///< values that a look shows
  bool partly = false;             ///< a look-up whose answer goes on on a further page
  std::optional<Glimpse> glimpse;  ///< of a read-back, or of a look before the first send
  std::string value;               ///< of the run, when this was a send
  std::size_t send = 0;            ///< which of its sends
  bool complete = false;           ///< an answer that says done, and fits the output schema
};

/// The outside: the providers of all tools, with the truth about every effect. It outlives the engine's crashes.
class World {
 public:
  World(Schedule& schedule, std::uint64_t seed, Counters& counters)
      : schedule_(schedule), dice_(seed), counters_(counters) {}

  void add(const SimTool& tool) { tools_[tool.name] = &tool; }
  /// Serves a call at this moment.
  Reply serve(const Call& call);
  /// The run that a look is about, as far as its URL tells; null for other calls.
  std::string looked_at(const Call& call) const;
  /// The run whose look before the first send this is; empty: it is none.
  std::string before_of(const Call& call) const;
  const SimTool& tool_of(const Call& call) const;
  /// The run whose send this is, which its tool's limits count; empty: it is none.
  static std::string sender_of(const Call& call);
  /// The reply reached the engine.
  void delivered(const Reply& reply, const Outcome& outcome);
  /// The provider is down for so long: nothing connects, or everything ends unclear.
  void outage(Duration length, bool refuses);
  /// The truth about the run that writes `value` with this tool.
  Truth& truth_of(const std::string& value, const SimTool& tool);
  /// The id of the record with this value; empty: there is none (any more).
  std::string record_of(const std::string& value) const;
  /// Whether the outside still shows what this run wrote.
  bool holds(const std::string& value) const;
  /// A person edits or deletes a record.
  void tamper();
  /// No fault any more; what the tools declare as slow stays slow.
  void heal();

  Faults faults;
  std::map<std::string, Truth> truths;             ///< by the run's value
  std::map<std::string, std::vector<Look>> looks;  ///< by value
  std::map<std::string, std::string> owners;       ///< idempotency key -> value of the run that used it
  /// By value: what the read-back delivered last showed; and all that looks before the first send have shown.
  std::map<std::string, Glimpse> last_glimpses;
  std::map<std::string, std::set<std::string>> befores;

 private:
  struct Version {
    Time at{};
    Time settled{};                ///< from then on
    std::optional<Json> document;  ///< null: deleted
  };
  struct Record {
    std::string id, name, key, value;
    std::vector<Version> versions;
  };
  struct Remembered {
    Time since{};
    std::string id;
  };
  /// How often a run has changed its account, whole and by halves.
  struct Counted {
    std::int64_t ours = 0, halves = 0;
  };
  /// The records of one tool at one origin.
  struct Collection {
    std::vector<Record> records;
    std::map<std::string, Remembered> keys;
    std::map<std::string, std::vector<Time>> drifts;  ///< of accounts
    std::map<std::string, Counted> counted;           ///< when its account was looked at before a first send
    bool mixed_up = false;  ///< an answer named another's record: who looks at an id is not known any more
  };

  bool hit(Fault fault);
  Reply reply(int status, std::string body);
  Reply lost();
  Reply write(const SimTool& tool, const std::string& origin, const Json& body);
  Reply not_processed();
  Reply refusal(const SimTool& tool);
  Reply answer(const SimTool& tool, Collection& collection, Truth& truth, std::string id);
  std::string accept(const SimTool& tool, Collection& collection, Truth& truth, const Json& body);
  void land(const SimTool& tool, Collection& collection, const Json& body, const std::string& id);
  void land_now(std::uint64_t landing);
  void apply(const SimTool& tool, Collection& collection, const Json& body, const std::string& id);
  Reply fetch(const SimTool& tool, const std::string& what);
  Reply fetch_again(const SimTool& tool, const std::string& what);
  Reply read(const SimTool& tool, Collection& collection, const std::string& by, const std::string& target);
  Reply find(const SimTool& tool, Collection& collection, const std::string& key);
  Reply account(const SimTool& tool, Collection& collection, const std::string& value, bool before);
  Reply search(const SimTool& tool, Collection& collection, const std::string& key);
  std::optional<Reply> no_look();
  Duration lag_of(const SimTool& tool);
  void see(const Reply& reply, const Outcome& outcome);
  Reply unreadable();
  Reply no_list(bool maybe_404);
  void hide_some(std::vector<Json>& found, std::vector<std::string>& values, Glimpse& seen);
  static const Version* version_of(const Record& record, Time at);
  static const Json* as_of(const Record& record, Time at);
  static Json shown_as(const SimTool& tool, const Version& version, Time at, bool mirror);
  static Glimpse::Kind compare(const SimTool& tool, const Json& shown, const std::string& value);
  std::string owner_of(const std::string& key) const;
  Json document_of(const std::string& id);

  Schedule& schedule_;
  Dice dice_;
  Counters& counters_;
  std::map<std::string, const SimTool*> tools_;
  std::map<std::string, Collection> collections_;            ///< by origin and tool
  std::map<std::uint64_t, std::function<void()>> landings_;  ///< effects that are still to land
  std::uint64_t next_id_ = 1, next_landing_ = 1;
  Time outage_until_{};
  bool outage_refuses_ = false;
};

}  // namespace settle::sim
