// What a person decides, on the command line: cancel, pause, resume, retry, resolve.

#include "cli/declare.h"

namespace settle {

namespace {

// A command for one workflow by its id, or for all that fit a filter.
CLI::App* declare_operation(CLI::App& app, Options& options, const std::string& name, const Help& help) {
  OperateOptions& to = options.operate;
  CLI::App* sub = command(app, options, name, help);
  sub->add_option("id", to.id, "id of the workflow; without it, filters say which")->type_name("ID");
  add_filters(sub, to.filter);
  sub->add_option("--limit", to.limit, "with filters: at most so many (default: all that fit)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  sub->add_flag("--dry-run", to.dry_run, "with filters: say which they are, and do nothing");
  sub->add_flag("--yes", to.yes, "with filters: do it without asking");
  return sub;
}

void declare_resolve(CLI::App& app, Options& options) {
  ResolveOptions& to = options.resolve;
  CLI::App* resolve = command(
      app, options, "resolve",
      {"say what became of an action that waits for a person",
       "  For an action in doubt, one that could not be verified, or one whose fallback is held. What happened is read "
       "back as\n"
       "  always and becomes verified only by that; what did not happen fails without an effect, or is sent again. "
       "Look "
       "first:\n"
       "  what you say is what Settle goes on with, and every receipt names you. Never repeated by itself.",
       "settle resolve wf_0193 ticket --happened --record-id T-17 --who ada --seen 'T-17 is in the ticket system'",
       "0 taken; 2 something is missing or does not fit the tool; 4 no such workflow or action; 5 it waits for no "
       "person;\n  6, 7, 8 as elsewhere"});
  add_id(resolve, to.id);
  resolve->add_option("action", to.action, "id of the action")->required()->type_name("ACTION");
  CLI::Option* happened = resolve->add_flag("--happened", to.happened, "its effect is there");
  CLI::Option* did_not = resolve->add_flag("--did-not-happen", to.did_not_happen, "nothing of it is there");
  happened->excludes(did_not);
  add_text(resolve, "--who", to.who, "NAME", "who says so")->required()->envname("SETTLE_WHO");
  add_text(resolve, "--seen", to.seen, "TEXT", "what that rests on: where you looked and what you saw")->required();
  add_text(resolve, "--record-id", to.record_id, "ID", "of the record that is there")->needs(happened);
  add_text(resolve, "--output", to.output, "JSON|@FILE",
           "what the tool would have answered, for actions that use it; \"@-\" reads standard input")
      ->needs(happened);
  resolve->add_flag("--no-verify", to.no_verify, "nothing can be read back: it ends executed, never verified")
      ->needs(happened);
  resolve->add_flag("--send-again", to.send_again, "send it once more instead of failing")->needs(did_not);
  resolve
      ->add_option_function<int>(
          "--element", [&to](int element) { to.element = element; }, "which element of its list, from 0")
      ->check(CLI::Range(0, 1'000'000))
      ->type_name("N");
  add_text(resolve, "--role", to.role, "TEXT", "which run of it, where several wait")
      ->check(CLI::IsMember({"main", "fallback", "compensate", "compensate_fallback"}));
  resolve
      ->add_option_function<int>(
          "--attempt", [&to](int attempt) { to.attempt = attempt; },
          "refuse if it has been sent more often than that by now")
      ->check(CLI::Range(0, 1'000'000))
      ->type_name("N");
}

}  // namespace

void declare_operators(CLI::App& app, Options& options) {
  declare_operation(
      app, options, "cancel",
      {"cancel a workflow, or many",
       "  Nothing new is sent. Calls in flight run to their end and are recorded; what is unclear is still "
       "looked at, so\n"
       "  the workflow may take a moment to end.",
       "settle cancel wf_0193",
       "0 cancelling or cancelled; 2 neither an id nor a filter, or nobody said yes; 4 no such workflow; 5 it has\n"
       "  ended, or some of many were refused; 6, 7, 8 as elsewhere"});
  declare_operation(
      app, options, "pause",
      {"hold a workflow back, or many",
       "  Nothing is sent until it is resumed. Answers, looks and read-backs go on, and so do time limits, the "
       "deadline and\n"
       "  the windows of keys.",
       "settle pause --tool crm.create_contact --status running",
       "0 paused; 2 neither an id nor a filter, or nobody said yes; 4 no such workflow; 5 it has ended or is being\n"
       "  cancelled, or some of many were refused; 6, 7, 8 as elsewhere"});
  declare_operation(app, options, "resume",
                    {"let a paused workflow go on, or many", "  What was held back is sent now.",
                     "settle resume --status paused --yes",
                     "0 goes on; 2 neither an id nor a filter, or nobody said yes; 4 no such workflow; 5 it has ended, "
                     "or some of\n  many were refused; 6, 7, 8 as elsewhere"});
  declare_operation(
      app, options, "retry",
      {"run a failed workflow again, or many, from what failed",
       "  What was refused is sent under a new key; what may be there is looked at first. What succeeded stays as it "
       "is. Never\n"
       "  repeated by itself: after a lost answer, look with `settle show`.",
       "settle retry --outcome failed --label team=sales --latest-tools",
       "0 runs again; 2 neither an id nor a filter, or nobody said yes; 3 its plan does not fit the latest tools; 4 "
       "no\n"
       "  such workflow; 5 it has not ended failed, or some of many were refused; 6, 7, 8 as elsewhere"})
      ->add_flag("--latest-tools", options.operate.latest_tools,
                 "with the newest versions of its tools, not those it began with");
  declare_resolve(app, options);
}

}  // namespace settle
