#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/time.h"
#include "schemas/schema.h"
#include "workflows/approval_rule.h"
#include "workflows/check.h"
#include "workflows/template.h"

namespace settle {

enum class Risk : std::uint8_t { read, write, destructive };
std::string_view name_of(Risk risk);

/// What the provider offers against a repeat (CONTRACT §2). Tools of risk read have `none` and never need it.
enum class IdempotencyMode : std::uint8_t { none, key, natural, lookup };
std::string_view name_of(IdempotencyMode mode);

/// A call as a tool declares it, with places to fill.
struct CallSpec {
  std::string connector;
  std::string method;
  Template url;
  std::vector<std::pair<std::string, Template>> headers;
  std::optional<Template> body;
  std::string credential;
  bool safe = false;                            ///< GET, HEAD or declared safe: needs no intent
  std::shared_ptr<const Schema> answer_schema;  ///< of a look's answer; null: none was given

  /// Every reference of the call.
  std::vector<Template::Reference> references() const;
};

struct RetryPolicy {
  Duration initial_interval{500};
  double backoff_coefficient = 2;
  Duration maximum_interval{30'000};
  int maximum_attempts = 5;
};

/// How fast a provider may be called, over all workflows of a namespace. Counted are sends, repeats included; looks and
/// read-backs are not.
struct RateLimit {
  double per_second = 0;          ///< 0: no such limit
  std::uint32_t concurrency = 0;  ///< calls under way; 0: no such limit

  bool any() const { return per_second > 0 || concurrency > 0; }
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

enum class VerifyKind : std::uint8_t { response, none, read_back };

/// Settle's own tools (builtin_tools.h); `none` for all others.
enum class Builtin : std::uint8_t { none, sleep, wait_signal, run_plan, assertion, approve, emit };
/// One look of a read-back, and what its answer is compared with.
struct ReadBack {
  std::string name;  ///< of one of several; empty where there is one
  CallSpec call;
  std::vector<Check> expect;
  std::vector<Check> pending;     ///< any of them holds: still settling
  std::optional<Pointer> unique;  ///< the call is a search: where its answer has the list of records
  std::optional<Pointer> next;    ///< where a search says that there is a further page
  bool tied = false;              ///< a match must have found our key or the record id of the answer
};

/// Looks again after an action was verified, so often, each so long after the one before.
struct Recheck {
  Duration after{};
  std::uint32_t times = 1;
};

/// Where the calls of a tool go. Part of an intent, so that it is noticed when one has moved since.
struct CallTarget {
  std::string origin;      ///< scheme://host:port of the call that acts
  std::string credential;  ///< its name; empty: none
  /// Origin and credential of look-up and read-back, a line each; an empty line for one that it has not; then one for
  /// each further look. Empty in intents from before it was noted.
  std::string look_endpoints;
  friend bool operator==(const CallTarget&, const CallTarget&) = default;
};

/// A named contract, compiled from its document. Immutable; shared by every workflow that runs it. Thread: any.
struct Tool {
  std::string name;
  std::string description;
  bool deprecated = false;
  std::string deprecation;  ///< what to use instead; empty unless deprecated
  Hash version{};           ///< SHA-256 of the canonical document
  std::string canonical_document;
  Risk risk = Risk::write;
  std::shared_ptr<const Schema> input_schema;
  std::shared_ptr<const Schema> output_schema;
  CallSpec execute;
  std::vector<Check> success;
  std::optional<Pointer> record_id;

  IdempotencyMode mode = IdempotencyMode::none;
  Duration window{};  ///< mode key
  Duration quiet{};   ///< lookup: declared; natural and key: start_to_close_timeout unless declared
  std::optional<CallSpec> lookup;
  Pointer lookup_records;
  std::optional<Pointer> lookup_next;  ///< where the answer says that there is a further page

  VerifyKind verify = VerifyKind::response;
  std::vector<ReadBack> reads;          ///< of a read-back, in the order in which they are made; all must match
  std::optional<ReadBack> read_unseen;  ///< instead of them while the tool's answer is lost
  std::optional<CallSpec> before;       ///< a read taken and recorded before the first send
  std::optional<Recheck> recheck;
  Duration within{10'000};
  Duration interval{500};
  bool tied = false;  ///< every look of the read-back is tied to our key or to the record id of the answer
  std::string unverifiable_reason;  ///< with verify "none"

  Duration start_to_close_timeout{10'000};
  Duration schedule_to_close_timeout{600'000};
  RetryPolicy retry;
  RateLimit rate_limit;
  Rare<ApprovalRule> approval;               ///< null: nobody has to agree
  std::vector<int> not_processed{429, 503};  ///< of these two, those that say that nothing was done

  std::shared_ptr<const CallTarget> target;  ///< of its calls; null for tools of Settle's own

  Builtin builtin = Builtin::none;

  bool reads_only() const { return risk == Risk::read; }
  std::string version_text() const;  ///< "sha256:…"
  /// The record's id in an answer, as text. Null: the tool names no place, or there is neither text nor number.
  std::optional<std::string> record_id_in(const Json& answer) const;
};

/// Compiles a tool document against the configured values. Errors: invalid_tool with every problem at once; the codes
/// are in docs/codes.md. Features of the contract that this version does not enforce yet are refused
/// (tool_not_supported), never ignored.
Result<std::shared_ptr<const Tool>> compile_tool(const Json& document, const Values& values);

/// Looks tools up by name (latest version) while a plan is checked. Null: there is none.
class ToolSource {
 public:
  virtual ~ToolSource() = default;
  virtual std::shared_ptr<const Tool> latest(std::string_view name) const = 0;
  virtual std::vector<std::string> names() const = 0;
};

}  // namespace settle
