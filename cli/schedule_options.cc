// The declarations of `settle schedule`.

#include "cli/declare.h"

namespace settle {
namespace {

void add_name(CLI::App* app, std::string& target) {
  app->add_option("name", target, "name of the schedule")->required()->type_name("NAME");
}

void add_file(CLI::App* app, std::string& target) {
  app->add_option("file", target, "JSON document, or - for standard input")->required()->type_name("FILE");
}

void declare_changes(CLI::App& all, Options& options) {
  ScheduleCommandOptions& to = options.schedule;
  CLI::App* put = command(
      all, options, "put",
      {"make or change a schedule",
       "  The file holds plan, times and rules, as PUT /v1/schedules/NAME takes them. What is asked for replaces what\n"
       "  there was; a scheduled time that had its run never gets another.",
       "settle schedule put nightly-report nightly-report.json",
       "0 done; 2 wrong times, rules or plan; 6 token refused; 7, 8 as elsewhere"});
  add_name(put, to.name);
  add_file(put, to.file);
  CLI::App* pause = command(
      all, options, "pause",
      {"start no runs for now", "  Times that pass until it is resumed are not run later. What is open goes on.",
       "settle schedule pause nightly-report --reason 'the CRM is being moved'", kClientExits});
  add_name(pause, to.name);
  add_text(pause, "--reason", to.reason, "TEXT", "why; others will read it")->required();
  add_name(command(all, options, "resume",
                   {"go on", "  From now on, after a pause or after it stopped by itself.",
                    "settle schedule resume nightly-report", kClientExits}),
           to.name);
  CLI::App* trigger =
      command(all, options, "trigger",
              {"start one run now", "  Prints the id of its workflow. While another run is open it is refused.",
               "settle schedule trigger nightly-report", "0 done; 5 a run is open; 4, 6, 7, 8 as elsewhere"});
  add_name(trigger, to.name);
  trigger->add_flag("--allow-overlap", to.allow_overlap, "also beside a run that is open");
  add_text(trigger, "--key", to.key, "TEXT", "Idempotency-Key: under the same one there is one run (default: random)");
  add_name(command(all, options, "rm",
                   {"end a schedule",
                    "  Removes it; its runs stay as they are. One of the same name that is put later does not know of\n"
                    "  those that are still open, and may begin others beside them.",
                    "settle schedule rm nightly-report", kClientExits}),
           to.name);
}

}  // namespace

void declare_schedules(CLI::App& app, Options& options) {
  ScheduleCommandOptions& to = options.schedule;
  CLI::App* all =
      command(app, options, "schedule",
              {"run a plan again and again",
               "  At the times of cron expressions in a time zone, or at an interval; docs/schedules.md has "
               "what is promised.",
               "settle schedule ls", "0, 2, 4, 5, 6, 7, 8 as for its commands"});
  all->require_subcommand(1);
  declare_changes(*all, options);
  command(
      *all, options, "ls",
      {"list schedules", "  Lists those of the namespace, with their next times.", "settle schedule ls", kClientExits});
  add_name(command(*all, options, "show",
                   {"show one", "  Shows its next times, its last runs, and what was skipped or missed and why.",
                    "settle schedule show nightly-report", kClientExits}),
           to.name);
  CLI::App* preview = command(
      *all, options, "preview",
      {"see when it would run", "  Checks a document as put does, and prints its next times. Nothing is stored.",
       "settle schedule preview nightly-report.json --count 20",
       "0 fine; 2 wrong times, rules or plan; 6, 7, 8 as elsewhere"});
  add_file(preview, to.file);
  preview->add_option("--count", to.count, "how many times (default: 10)")->check(CLI::Range(1, 100));
  add_text(preview, "--after", to.after, "TIME", "RFC 3339, instead of now");
}

}  // namespace settle
