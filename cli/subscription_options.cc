// The declarations of `settle subscription`, `settle dead-letters` and `settle feed`.

#include "cli/declare.h"

namespace settle {
namespace {

void add_name(CLI::App* app, std::string& target) {
  app->add_option("name", target, "name of the subscription")->required()->type_name("NAME");
}

CLI::Option* add_list(CLI::App* app, const char* flag, std::vector<std::string>& target, const char* type,
                      const char* text) {
  return app->add_option(flag, target, text)->type_name(type)->take_all()->expected(1);
}

void declare_put(CLI::App& subscriptions, Options& options) {
  SubscriptionOptions& to = options.subscription;
  CLI::App* put = command(
      subscriptions, options, "put",
      {"make or change a subscription",
       "  Events that fit are sent to the URL as CloudEvents 1.0, signed by Standard Webhooks 1.0.0. A new secret is\n"
       "  printed on standard output, this once. What is asked for replaces what there was.",
       "settle subscription put billing --url https://billing.example.org/hooks --type 'workflow.*' >billing.secret",
       "0 done; 2 wrong URL, filter or credential; 6 not an admin, or events of other namespaces; 7, 8 as elsewhere"});
  add_name(put, to.name);
  add_text(put, "--url", to.url, "URL", "where to; https, and no private address unless the configuration allows it")
      ->required();
  add_list(put, "--type", to.types, "TYPE", "workflow.ended, workflow.* or *, may be repeated (default: all)");
  add_list(put, "--workflow", to.workflows, "NAME", "of plans of this name only, may be repeated");
  add_list(put, "--label", to.labels, "KEY=VALUE", "of workflows with all of these labels only")->check(check_label);
  add_list(put, "--events-of", to.name_spaces, "NAMESPACE", "of these namespaces, or '*' (default: its own)");
  add_text(put, "--credential", to.credential, "NAME", "of the configuration, kind webhook, instead of a made secret");
  add_text(put, "--from", to.from, "PLACE", "beginning, end or a cursor; of a new one only (default: end)");
}

void declare_subscriptions_only(CLI::App& app, Options& options) {
  SubscriptionOptions& to = options.subscription;
  CLI::App* all =
      command(app, options, "subscription",
              {"send events to webhooks",
               "  A subscription names the events that it wants and where they go. docs/subscriptions.md has "
               "what is promised.",
               "settle subscription ls", "0, 2, 4, 6, 7, 8 as for its commands"});
  all->require_subcommand(1);
  declare_put(*all, options);
  command(*all, options, "ls",
          {"list subscriptions", "  Lists those of the namespace, and how far each is.", "settle subscription ls",
           kClientExits});
  add_name(command(*all, options, "show",
                   {"show one", "  Shows all that is known of it but its secret.", "settle subscription show billing",
                    kClientExits}),
           to.name);
  add_name(command(*all, options, "rm",
                   {"end one for good", "  Removes it with its dead letters.", "settle subscription rm billing",
                    kClientExits}),
           to.name);
  add_name(command(*all, options, "pause",
                   {"hold deliveries back",
                    "  Nothing is sent until it is resumed. The feed keeps events for a while "
                    "only.",
                    "settle subscription pause billing", kClientExits}),
           to.name);
  CLI::App* resume =
      command(*all, options, "resume",
              {"go on with deliveries", "  After a pause, or after Settle has disabled it. It goes on where it was.",
               "settle subscription resume billing --from end", kClientExits});
  add_name(resume, to.name);
  add_text(resume, "--from", to.from, "PLACE", "beginning, end or a cursor, instead of where it was");
  CLI::App* rotate = command(
      *all, options, "rotate-secret",
      {"sign with another secret", "  Prints the new secret, this once. For a while deliveries carry both signatures.",
       "settle subscription rotate-secret billing --overlap 2h >billing.secret", kClientExits});
  add_name(rotate, to.name);
  add_text(rotate, "--overlap", to.overlap, "DURATION", "how long the old one signs, too (default: 24h)");
  add_text(rotate, "--credential", to.credential, "NAME", "of the configuration, instead of a made secret");
}

void declare_dead_letters(CLI::App& app, Options& options) {
  DeadLetterOptions& to = options.dead_letters;
  CLI::App* all = command(app, options, "dead-letters",
                          {"see to events that could not be delivered",
                           "  What no receiver has taken after all attempts is kept until it is delivered again or "
                           "purged.",
                           "settle dead-letters ls billing", "0, 2, 4, 6, 7, 8 as for its commands"});
  all->require_subcommand(1);
  CLI::App* ls = command(*all, options, "ls",
                         {"list them", "  Lists those of a subscription, the oldest first.",
                          "settle dead-letters ls billing", kClientExits});
  add_name(ls, to.subscription);
  add_text(ls, "--after", to.after, "ID", "only those behind this one");
  CLI::App* show = command(*all, options, "show",
                           {"show one", "  Shows why it was not taken, and the event as it would be sent.",
                            "settle dead-letters show billing 120.3", kClientExits});
  add_name(show, to.subscription);
  show->add_option("id", to.letter, "id of the dead letter")->required()->type_name("ID");
  for (const auto& [name, about, example] :
       {std::tuple{"redrive", "  Delivers one again, or all of them, under the same webhook-id.",
                   "settle dead-letters redrive billing"},
        std::tuple{"purge", "  Throws one away, or all of them.", "settle dead-letters purge billing 120.3"}}) {
    CLI::App* verb = command(
        *all, options, name,
        {std::string(name) == "redrive" ? "deliver them again" : "throw them away", about, example, kClientExits});
    add_name(verb, to.subscription);
    verb->add_option("id", to.letter, "id of the dead letter (default: all)")->type_name("ID");
  }
}

}  // namespace

void declare_subscriptions(CLI::App& app, Options& options) {
  declare_subscriptions_only(app, options);
  declare_dead_letters(app, options);
  CLI::App* feed = command(app, options, "feed",
                           {"print the events of all workflows",
                            "  Prints the events of the namespace in the order in which they became durable, each a "
                            "CloudEvent in a line of\n"
                            "  its own. Each has a cursor from which one can go on.",
                            "settle feed --type 'workflow.*' --follow", kClientExits});
  CLI::App* retention = command(app, options, "retention",
                                {"see to what is let go of by its age",
                                 "  When the clock leaps ahead by more than a minute, nothing goes by its age until "
                                 "somebody agrees.",
                                 "settle retention release", "0, 6, 7, 8 as for its commands"});
  retention->require_subcommand(1);
  command(*retention, options, "show",
          {"whether it is held back", "  Says since when nothing has gone by its age, if so.", "settle retention show",
           kClientExits});
  command(
      *retention, options, "release",
      {"agree that the clock is right", "  From then on ages count again.", "settle retention release", kClientExits});
  add_text(feed, "--after", options.feed.after, "CURSOR", "only events behind this place, or end (default: all kept)");
  add_text(feed, "--type", options.feed.type, "TYPE", "workflow.ended, workflow.* or *");
  feed->add_flag("--follow", options.feed.follow, "go on waiting for more");
}

}  // namespace settle
