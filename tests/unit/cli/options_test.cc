#include "cli/options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace settle {
namespace {

struct Parsed {
  CLI::App app;
  Options options;
  bool ok = true;

  explicit Parsed(const std::string& line) {
    declare(app, options);
    try {
      app.parse(line, false);
    } catch (const CLI::ParseError&) {
      ok = false;
    }
  }
};

TEST(Options, EveryCommandExplainsItselfWithAnExampleAndItsExitCodes) {
  CLI::App app;
  Options options;
  declare(app, options);
  std::vector<const CLI::App*> left = {&app};
  std::size_t commands = 0;
  while (!left.empty()) {
    const CLI::App* at = left.back();
    left.pop_back();
    for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
      left.push_back(sub);
      ++commands;
      const std::string help = sub->help();
      for (const char* part : {"About:", "Example:\n  s", "Exit codes:\n  0"}) {
        EXPECT_NE(help.find(part), std::string::npos) << sub->get_name() << " " << part;
      }
      for (const CLI::Option* option : sub->get_options()) {
        EXPECT_FALSE(option->get_description().empty()) << sub->get_name() << " " << option->get_name();
      }
    }
  }
  EXPECT_GE(commands, 20U);
}

TEST(Options, TheCommandIsTheDeepestOneAndSharedFlagsMayStandAnywhere) {
  const Parsed put("tools put a.json b.json --json");
  ASSERT_TRUE(put.ok);
  EXPECT_EQ(put.options.command, "tools put");
  EXPECT_EQ(put.options.tools.files, (std::vector<std::string>{"a.json", "b.json"}));
  EXPECT_TRUE(put.options.global.json);

  const Parsed sandbox("sandbox --listen 127.0.0.1:0 --file x");
  ASSERT_TRUE(sandbox.ok);
  EXPECT_EQ(sandbox.options.command, "sandbox");
  EXPECT_EQ(Parsed("sandbox summary --at http://h:1").options.command, "sandbox summary");
}

TEST(Options, SubmitTakesAllItsFlags) {
  const Parsed one(
      "submit plan.json --id a --label k=v --label x=y --idempotency-key K --wait 1.5s --until ended --color never");
  ASSERT_TRUE(one.ok);
  const SubmitOptions& submit = one.options.submit;
  EXPECT_EQ(submit.file, "plan.json");
  EXPECT_EQ(submit.labels, (std::vector<std::string>{"k=v", "x=y"}));
  EXPECT_EQ(submit.wait, Duration{1'500});
  EXPECT_EQ(submit.until, Until::ended);
  EXPECT_EQ(one.options.global.color, ColorChoice::never);
  EXPECT_TRUE(Parsed("submit -").ok) << "standard input";
}

TEST(Options, WhatServeWasNotToldStaysOpenForTheConfigurationFile) {
  const Parsed none("serve");
  ASSERT_TRUE(none.ok);
  EXPECT_FALSE(none.options.serve.data || none.options.serve.listen || none.options.serve.tools_dir ||
               none.options.serve.threads);

  const Parsed all("serve --data d --listen 127.0.0.1:0 --tools t --config c.toml --threads 2 --log-level debug --dev");
  ASSERT_TRUE(all.ok);
  EXPECT_EQ(all.options.serve.data, "d");
  EXPECT_EQ(all.options.serve.threads, 2);
  EXPECT_EQ(all.options.serve.config_file, "c.toml");
  EXPECT_EQ(all.options.serve.log_level, "debug");
  EXPECT_TRUE(all.options.serve.dev);
}

TEST(Options, OperatorsNameOneWorkflowOrAFilter) {
  for (const char* verb : {"cancel", "pause", "resume", "retry"}) {
    const Parsed one(std::string(verb) + " wf_1");
    ASSERT_TRUE(one.ok) << verb;
    EXPECT_EQ(one.options.command, verb);
    EXPECT_EQ(one.options.operate.id, "wf_1");
    const Parsed many(std::string(verb) + " --status paused --tool t --label k=v --limit 7 --dry-run --yes");
    ASSERT_TRUE(many.ok) << verb;
    EXPECT_EQ(many.options.operate.filter.status, "paused");
    EXPECT_EQ(many.options.operate.filter.tool, "t");
    EXPECT_EQ(many.options.operate.filter.label, "k=v");
    EXPECT_EQ(many.options.operate.limit, 7);
    EXPECT_TRUE(many.options.operate.dry_run && many.options.operate.yes);
    EXPECT_EQ(Parsed(std::string(verb) + " wf_1 --latest-tools").ok, verb == std::string("retry"));
  }
  const Parsed ls("ls --tool t --status compensating");
  ASSERT_TRUE(ls.ok);
  EXPECT_EQ(ls.options.list.filter.tool, "t");
}

TEST(Options, ResolveTakesOneWordAndWhatBelongsToIt) {
  const Parsed happened(
      "resolve w a --happened --who ada --seen there --record-id 7 --output {} --no-verify --element 0 --role fallback "
      "--attempt 3");
  ASSERT_TRUE(happened.ok);
  const ResolveOptions& word = happened.options.resolve;
  EXPECT_TRUE(word.happened && !word.did_not_happen && word.no_verify);
  EXPECT_EQ(word.record_id + word.output + word.role, "7{}fallback");
  EXPECT_EQ(word.element, 0);
  EXPECT_EQ(word.attempt, 3);
  EXPECT_TRUE(Parsed("resolve w a --did-not-happen --who ada --seen none --send-again").ok);
}

TEST(Options, WrongCommandLinesAreRefused) {
  for (const char* line : {"",
                           "submit",
                           "submit a b",
                           "show",
                           "launch",
                           "submit p --wait soon",
                           "submit p --label novalue",
                           "ls --outcome great",
                           "serve --threads 0",
                           "serve --log-level loud",
                           "tools",
                           "completion tcsh",
                           "ls --limit 0",
                           "ls --label a=b --label c=d",
                           "watch w --until noon",
                           "ls --status late",
                           "resolve w a --happened --who ada",
                           "resolve w --happened --who ada --seen x",
                           "resolve w a --happened --did-not-happen --who a --seen x",
                           "resolve w a --did-not-happen --who a --seen x --record-id 7",
                           "resolve w a --happened --who a --seen x --send-again",
                           "resolve w a --happened --who a --seen x --role chief"}) {
    EXPECT_FALSE(Parsed(line).ok) << line;
  }
}

}  // namespace
}  // namespace settle
