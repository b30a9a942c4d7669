// Requests for approval, on the command line.

#include "cli/declare.h"

namespace settle {

namespace {

CLI::App* declare_decision(CLI::App& app, Options& options, const std::string& name, const Help& help) {
  DecideOptions& to = options.decide;
  CLI::App* sub = command(app, options, name, help);
  sub->add_option("id", to.id, "id of the approval")->required()->type_name("ID");
  add_text(sub, "--who", to.who, "NAME", "who decides, where there are no tokens (--dev)")->envname("SETTLE_WHO");
  add_text(sub, "--digest", to.digest, "DIGEST", "of what you have looked at; anything else is refused");
  return sub;
}

}  // namespace

void declare_approvals(CLI::App& app, Options& options) {
  ApprovalsOptions& to = options.approvals;
  CLI::App* list = command(app, options, "approvals",
                           {"list what waits for approval, or show one request",
                            "  Lists the open requests, newest first. With an id it shows exactly what will be sent, "
                            "where it goes, why it\n"
                            "  needs somebody's agreement and what was said so far.",
                            "settle approvals --workflow wf_0193 --all", kClientExits});
  list->add_option("id", to.id, "id of one approval")->type_name("ID");
  list->add_flag("--all", to.all, "also those that are decided, expired or withdrawn");
  add_text(list, "--workflow", to.workflow, "ID", "only those of this workflow");
  list->add_option("--limit", to.limit, "at most so many")
      ->check(CLI::Range(1, 500))
      ->capture_default_str()
      ->type_name("N");
  add_text(list, "--cursor", to.cursor, "CURSOR", "go on after an earlier page");

  CLI::App* approve = declare_decision(
      app, options, "approve",
      {"agree to what an action is about to send",
       "  At a terminal it shows the request and asks. Elsewhere --digest says what you have looked at. When enough "
       "people have\n"
       "  approved, the action is sent; its receipts name them.",
       "settle approve ap_4k2j --who ada --digest sha256:…",
       "0 taken; 2 nobody said yes; 4 no such approval; 5 another digest, or it is decided, expired or withdrawn;\n"
       "  6 you have submitted the workflow, or the token is refused; 7, 8 as elsewhere"});
  add_text(approve, "--reason", options.decide.reason, "TEXT", "why, for the receipt");

  CLI::App* reject = declare_decision(
      app, options, "reject",
      {"refuse what an action is about to send",
       "  One rejection ends the action as failed, with nothing sent; the planner reads the reason.",
       "settle reject ap_4k2j --who ada --reason 'twice the usual amount'",
       "0 taken; 4 no such approval; 5 another digest, or it is decided, expired or withdrawn; 6, 7, 8 as elsewhere"});
  add_text(reject, "--reason", options.decide.reason, "TEXT", "why")->required();
}

}  // namespace settle
