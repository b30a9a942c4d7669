#include "cli/completion.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "cli/options.h"

namespace settle {
namespace {

class Completion : public ::testing::Test {
 protected:
  Completion() { declare(app, options); }

  // What bash offers for a command line whose last word is being written.
  std::set<std::string> offered(const std::string& words) const {
    const std::string file = ::testing::TempDir() + "settle-completion.bash";
    std::ofstream(file) << completion_script(app, "bash") << "\ncompopt() { :; }\nCOMP_WORDS=(" << words
                        << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_settle\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    FILE* pipe = ::popen(("bash " + file).c_str(), "r");
    std::string text;
    std::array<char, 4096> part{};
    while (std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), got);
    EXPECT_EQ(::pclose(pipe), 0);
    std::set<std::string> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) out.insert(line);
    }
    return out;
  }

  CLI::App app;
  Options options;
};

void collect(const CLI::App& app, std::vector<const CLI::App*>& out) {
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.push_back(sub);
    collect(*sub, out);
  }
}

TEST_F(Completion, KnowsEveryCommandAndEveryFlagInEveryShell) {
  std::vector<const CLI::App*> commands;
  collect(app, commands);
  ASSERT_GT(commands.size(), 18U);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(app, shell);
    for (const CLI::App* command : commands) {
      EXPECT_NE(script.find(command->get_name()), std::string::npos) << shell << " " << command->get_name();
      for (const CLI::Option* option : command->get_options()) {
        for (const std::string& name : option->get_lnames())
          EXPECT_NE(script.find(name), std::string::npos) << shell << " --" << name;
      }
    }
  }
}

TEST_F(Completion, BashOffersCommandsThenTheirFlagsThenTheWordsOfAFlag) {
  EXPECT_TRUE(offered("settle ''").contains("submit"));
  EXPECT_EQ(offered("settle wat"), std::set<std::string>{"watch"});
  EXPECT_EQ(offered("settle tools ''"),
            (std::set<std::string>{"diff", "disable", "enable", "export", "get", "lint", "ls", "put", "versions"}));
  EXPECT_EQ(offered("settle --json tools p"), std::set<std::string>{"put"});
  EXPECT_TRUE(offered("settle --json ''").contains("submit")) << "a flag takes no value";
  EXPECT_EQ(offered("settle submit --wa"), std::set<std::string>{"--wait"});
  EXPECT_EQ(offered("settle submit --js"), std::set<std::string>{"--json"}) << "what all commands share is offered too";
  EXPECT_EQ(offered("settle ls --outcome f"), std::set<std::string>{"failed"});
  EXPECT_EQ(offered("settle --color ''"), (std::set<std::string>{"always", "auto", "never"}));
  EXPECT_EQ(offered("settle completion z"), std::set<std::string>{"zsh"});
}

TEST_F(Completion, OnlyOptionsThatTakeAValueAskForOne) {
  const std::string zsh = completion_script(app, "zsh");
  EXPECT_NE(zsh.find("'--server[the server to talk to]:value: '"), std::string::npos);
  EXPECT_NE(zsh.find("documents instead of tables]'"), std::string::npos);
  const std::string fish = completion_script(app, "fish");
  EXPECT_NE(fish.find(" -l server -x"), std::string::npos);
  EXPECT_NE(fish.find(" -l json -d"), std::string::npos);
  EXPECT_NE(fish.find(" -l config -r -F"), std::string::npos);
}

}  // namespace
}  // namespace settle
