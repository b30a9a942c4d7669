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

TEST(Options, WrongCommandLinesAreRefused) {
  for (const char* line :
       {"", "submit", "submit a b", "show", "launch", "submit p --wait soon", "submit p --label novalue",
        "ls --outcome great", "serve --threads 0", "serve --log-level loud", "tools", "completion tcsh", "ls --limit 0",
        "ls --label a=b --label c=d", "watch w --until noon"}) {
    EXPECT_FALSE(Parsed(line).ok) << line;
  }
}

}  // namespace
}  // namespace settle
