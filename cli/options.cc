#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <map>

#include "cli/declare.h"

namespace settle {

namespace {

constexpr const char* kEndExits =
    "0 verified or executed; 20 failed; 21 cancelled; 22 needs a person (attention); 23 still running when the time "
    "was over";

void add_until(CLI::App* app, Until& target) {
  static const std::map<std::string, Until> kWords = {{"attention", Until::attention}, {"ended", Until::ended}};
  auto parse = [&target](const std::string& word) { target = kWords.at(word); };
  app->add_option_function<std::string>(
         "--until", parse, "what ends the wait: the end, or also the need for a person (default: attention)")
      ->check(CLI::IsMember({"attention", "ended"}));
}

void declare_serve(CLI::App& app, Options& options) {
  ServeOptions& to = options.serve;
  CLI::App* serve = command(
      app, options, "serve",
      {"run the engine and its HTTP API",
       "  Opens the store (creating it when the folder is empty), resumes every unfinished workflow and serves the "
       "HTTP\n"
       "  API until SIGTERM or SIGINT. A setting is taken from the flag, else from the environment, else from the\n"
       "  configuration file, else its default; unknown keys of the file are errors. examples/settle.toml shows them "
       "all.",
       "settle serve --data ./data --tools examples/tools --config examples/settle.toml --dev",
       "0 stopped by a signal; 2 wrong configuration; 9 another engine holds the store; 10 store of a newer Settle;\n"
       "  11 damaged store; 12 acknowledged data is missing; 13 disk or socket error; 70 a mistake of Settle"});
  add_text(serve, "--data", to.data, "DIR", "folder of the store")->envname("SETTLE_DATA");
  add_text(serve, "--listen", to.listen, "ADDRESS:PORT", "where to serve; port 0 picks one (default: 127.0.0.1:8700)")
      ->envname("SETTLE_LISTEN");
  add_text(serve, "--tools", to.tools_dir, "DIR", "folder of tool documents (*.json), loaded at start")
      ->envname("SETTLE_TOOLS");
  add_text(serve, "--config", to.config_file, "FILE", "configuration file (TOML)")->envname("SETTLE_CONFIG");
  serve
      ->add_option_function<int>(
          "--threads", [&to](int threads) { to.threads = threads; }, "event loops (default: one per core)")
      ->check(CLI::Range(1, 256))
      ->type_name("N")
      ->envname("SETTLE_THREADS");
  add_text(serve, "--log-level", to.log_level, "", "how much is logged (default: info)")
      ->type_name("TEXT")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}))
      ->envname("SETTLE_LOG_LEVEL");
  add_text(serve, "--tls-certificate", to.tls_certificate, "FILE", "serve https: the certificate and its chain (PEM)")
      ->envname("SETTLE_TLS_CERTIFICATE");
  add_text(serve, "--tls-key", to.tls_key, "FILE", "the key of the certificate (PEM)")->envname("SETTLE_TLS_KEY");
  add_text(serve, "--tls-client-ca", to.tls_client_ca, "FILE", "let in only clients with a certificate of these (PEM)")
      ->envname("SETTLE_TLS_CLIENT_CA");
  serve->add_flag("--dev", to.dev, "run without tokens; only on a loopback address");
}

void declare_submission(CLI::App& app, Options& options) {
  CLI::App* submit =
      command(app, options, "submit",
              {"submit a plan",
               "  Sends the plan in FILE and prints the workflow once the server has made it durable. Lost answers are "
               "asked for\n"
               "  again under the same Idempotency-Key, so one call makes at most one workflow. With --wait it goes on "
               "to wait.",
               "settle submit examples/plans/onboard.json --label team=sales --wait 1m",
               "0 accepted; 2 FILE is not strict JSON; 3 plan refused; 5 id or key taken by another plan; 6, 7, 8 as "
               "elsewhere;\n"
               "  with --wait: 0 verified or executed; 20 failed; 21 cancelled; 22 needs a person; 23 still running"});
  SubmitOptions& to = options.submit;
  submit->add_option("file", to.file, "the plan, or - for standard input")->required()->type_name("FILE");
  add_text(submit, "--id", to.id, "ID", "id of the workflow (default: the server makes one)");
  submit->add_option("--label", to.labels, "label, may be repeated")
      ->type_name("KEY=VALUE")
      ->check(check_label)
      ->take_all()
      ->expected(1);
  add_text(submit, "--idempotency-key", to.idempotency_key, "KEY",
           "the same key and plan again give the same workflow");
  add_duration(submit, "--wait", [&to](Duration wait) { to.wait = wait; }, "wait so long for the end, like 30s or 5m");
  add_until(submit, to.until);

  CLI::App* check = command(app, options, "check",
                            {"check a plan without running it",
                             "  Runs the whole static check that a submission would get: tools, schemas, references, "
                             "cycles. Every problem is\n"
                             "  shown at once with its place, what was expected and what was there. Nothing is stored.",
                             "settle check examples/plans/onboard.json",
                             "0 valid; 2 FILE is not strict JSON; 3 plan refused; 6, 7, 8 as elsewhere"});
  check->add_option("file", options.check.file, "the plan, or - for standard input")->required()->type_name("FILE");
}

