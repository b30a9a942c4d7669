// The declarations of `settle token` and `settle audit`.

#include "cli/declare.h"

namespace settle {

void declare_tokens(CLI::App& app, Options& options) {
  TokenOptions& to = options.token;
  CLI::App* tokens = command(app, options, "token",
                             {"make, list and revoke tokens",
                              "  A token says who asks, in which namespace, and what they may do. An admin makes them. "
                              "docs/roles.md has\n"
                              "  what each scope may.",
                              "settle token create --name billing-agent --scope planner >billing.token",
                              "0, 2, 4, 6, 7, 8 as for its commands"});
  tokens->require_subcommand(1);

  CLI::App* create = command(
      *tokens, options, "create",
      {"make a token",
       "  Prints the token on standard output, this once: the server keeps only a digest of its secret. Sent once, "
       "too:\n"
       "  after a lost answer look with `settle token ls` and revoke what nobody has.",
       "settle token create --name ada --scope operator --scope approver --expires 30d",
       "0 made; 2 wrong name, scope or expiry; 6 not an admin, or of another namespace; 7, 8 as elsewhere"});
  add_text(create, "--name", to.name, "NAME", "of who is to have it; receipts and the audit log call them so")
      ->required();
  create->add_option("--scope", to.scopes, "what it may do, may be repeated")
      ->required()
      ->type_name("TEXT")
      ->check(CLI::IsMember({"planner", "approver", "operator", "auditor", "admin"}))
      ->take_all()
      ->expected(1);
  add_text(create, "--expires", to.expires, "DURATION", "when it ends, like 12h or 90d, or never (default: 90d)");
  create->add_flag("--all-namespaces", to.all_name_spaces, "for all namespaces, not that of --namespace");

  command(*tokens, options, "ls",
          {"list the tokens", "  Lists the tokens of the namespace, the newest first; never their secrets.",
           "settle token ls", kClientExits});
  CLI::App* revoke = command(
      *tokens, options, "revoke",
      {"end a token for good", "  From the answer on nobody gets in with it, and what it is still waiting for ends.",
       "settle token revoke 4k1c9s0q2f8t6v3b", kClientExits});
  add_id(revoke, to.id, "id of the token");

  CLI::App* audit =
      command(app, options, "audit",
              {"list who asked for what",
               "  Lists the control calls of the namespace in the order in which they became durable, refusals "
               "included. With\n"
               "  --export each record is a JSON document in a line of its own, for another system to keep.",
               "settle audit --after 1200 --export >>audit.jsonl", kClientExits});
  audit->add_option("--after", options.audit.after, "only records after this number")
      ->check(CLI::NonNegativeNumber)
      ->type_name("SEQ");
  audit->add_option("--limit", options.audit.limit, "at most so many (default: all)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  audit->add_flag("--export", options.audit.as_lines, "one JSON document a line");
}

}  // namespace settle
