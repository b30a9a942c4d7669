#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace settle {

/// Behind which addresses the host of a call may be.
enum class Reach : std::uint8_t {
  as_tools,     ///< public ones, and those of the private hosts that the configuration names for tools
  public_only,  ///< whatever tools may reach
  anywhere,     ///< private ones, too: the configuration names this very origin
};

/// One prepared call: every value resolved, no secret inside (the connector adds the credential at the last moment).
/// Execute, look-up and read-back are the same kind of call.
struct Call {
  std::string connector;                                     ///< "http"
  std::string method;                                        ///< "GET", "POST", …
  std::string url;                                           ///< absolute, percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;  ///< checked: no control characters
  std::optional<std::string> body;                           ///< canonical JSON bytes
  std::string credential;                                    ///< name in the configuration; empty: none
  bool write = true;    ///< it may have a side effect (not GET or HEAD, not declared safe)
  bool repeat = false;  ///< of an action that was sent before: counts against the retry budget of its host
  Reach reach = Reach::as_tools;
  Duration timeout{10'000};  ///< start_to_close: from the first byte sent to the last received

  friend bool operator==(const Call&, const Call&) = default;
};

/// "http://host:port" of a URL, or of its constant prefix: a part of `url`.
std::string_view origin_of(std::string_view url);

/// How a call ended, as CONTRACT §2 classifies it. The tool's own success rule and output schema come after this.
enum class OutcomeClass : std::uint8_t {
  answered,   ///< a complete 2xx answer
  rejected,   ///< a complete refusal, for good
  not_sent,   ///< known not to have been processed
  ambiguous,  ///< nobody can know
};

struct Outcome {
  OutcomeClass kind = OutcomeClass::ambiguous;
  int status = 0;                       ///< HTTP status; 0: no complete status line came
  std::optional<Json> body;             ///< the parsed answer, exact numbers; null when none came or it was empty
  std::string code;                     ///< stable reason when not answered: "connect_failed", "timeout", "http_404", …
  std::string detail;                   ///< for people; never a secret
  std::optional<Duration> retry_after;  ///< floor of the next try
  Time started{};                       ///< wall clock, when the call was handed over
  Time ended{};                         ///< when our side of it closed
};

}  // namespace settle