void declare_views(CLI::App& app, Options& options) {
  ListOptions& list = options.list;
  CLI::App* ls =
      command(app, options, "ls",
              {"list workflows",
               "  Lists workflows, newest first. Filters combine; --cursor goes on where an earlier page ended.",
               "settle ls --outcome failed --label team=sales --limit 20", kClientExits});
  add_filters(ls, list.filter);
  ls->add_option("--limit", list.limit, "at most so many")
      ->check(CLI::Range(1, 500))
      ->capture_default_str()
      ->type_name("N");
  add_text(ls, "--cursor", list.cursor, "CURSOR", "go on after an earlier page");

  add_id(command(app, options, "show",
                 {"show one workflow as a tree",
                  "  Draws the actions below what they wait for, each with its state, attempts, time, record id and "
                  "evidence, and the\n"
                  "  error where there is one.",
                  "settle show wf_0193", kClientExits}),
         options.one.id);

  CLI::App* watch = command(
      app, options, "watch",
      {"follow a workflow until it ends",
       "  Follows the live events. On a terminal the tree is redrawn in place, elsewhere each event is a line. A lost\n"
       "  connection is taken up again where it broke off, also over a restart of the server.",
       "settle watch wf_0193 --timeout 10m", kEndExits});
  WatchOptions& to = options.watch;
  add_id(watch, to.id);
  add_duration(
      watch, "--timeout", [&to](Duration value) { to.timeout = value; }, "give up after so long (default: never)");
  add_duration(
      watch, "--patience", [&to](Duration value) { to.patience = value; },
      "how long the server may stay away (default: 60s)");
  add_until(watch, to.until);

  CLI::App* events =
      command(app, options, "events",
              {"show the history of a workflow", "  Prints every event that changed the workflow, oldest first.",
               "settle events wf_0193 --after 10", kClientExits});
  add_id(events, options.events.id);
  events->add_option("--after", options.events.after, "only events after this sequence number")
      ->check(CLI::NonNegativeNumber)
      ->type_name("SEQ");
  events->add_option("--limit", options.events.limit, "at most so many (default: all)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");

  add_id(command(app, options, "receipts",
                 {"list the receipts of a workflow",
                  "  Lists the receipts in the order in which they were issued: a later one of an action supersedes "
                  "the earlier.",
                  "settle receipts wf_0193", kClientExits}),
         options.one.id);
  add_id(command(app, options, "receipt",
                 {"show one receipt in full",
                  "  Shows everything that one receipt records, with each check of its verification.",
                  "settle receipt rcp_wf_0193.2", kClientExits}),
         options.one.id, "id of the receipt");
  add_id(command(app, options, "report",
                 {"report on a workflow in words",
                  "  Prints what can be proved, sentence by sentence, written from receipts alone.",
                  "settle report wf_0193", kClientExits}),
         options.one.id);
  command(app, options, "quotas",
          {"what the namespace may use, and what it uses",
           "  Open workflows, the bytes that they keep, and requests per second. Submissions beyond are refused.",
           "settle quotas --namespace billing", kClientExits});
}

// Values travel as name=value, like labels.
std::string check_value(const std::string& text) {
  const std::size_t split = text.find('=');
  return split == std::string::npos || split == 0 ? "a value is written name=value, not " + text : std::string();
}

