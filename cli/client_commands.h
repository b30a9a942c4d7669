#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "base/json.h"
#include "base/time.h"
#include "cli/api.h"
#include "cli/options.h"
#include "cli/terminal.h"

namespace settle {

/// What a client command works with. Everything that reaches outside is in here, so that tests can own it.
struct Client {
  Api& api;
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  View view;        ///< of `out`
  View error_view;  ///< of `err`
  bool json = false;
  std::function<Time()> now;               ///< wall clock, for ages
  std::function<Duration()> ticks;         ///< a monotonic clock, for waits
  std::function<void(Duration)> pause;     ///< waits
  std::function<std::string()> fresh_key;  ///< a new random Idempotency-Key
  bool person = false;                     ///< somebody at a terminal can be asked
};

// Each runs one command and returns the exit code of the process. Blocking. With `json` the server's documents go to
// `out` as they came (also a problem document); otherwise people get tables on `out` and problems on `err`.
int submit(Client& client, const SubmitOptions& options);
int check(Client& client, const CheckOptions& options);
int list_workflows(Client& client, const ListOptions& options);
int show(Client& client, const IdOptions& options);
int watch(Client& client, const WatchOptions& options);
int events(Client& client, const EventsOptions& options);
int receipts(Client& client, const IdOptions& options);
int receipt(Client& client, const IdOptions& options);
int report(Client& client, const IdOptions& options);
int list_tools(Client& client);
int get_tool(Client& client, const ToolsOptions& options);
int put_tools(Client& client, const ToolsOptions& options);
int signal(Client& client, const SignalOptions& options);
/// What the namespace may use, and what it uses.
int show_quotas(Client& client);
int sandbox_log(Client& client);
int sandbox_summary(Client& client);
int sandbox_fault(Client& client, const SandboxOptions& options);

// Exit codes beyond those of base/error.h.
constexpr int kExitDuplicates = 1;  ///< sandbox summary: something happened twice
constexpr int kExitFailed = 20;
constexpr int kExitCancelled = 21;
constexpr int kExitAttention = 22;
constexpr int kExitStillRunning = 23;

/// The exit code for a workflow document as it stands.
int exit_code_of_workflow(const Json& workflow);

}  // namespace settle
