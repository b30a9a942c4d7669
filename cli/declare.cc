#include "cli/declare.h"

namespace settle {

CLI::App* command(CLI::App& parent, Options& options, const std::string& name, const Help& help) {
  CLI::App* app = parent.add_subcommand(name, help.summary);
  const std::string path = parent.get_parent() == nullptr ? name : parent.get_name() + " " + name;
  app->footer(
      "About:\n" + std::string(help.about) + "\n\nExample:\n  " + help.example + "\n\nExit codes:\n  " + help.exits +
      "\n\nThe options of `settle --help` (--server, --token-file, --namespace, --json, --color) work here too.");
  // A parent's callback runs after its subcommand's; the deepest one has the name.
  app->callback([&options, path] {
    if (options.command.empty()) options.command = path;
  });
  return app;
}

CLI::Option* add_duration(CLI::App* app, const std::string& flag, std::function<void(Duration)> set,
                          const std::string& text) {
  auto check = [](const std::string& value) {
    return parse_duration(value) ? std::string() : value + " is not a duration like 200ms, 30s, 5m or 2h";
  };
  auto take = [set = std::move(set)](const std::string& value) { set(*parse_duration(value)); };
  return app->add_option_function<std::string>(flag, take, text)->type_name("DURATION")->check(check);
}

CLI::Option* add_text(CLI::App* app, const std::string& flag, std::string& target, const char* type,
                      const std::string& text) {
  return app->add_option(flag, target, text)->type_name(type);
}

CLI::Option* add_text(CLI::App* app, const std::string& flag, std::optional<std::string>& target, const char* type,
                      const std::string& text) {
  return app->add_option_function<std::string>(
                flag, [&target](const std::string& value) { target = value; }, text)
      ->type_name(type);
}

void add_id(CLI::App* app, std::string& target, const char* what) {
  app->add_option("id", target, what)->required()->type_name("ID");
}

std::string check_label(const std::string& text) {
  const std::size_t split = text.find('=');
  return split == std::string::npos || split == 0 ? "a label is written key=value, not " + text : std::string();
}

void add_filters(CLI::App* app, FilterOptions& target) {
  add_text(app, "--status", target.status, "TEXT", "only this status")
      ->check(CLI::IsMember({"running", "paused", "cancelling", "compensating", "ended"}));
  add_text(app, "--outcome", target.outcome, "TEXT", "only this outcome")
      ->check(CLI::IsMember({"verified", "executed", "failed", "cancelled"}));
  add_text(app, "--attention", target.attention, "TEXT", "only those that need a person, or only the others")
      ->check(CLI::IsMember({"true", "false"}));
  add_text(app, "--name", target.name, "NAME", "only plans of this name");
  add_text(app, "--label", target.label, "KEY=VALUE", "only with this label")->check(check_label);
  add_text(app, "--tool", target.tool, "NAME", "only plans that call this tool somewhere");
  add_text(app, "--created-after", target.created_after, "TIME", "RFC 3339, like 2026-11-22T20:00:00Z");
  add_text(app, "--created-before", target.created_before, "TIME", "RFC 3339");
}

}  // namespace settle