void declare_tool_care(CLI::App& tools, Options& options) {
  ToolsOptions& to = options.tools;
  CLI::App* lint = command(
      tools, options, "lint",
      {"look for mistakes in tool documents, without a server",
       "  Says of each file what would keep it from being registered (errors), and what makes its promises "
       "weaker than they\n"
       "  could be (warnings). A ${name} that no --value gives is taken to be configured on the server.",
       "settle tools lint examples/tools/*.json",
       "0 no errors; 2 a file is not strict JSON; 3 errors, or warnings with --strict; 13 a file can't be read"});
  lint->add_option("files", to.files, "files with one tool document each, or -")->required()->type_name("FILE");
  lint->add_option("--value", to.values, "a configured value, may be repeated")
      ->type_name("NAME=VALUE")
      ->check(check_value)
      ->take_all()
      ->expected(1);
  lint->add_flag("--strict", to.strict, "warnings count as errors");

  CLI::App* diff = command(
      tools, options, "diff",
      {"say what two versions of a tool differ in, and what that means",
       "  Each of the two is a file, the NAME of a tool on the server (its newest version), or NAME@VERSION. "
       "Changes are\n"
       "  told by meaning: what breaks plans, what proves less, what a person should look at, what is harmless.",
       "settle tools diff crm.create_contact examples/tools/crm.create_contact.json",
       "0 compared; 1 with --strict: something is breaking or weaker; 2 a file is not strict JSON; 4, 6, 7, 8 "
       "as elsewhere"});
  diff->add_option("before", to.before, "the document as it was")->required()->type_name("FILE|NAME");
  diff->add_option("after", to.after, "the document as it is to be")->required()->type_name("FILE|NAME");
  diff->add_flag("--strict", to.strict, "exit with 1 when a change breaks plans or weakens a promise");

  CLI::App* exported =
      command(tools, options, "export",
              {"print the tools as other ecosystems want them",
               "  Prints the newest enabled version of every tool as a list that goes into a request as it is.",
               "settle tools export --format openai", kClientExits});
  exported->add_option("--format", to.format, "whose form")
      ->required()
      ->type_name("TEXT")
      ->check(CLI::IsMember({"openai", "anthropic", "mcp"}));

  CLI::App* versions = command(tools, options, "versions",
                               {"list the versions of a tool", "  Lists every version, newest first, and when it came.",
                                "settle tools versions crm.create_contact", kClientExits});
  versions->add_option("name", to.name, "name of the tool")->required()->type_name("NAME");
  CLI::App* disable = command(
      tools, options, "disable",
      {"disable a version of a tool",
       "  New workflows run the newest version that is enabled; without one, plans that name the tool are refused.\n"
       "  Workflows that run keep the version they began with.",
       "settle tools disable crm.create_contact 5d41402abc4b", kClientExits});
  CLI::App* enable = command(tools, options, "enable",
                             {"enable a version of a tool again", "  Takes back what `settle tools disable` did.",
                              "settle tools enable crm.create_contact 5d41402abc4b", kClientExits});
  for (CLI::App* one : {disable, enable}) {
    one->add_option("name", to.name, "name of the tool")->required()->type_name("NAME");
    one->add_option("version", to.version, "the version, or its first 12 digits")->required()->type_name("VERSION");
  }
}

void declare_changes(CLI::App& app, Options& options) {
  CLI::App* tools = command(
      app, options, "tools",
      {"list, read and register tools", "  Tools are the named contracts that plans may call, one JSON document each.",
       "settle tools put examples/tools/*.json", "0 done; 3 document refused; else as for the other commands"});
  tools->require_subcommand(1);
  command(*tools, options, "ls",
          {"list the tools", "  Lists the latest version of every tool.", "settle tools ls", kClientExits});
  CLI::App* get = command(*tools, options, "get",
                          {"print a tool's document", "  Prints the document of the latest version of a tool.",
                           "settle tools get crm.create_contact", kClientExits});
  get->add_option("name", options.tools.name, "name of the tool")->required()->type_name("NAME");
  CLI::App* put =
      command(*tools, options, "put",
              {"register tools from files",
               "  Puts each file, which holds one tool document. A document that is known already changes nothing. All "
               "files are\n"
               "  tried; the exit code is that of the first one that was refused.",
               "settle tools put examples/tools/*.json",
               "0 all accepted; 2 a file is not strict JSON; 3 a document was refused; 6, 7, 8 as elsewhere"});
  put->add_option("files", options.tools.files, "files with one tool document each, or -")
      ->required()
      ->type_name("FILE");
  declare_tool_care(*tools, options);

  SignalOptions& to = options.signal;
  CLI::App* signal =
      command(app, options, "signal",
              {"deliver a signal to a workflow",
               "  Gives the workflow a signal that an action with flow.wait_signal takes, now or later. With --key a "
               "repeat of the\n"
               "  same signal changes nothing; without it one is made up for this command.",
               "settle signal wf_0193 approved --payload '{\"by\": \"ada\"}' --key ticket-17",
               "0 durable; 2 the payload is no strict JSON or too large; 4 no such workflow; 5 it has ended, takes no\n"
               "  more signals, or the key came with another one; 6, 7, 8 as elsewhere"});
  add_id(signal, to.id);
  signal->add_option("name", to.name, "name of the signal")->required()->type_name("NAME");
  add_text(signal, "--payload", to.payload, "JSON|@FILE", "what comes with it; @- reads standard input");
  add_text(signal, "--key", to.key, "KEY", "makes a repeat harmless");
}

