#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/http/client.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace CLI {
class App;
}

namespace settle {

/// What every command shares.
struct GlobalOptions {
  std::string server = "http://127.0.0.1:8700";
  std::string token_file;  ///< see cli/client_token.h
  std::string name_space;  ///< empty: that of the token
  ClientTrust trust;
  bool json = false;
  ColorChoice color = ColorChoice::automatic;
};

/// What ends a wait: the end of the workflow, or also the first moment at which it needs a person.
enum class Until : std::uint8_t { attention, ended };

struct SubmitOptions {
  std::string file = {};  ///< "-": standard input
  std::string id = {};
  std::vector<std::string> labels = {};  ///< "key=value"
  std::string idempotency_key = {};      ///< empty: one is made up, so that a lost answer can be asked for again
  std::optional<Duration> wait = {};
  Until until = Until::attention;
};

struct CheckOptions {
  std::string file = {};
};

/// Which workflows; what is empty does not filter.
struct FilterOptions {
  std::string status = {};
  std::string outcome = {};
  std::string attention = {};  ///< "true", "false" or empty
  std::string name = {};
  std::string label = {};  ///< "key=value"
  std::string tool = {};
  std::string created_after = {};
  std::string created_before = {};
};

struct ListOptions {
  FilterOptions filter = {};
  int limit = 50;
  std::string cursor = {};
};

/// For the commands that take one id and nothing else.
struct IdOptions {
  std::string id = {};
};

struct SignalOptions {
  std::string id = {};
  std::string name = {};
  std::string payload = {};  ///< JSON, or "@FILE"; empty: none
  std::string key = {};      ///< empty: one is made up, so that a lost answer can be asked for again
};

/// cancel, pause, resume, retry: of one workflow, or of all that fit the filter.
struct OperateOptions {
  std::string id = {};
  FilterOptions filter = {};
  int limit = 0;              ///< with a filter: at most so many; 0: all that fit
  bool dry_run = false;       ///< with a filter: only say which
  bool yes = false;           ///< with a filter: without asking
  bool latest_tools = false;  ///< retry
};

struct ResolveOptions {
  std::string id = {};
  std::string action = {};
  bool happened = false;
  bool did_not_happen = false;
  std::string who = {};
  std::string seen = {};
  std::string record_id = {};
  std::string output = {};  ///< a JSON text, or "@FILE"
  bool no_verify = false;
  bool send_again = false;
  std::optional<int> element = {};
  std::string role = {};
  std::optional<int> attempt = {};
};

struct ApprovalsOptions {
  std::string id = {};  ///< of one request, to be shown in full; empty: list them
  bool all = false;     ///< also those that are decided
  std::string workflow = {};
  int limit = 50;
  std::string cursor = {};
};

/// approve, reject.
struct DecideOptions {
  std::string id = {};
  std::string who = {};
  std::string reason = {};
  std::string digest = {};  ///< of what was looked at; empty: of what is shown now
};

struct WatchOptions {
  std::string id = {};
  std::optional<Duration> timeout = {};
  Duration patience{60'000};  ///< how long the server may stay unreachable
  Until until = Until::attention;
};

struct EventsOptions {
  std::string id = {};
  std::int64_t after = 0;
  int limit = 0;  ///< 0: all
};

struct ToolsOptions {
  std::string name = {};                 ///< get, versions, disable, enable
  std::string version = {};              ///< disable, enable
  std::vector<std::string> files = {};   ///< put, lint
  std::vector<std::string> values = {};  ///< lint: "name=value"
  bool strict = false;                   ///< lint: warnings count as errors; diff: changes that need a look do
  std::string before = {};               ///< diff: FILE, NAME or NAME@VERSION
  std::string after = {};
  std::string format = {};  ///< export
};

struct SandboxOptions {
  std::string listen = "127.0.0.1:8750";
  std::string file = "sandbox.jsonl";
  std::string at = "http://127.0.0.1:8750";  ///< log, summary, fault: the sandbox to talk to
  std::string fault = {};
  std::string method = {};
  std::string path_prefix = {};
  int nth = 0;
  int times = 1;
  std::optional<int> delay_ms = {};
  bool clear = false;
};

struct TokenOptions {
  std::string name = {};
  std::vector<std::string> scopes = {};
  std::string expires = {};  ///< empty: as the server does it
  bool all_name_spaces = false;
  std::string id = {};  ///< revoke
};

struct AuditOptions {
  std::int64_t after = 0;
  int limit = 0;  ///< 0: all
  bool as_lines = false;
};

struct SubscriptionOptions {
  std::string name = {};
  std::string url = {};
  std::vector<std::string> types = {}, workflows = {}, labels = {}, name_spaces = {};
  std::string credential = {};
  std::string from = {};     ///< empty: from now on, or where it was
  std::string overlap = {};  ///< empty: as the server does it
};

struct ScheduleCommandOptions {
  std::string name = {};
  std::string file = {};
  std::string reason = {};
  std::string key = {};  ///< empty: a fresh one
  bool allow_overlap = false;
  int count = 0;  ///< 0: as the server does it
  std::string after = {};
};

struct DeadLetterOptions {
  std::string subscription = {};
  std::string letter = {};  ///< empty: all
  std::string after = {};
};

struct FeedOptions {
  std::string after = {};
  std::string type = {};
  bool follow = false;
};

/// schema validate.
struct SchemaCommandOptions {
  std::string draft = "2020-12";  ///< of schemas without $schema: "2020-12" or "draft-07"
  std::string folder = {};        ///< with documents that references may lead to; empty: none
  std::string base = {};          ///< URI that the folder stands for
  bool assert_formats = false;
};

struct CompletionOptions {
  std::string shell = {};
};

/// Everything that the command line said, and which command it was ("tools put").
struct Options {
  GlobalOptions global;
  SubmitOptions submit;
  CheckOptions check;
  ListOptions list;
  IdOptions one;
  SignalOptions signal;
  OperateOptions operate;
  ResolveOptions resolve;
  ApprovalsOptions approvals;
  DecideOptions decide;
  WatchOptions watch;
  EventsOptions events;
  ToolsOptions tools;
  TokenOptions token;
  AuditOptions audit;
  SubscriptionOptions subscription;
  ScheduleCommandOptions schedule;
  DeadLetterOptions dead_letters;
  FeedOptions feed;
  SandboxOptions sandbox;
  SchemaCommandOptions schema;
  CompletionOptions completion;
  ServeOptions serve;
  InspectOptions inspect;
  std::string command;
};

/// Declares every command, option and help text on `app`; parsing it fills `options`, which must outlive it. The tree
/// of `app` is also what the shell completion is made from.
void declare(CLI::App& app, Options& options);

}  // namespace settle
