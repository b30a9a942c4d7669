#include "cli/commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <map>
#include <random>
#include <thread>

#include "base/error.h"
#include "cli/api.h"
#include "cli/approval_commands.h"
#include "cli/client_commands.h"
#include "cli/client_token.h"
#include "cli/completion.h"
#include "cli/operator_commands.h"
#include "cli/options.h"
#include "cli/render_problem.h"
#include "cli/schedule_commands.h"
#include "cli/schema_lines.h"
#include "cli/subscription_commands.h"
#include "cli/token_commands.h"
#include "cli/tool_commands.h"
#include "sandbox/sandbox.h"

#ifndef SETTLE_VERSION
#error "the build defines SETTLE_VERSION"
#endif

namespace settle {

namespace {

// How long an answer may stay silent: longer than the 30 s for which a wait is held open.
constexpr Duration kAnswerTimeout{60'000};

Time wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Duration ticks() {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

// 128 random bits; unique is enough, it is no secret.
std::string fresh_key() {
  std::random_device dice;
  std::string key = "cli-";
  for (int i = 0; i < 32; ++i) key += "0123456789abcdef"[dice() % 16];
  return key;
}

int complain(const Options& options, const Error& error) {
  if (options.global.json) {
    std::cout << write_json(problem_of(error)) << '\n';
  } else {
    std::cerr << render_error(error, view_of(STDERR_FILENO, options.global.color));
  }
  return info(error.code).exit_code;
}

using ClientCommand = std::function<int(Client&, const Options&)>;

const std::map<std::string, ClientCommand, std::less<>>& client_commands() {
  static const std::map<std::string, ClientCommand, std::less<>> table = {
      {"submit", [](Client& c, const Options& o) { return submit(c, o.submit); }},
      {"check", [](Client& c, const Options& o) { return check(c, o.check); }},
      {"ls", [](Client& c, const Options& o) { return list_workflows(c, o.list); }},
      {"show", [](Client& c, const Options& o) { return show(c, o.one); }},
      {"watch", [](Client& c, const Options& o) { return watch(c, o.watch); }},
      {"events", [](Client& c, const Options& o) { return events(c, o.events); }},
      {"receipts", [](Client& c, const Options& o) { return receipts(c, o.one); }},
      {"receipt", [](Client& c, const Options& o) { return receipt(c, o.one); }},
      {"report", [](Client& c, const Options& o) { return report(c, o.one); }},
      {"tools ls", [](Client& c, const Options&) { return list_tools(c); }},
      {"tools get", [](Client& c, const Options& o) { return get_tool(c, o.tools); }},
      {"tools put", [](Client& c, const Options& o) { return put_tools(c, o.tools); }},
      {"tools lint", [](Client& c, const Options& o) { return lint_tools(c, o.tools); }},
      {"tools diff", [](Client& c, const Options& o) { return diff_tools(c, o.tools); }},
      {"tools export", [](Client& c, const Options& o) { return export_tools(c, o.tools); }},
      {"tools versions", [](Client& c, const Options& o) { return tool_versions(c, o.tools); }},
      {"tools disable", [](Client& c, const Options& o) { return enable_tool(c, o.tools, false); }},
      {"tools enable", [](Client& c, const Options& o) { return enable_tool(c, o.tools, true); }},
      {"token create", [](Client& c, const Options& o) { return create_token(c, o.token); }},
      {"token ls", [](Client& c, const Options&) { return list_tokens(c); }},
      {"token revoke", [](Client& c, const Options& o) { return revoke_token(c, o.token); }},
      {"audit", [](Client& c, const Options& o) { return list_audit(c, o.audit); }},
      {"subscription put", [](Client& c, const Options& o) { return put_subscription(c, o.subscription); }},
      {"subscription ls", [](Client& c, const Options&) { return list_subscriptions(c); }},
      {"subscription show", [](Client& c, const Options& o) { return show_subscription(c, o.subscription); }},
      {"subscription rm", [](Client& c, const Options& o) { return delete_subscription(c, o.subscription); }},
      {"subscription pause",
       [](Client& c, const Options& o) { return operate_subscription(c, "pause", o.subscription); }},
      {"subscription resume",
       [](Client& c, const Options& o) { return operate_subscription(c, "resume", o.subscription); }},
      {"subscription rotate-secret", [](Client& c, const Options& o) { return rotate_secret(c, o.subscription); }},
      {"schedule put", [](Client& c, const Options& o) { return put_schedule(c, o.schedule); }},
      {"schedule ls", [](Client& c, const Options&) { return list_schedules(c); }},
      {"schedule show", [](Client& c, const Options& o) { return show_schedule(c, o.schedule); }},
      {"schedule rm", [](Client& c, const Options& o) { return delete_schedule(c, o.schedule); }},
      {"schedule pause", [](Client& c, const Options& o) { return pause_schedule(c, o.schedule); }},
      {"schedule resume", [](Client& c, const Options& o) { return resume_schedule(c, o.schedule); }},
      {"schedule trigger", [](Client& c, const Options& o) { return trigger_schedule(c, o.schedule); }},
      {"schedule preview", [](Client& c, const Options& o) { return preview_schedule(c, o.schedule); }},
      {"dead-letters ls", [](Client& c, const Options& o) { return list_dead_letters(c, o.dead_letters); }},
      {"dead-letters show", [](Client& c, const Options& o) { return show_dead_letter(c, o.dead_letters); }},
      {"dead-letters redrive",
       [](Client& c, const Options& o) { return operate_dead_letters(c, "redrive", o.dead_letters); }},
      {"dead-letters purge",
       [](Client& c, const Options& o) { return operate_dead_letters(c, "purge", o.dead_letters); }},
      {"quotas", [](Client& c, const Options&) { return show_quotas(c); }},
      {"retention show", [](Client& c, const Options&) { return show_retention(c); }},
      {"retention release", [](Client& c, const Options&) { return release_retention(c); }},
      {"feed", [](Client& c, const Options& o) { return show_feed(c, o.feed); }},
      {"cancel", [](Client& c, const Options& o) { return operate(c, "cancel", o.operate); }},
      {"pause", [](Client& c, const Options& o) { return operate(c, "pause", o.operate); }},
      {"resume", [](Client& c, const Options& o) { return operate(c, "resume", o.operate); }},
      {"retry", [](Client& c, const Options& o) { return operate(c, "retry", o.operate); }},
      {"resolve", [](Client& c, const Options& o) { return resolve(c, o.resolve); }},
      {"approvals", [](Client& c, const Options& o) { return approvals(c, o.approvals); }},
      {"approve", [](Client& c, const Options& o) { return decide(c, o.decide, true); }},
      {"reject", [](Client& c, const Options& o) { return decide(c, o.decide, false); }},
      {"signal", [](Client& c, const Options& o) { return signal(c, o.signal); }},
      {"sandbox log", [](Client& c, const Options&) { return sandbox_log(c); }},
      {"sandbox summary", [](Client& c, const Options&) { return sandbox_summary(c); }},
      {"sandbox fault", [](Client& c, const Options& o) { return sandbox_fault(c, o.sandbox); }},
  };
  return table;
}

int run_client(const ClientCommand& command, const Options& options) {
  const bool to_sandbox = options.command.starts_with("sandbox ");
  // The sandbox has no tokens, and must not be handed the one of the engine.
  const Result<std::string> token =
      to_sandbox ? Result<std::string>(std::string()) : client_token(options.global.token_file, ::getenv);
  if (!token) return complain(options, token.error());
  const std::unique_ptr<Api> api = to_sandbox ? connect_api(options.sandbox.at, "", "", {}, kAnswerTimeout)
                                              : connect_api(options.global.server, *token, options.global.name_space,
                                                            options.global.trust, kAnswerTimeout);
  Client client{.api = *api,
                .out = std::cout,
                .err = std::cerr,
                .in = std::cin,
                .view = view_of(STDOUT_FILENO, options.global.color),
                .error_view = view_of(STDERR_FILENO, options.global.color),
                .json = options.global.json,
                .now = wall_clock,
                .ticks = ticks,
                .pause = [](Duration time) { std::this_thread::sleep_for(time); },
                .fresh_key = fresh_key,
                .person = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1};
  // Only `watch` redraws and must stay within the width; elsewhere the terminal may wrap, since nothing should be
  // hidden.
  if (options.command != "watch") client.view.columns = 0;
  client.error_view.columns = 0;
  return command(client, options);
}

int run_command(const CLI::App& app, const Options& options, const ServeCommand& serve, const InspectCommand& inspect) {
  if (options.command == "serve") return serve(options.serve);
  if (options.command == "inspect") {
    InspectOptions wanted = options.inspect;
    wanted.json = options.global.json;
    if (!options.global.name_space.empty()) wanted.name_space = options.global.name_space;
    return inspect(wanted);
  }
  if (options.command == "sandbox") {
    const Result<void> done = run_sandbox({.listen = options.sandbox.listen, .file = options.sandbox.file});
    return done ? 0 : complain(options, done.error());
  }
  if (options.command == "schema validate") return validate_lines(options.schema, std::cin, std::cout, std::cerr);
  if (options.command == "completion") {
    std::cout << completion_script(app, options.completion.shell);
    return 0;
  }
  if (options.command == "version") {
    std::cout << (options.global.json ? R"({"version":")" SETTLE_VERSION "\"}\n" : "settle " SETTLE_VERSION "\n");
    return 0;
  }
  const auto found = client_commands().find(options.command);
  SETTLE_ASSERT(found != client_commands().end());
  return run_client(found->second, options);
}

}  // namespace

int run_cli(int argc, char** argv, const ServeCommand& serve, const InspectCommand& inspect) {
  CLI::App app;
  Options options;
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    app.exit(error);  // says what is wrong and points at --help
    return info(ErrorCode::invalid_argument).exit_code;
  }
  const int code = run_command(app, options, serve, inspect);
  std::cout.flush();
  // A full disk or a closed pipe behind standard output must not look like success.
  return code == 0 && !std::cout ? info(ErrorCode::io_error).exit_code : code;
}

}  // namespace settle