void declare_sandbox(CLI::App& app, Options& options) {
  SandboxOptions& to = options.sandbox;
  CLI::App* sandbox =
      command(app, options, "sandbox",
              {"run a small CRM-and-mail service to try Settle with",
               "  Serves contacts (honours Idempotency-Key), mail (no deduplication, searchable) and tickets "
               "(neither), with faults\n"
               "  on request. Everything is kept in one file and survives a restart. docs/cli.md has its endpoints.",
               "settle sandbox --listen 127.0.0.1:8750 --file sandbox.jsonl",
               "0 stopped by a signal; 2 wrong address; 9 the file is in use; 11 the file is damaged; 13 disk or "
               "socket error"});
  add_text(sandbox, "--listen", to.listen, "ADDRESS:PORT", "where to serve; port 0 picks one")->capture_default_str();
  add_text(sandbox, "--file", to.file, "FILE", "journal that holds everything")->capture_default_str();

  auto add_at = [&](CLI::App* sub) {
    add_text(sub, "--at", to.at, "URL", "the sandbox to talk to")->capture_default_str()->envname("SETTLE_SANDBOX");
  };
  add_at(command(
      *sandbox, options, "log",
      {"show every request that a sandbox saw", "  One row a request, with the fault it met and the effect it had.",
       "settle sandbox log", "0 shown; 8 not reachable"}));
  add_at(command(
      *sandbox, options, "summary",
      {"count sends and effects by key", "  The proof that nothing happened twice, from the side of the service.",
       "settle sandbox summary", "0 no duplicates; 1 there are duplicates; 8 not reachable"}));
  CLI::App* fault =
      command(*sandbox, options, "fault",
              {"arm a fault in a running sandbox",
               "  The next matching requests meet the fault. drop_* cut the connection, e500_* answer 500, before or "
               "after the effect;\n"
               "  truncate and malformed spoil the answer; lie answers success without an effect, partial with half of "
               "it; late cuts the\n"
               "  connection and has its effect --delay milliseconds later.",
               "settle sandbox fault drop_after --method POST --path /mail", "0 armed; 2 refused; 8 not reachable"});
  add_at(fault);
  fault->add_option("fault", to.fault, "what goes wrong")
      ->check(CLI::IsMember({"drop_before", "drop_after", "e500_before", "e500_after", "truncate", "malformed", "delay",
                             "r429", "r503", "lie", "partial", "late"}))
      ->type_name("FAULT");
  add_text(fault, "--method", to.method, "METHOD", "only requests of this method");
  add_text(fault, "--path", to.path_prefix, "PREFIX", "only paths that begin so");
  fault->add_option("--nth", to.nth, "begin with the nth matching request")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  fault->add_option("--times", to.times, "so many requests")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  fault
      ->add_option_function<int>(
          "--delay", [&to](int delay) { to.delay_ms = delay; }, "for delay and late (default: 1000)")
      ->check(CLI::Range(0, 600'000))
      ->type_name("MILLISECONDS");
  fault->add_flag("--clear", to.clear, "disarm all faults instead");
}

void declare_rest(CLI::App& app, Options& options) {
  CLI::App* inspect =
      command(app, options, "inspect",
              {"read the store of a stopped or running engine without the server",
               "  Opens the store beside a running engine or after it has stopped, changes nothing, and lists its "
               "workflows or shows\n"
               "  one of them.",
               "settle inspect --data ./data wf_0193", "0 shown; 4 no such workflow; 10, 11, 13 as for serve"});
  add_text(inspect, "--data", options.inspect.data, "DIR", "folder of the store")->required()->envname("SETTLE_DATA");
  inspect->add_option("id", options.inspect.workflow, "id of the workflow (default: list them)")->type_name("ID");

  CLI::App* schema = command(app, options, "schema",
                             {"JSON Schema, without a server",
                              "  The validator that checks the inputs and answers of tools, for documents of your own.",
                              "settle schema validate <lines.jsonl", "0, 2 and 3 as for its command"});
  schema->require_subcommand(1);
  CLI::App* validate =
      command(*schema, options, "validate",
              {"validate instances, one JSON document a line",
               "  Reads lines {\"schema\": …, \"instance\": …} from standard input and answers each with one line:\n"
               "  {\"valid\": true}, {\"valid\": false, \"errors\": […]}, or {\"refused\": […]} for a schema that "
               "can't be used and "
               "for a line that is no such document.\n"
               "  Keywords that the standard does not know are annotations here; in tools they are refused.",
               "settle schema validate --assert-formats <lines.jsonl",
               "0 every line was judged; 2 a line was no such document; 3 a schema was refused"});
  validate->add_option("--draft", options.schema.draft, "of schemas without $schema")
      ->check(CLI::IsMember({"2020-12", "draft-07"}))
      ->capture_default_str();
  add_text(validate, "--schemas", options.schema.folder, "DIR",
           "documents that references may lead to: *.json, by their $id, and by their path under --base");
  add_text(validate, "--base", options.schema.base, "URI", "the URI that the folder of --schemas stands for");
  validate->add_flag("--assert-formats", options.schema.assert_formats, "a format that is not kept is a failure");

  CLI::App* completion =
      command(app, options, "completion",
              {"print a completion script for a shell",
               "  Made from the very commands and options of this binary. Load it in the start-up file of the shell.",
               "source <(settle completion bash)", "0 printed; 2 unknown shell"});
  completion->add_option("shell", options.completion.shell, "the shell")
      ->required()
      ->type_name("SHELL")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));

  command(app, options, "version",
          {"print the version", "  Prints the version of this binary.", "settle version", "0"});
}

}  // namespace

void declare(CLI::App& app, Options& options) {
  app.name("settle");
  app.description("Settle runs the plans of agents durably and reports only what it can prove.");
  app.footer(
      "`settle COMMAND --help` explains a command with an example and its exit codes. docs/cli.md has it all on one "
      "page.");
  app.require_subcommand(1);
  app.fallthrough();
  app.get_formatter()->column_width(34);

  GlobalOptions& global = options.global;
  add_text(&app, "--server", global.server, "URL", "the server to talk to")
      ->capture_default_str()
      ->envname("SETTLE_SERVER");
  add_text(&app, "--token-file", global.token_file, "FILE",
           "file that holds the API token (default: SETTLE_TOKEN, then the file of SETTLE_TOKEN_FILE)");
  add_text(&app, "--namespace", global.name_space, "NAME", "namespace to act in (default: that of the token)")
      ->envname("SETTLE_NAMESPACE");
  add_text(&app, "--ca", global.trust.ca_file, "FILE",
           "certificates of authorities (PEM) that the server's may be signed by, beside the system's")
      ->envname("SETTLE_CA");
  add_text(&app, "--client-certificate", global.trust.certificate_file, "FILE",
           "certificate (PEM) for a server that asks its clients for one")
      ->envname("SETTLE_CLIENT_CERTIFICATE");
  add_text(&app, "--client-key", global.trust.key_file, "FILE", "its key (PEM); default: in the same file")
      ->envname("SETTLE_CLIENT_KEY");
  app.add_flag("--json", global.json, "print the API's documents instead of tables");
  static const std::map<std::string, ColorChoice> kColors = {
      {"auto", ColorChoice::automatic}, {"always", ColorChoice::always}, {"never", ColorChoice::never}};
  auto parse_color = [&global](const std::string& word) { global.color = kColors.at(word); };
  app.add_option_function<std::string>("--color", parse_color, "colours (default: auto; NO_COLOR is honoured)")
      ->check(CLI::IsMember({"auto", "always", "never"}));

  declare_serve(app, options);
  declare_submission(app, options);
  declare_views(app, options);
  declare_operators(app, options);
  declare_approvals(app, options);
  declare_changes(app, options);
  declare_tokens(app, options);
  declare_subscriptions(app, options);
  declare_schedules(app, options);
  declare_sandbox(app, options);
  declare_rest(app, options);
}

}  // namespace settle
