#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "base/error.h"

namespace settle {

namespace {

/// What an option or positional takes.
struct Value {
  bool wanted = false;
  bool file = false;
  bool folder = false;
  std::vector<std::string> words;
};

struct Flag {
  std::vector<std::string> names;  ///< "--json", "-h"
  std::string description;
  Value value;
};

/// One command: "" for settle itself, "tools put" for a nested one.
struct Node {
  std::string path;
  std::string description;
  std::vector<std::pair<std::string, std::string>> commands;  ///< name and description
  std::vector<Flag> flags;                                    ///< its own, then those that every command shares
  Value positional;
};

// The name of an option's type says what it takes: "FILE", "DIR", or "TEXT:{a,b}" where only some words are accepted.
Value value_of(const CLI::Option& option) {
  Value value;
  value.wanted = option.get_items_expected_max() > 0;  // 0: a flag
  const std::string type = option.get_type_name();
  value.file = type.starts_with("FILE");
  value.folder = type.starts_with("DIR");
  const std::size_t open = type.find('{');
  const std::size_t close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return value;

  std::string word;
  for (const char c : type.substr(open + 1, close - open - 1) + ",") {
    if (c != ',') {
      word += c;
      continue;
    }
    if (!word.empty()) value.words.push_back(word);
    word.clear();
  }
  return value;
}

std::vector<Flag> flags_of(const CLI::App& app) {
  std::vector<Flag> flags;
  for (const CLI::Option* option : app.get_options()) {
    Flag flag{.names = {}, .description = option->get_description(), .value = value_of(*option)};
    for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
    if (!flag.names.empty()) flags.push_back(std::move(flag));
  }
  return flags;
}

void collect(const CLI::App& app, const std::string& path, const std::vector<Flag>& shared, std::vector<Node>& nodes) {
  Node node{
      .path = path, .description = app.get_description(), .commands = {}, .flags = flags_of(app), .positional = {}};
  for (const Flag& flag : shared) {
    // Every command has a help flag of its own.
    if (flag.names.front() != "--help") node.flags.push_back(flag);
  }
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) node.positional = value_of(*option);
  }
  const std::vector<const CLI::App*> commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) node.commands.emplace_back(command->get_name(), command->get_description());
  nodes.push_back(std::move(node));
  const std::vector<Flag> below = path.empty() ? flags_of(app) : shared;
  for (const CLI::App* command : commands) {
    collect(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), below, nodes);
  }
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// Inside of single quotes, for every shell here; descriptions are ours, so this is about apostrophes.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// fish reads \' within single quotes instead.
std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// Shell code that finds the command's path in the words before the cursor: the longest chain of known command names.
std::string bash_path(const std::vector<Node>& nodes) {
  std::string out =
      "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n        case \"$path $word\" in\n            ";
  std::string names;
  for (const Node& node : nodes) {
    if (!node.path.empty()) names += (names.empty() ? "" : "|") + quoted(" " + node.path);
  }
  return out + names + ") path=\"$path $word\" ;;\n        esac\n    done\n";
}

std::string bash_values(const Node& node) {
  std::string out;
  for (const Flag& flag : node.flags) {
    if (!flag.value.wanted) continue;
    std::string names;
    for (const std::string& name : flag.names) names += (names.empty() ? "" : "|") + name;
    out += "                " + names + ") ";
    if (!flag.value.words.empty()) {
      out += "COMPREPLY=($(compgen -W " + quoted(join(flag.value.words)) + " -- \"$current\"));";
    } else if (flag.value.file || flag.value.folder) {
      out += std::string("compopt -o filenames; COMPREPLY=($(compgen ") + (flag.value.folder ? "-d" : "-f") +
             " -- \"$current\"));";
    }
    out += " return ;;\n";
  }
  return out;
}

std::string bash_script(const std::vector<Node>& nodes) {
  std::string out =
      "# Completion for settle in bash: source <(settle completion bash)\n_settle() {\n    local "
      "current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
      "    local previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n    local path=\"\" word\n    COMPREPLY=()\n";
  out += bash_path(nodes);
  out += "    case \"$path\" in\n";
  for (const Node& node : nodes) {
    out += "        " + quoted(node.path.empty() ? "" : " " + node.path) + ")\n            case \"$previous\" in\n" +
           bash_values(node) + "            esac\n";
    std::vector<std::string> words = node.positional.words;
    for (const auto& [name, description] : node.commands) words.push_back(name);
    std::vector<std::string> flags;
    for (const Flag& flag : node.flags) flags.insert(flags.end(), flag.names.begin(), flag.names.end());
    out += "            if [[ \"$current\" == -* ]]; then\n                COMPREPLY=($(compgen -W " +
           quoted(join(flags)) + " -- \"$current\"))\n            else\n";
    if (node.positional.file) {
      out += "                compopt -o filenames\n                COMPREPLY=($(compgen -f -- \"$current\"))\n";
    } else {
      out += "                COMPREPLY=($(compgen -W " + quoted(join(words)) + " -- \"$current\"))\n";
    }
    out += "            fi ;;\n";
  }
  return out + "    esac\n}\ncomplete -F _settle settle\n";
}

// zsh reads [ ] : in the specifications of _arguments, so they are escaped.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_value(const Value& value, const std::string& what) {
  if (!value.words.empty()) return ":" + what + ":(" + join(value.words) + ")";
  if (value.file) return ":" + what + ":_files";
  if (value.folder) return ":" + what + ":_files -/";
  return ":" + what + ": ";
}

std::string zsh_function(const std::string& path) {
  std::string name = "_settle";
  for (const char c : path.empty() ? "" : "_" + path) name += c == ' ' ? '_' : c;
  return name;
}

std::string zsh_script(const std::vector<Node>& nodes) {
  std::string out = "#compdef settle\n# Completion for settle in zsh: source <(settle completion zsh)\n";
  for (const Node& node : nodes) {
    out += zsh_function(node.path) +
           "() {\n  local curcontext=\"$curcontext\" state line\n  typeset -A opt_args\n  _arguments -C";
    for (const Flag& flag : node.flags) {
      for (const std::string& name : flag.names) {
        out += " \\\n    " + quoted(name + "[" + zsh_text(flag.description) + "]" +
                                    (flag.value.wanted ? zsh_value(flag.value, "value") : ""));
      }
    }
    if (!node.commands.empty()) {
      out += " \\\n    '1: :->command' '*:: :->rest'\n  case $state in\n    command)\n      local -a commands=(";
      for (const auto& [name, description] : node.commands)
        out += "\n        " + quoted(name + ":" + zsh_text(description));
      out += ")\n      _describe 'command' commands ;;\n    rest)\n      case $line[1] in\n";
      for (const auto& [name, description] : node.commands) {
        out += "        " + name + ") " + zsh_function(node.path.empty() ? name : node.path + " " + name) + " ;;\n";
      }
      out += "      esac ;;\n  esac\n";
    } else {
      out += " \\\n    " + quoted("*" + zsh_value(node.positional, "argument")) + "\n";
    }
    out += "}\n";
  }
  return out + "compdef _settle settle\n";
}

std::string fish_condition(const Node& node) {
  if (node.path.empty()) return "__fish_use_subcommand";
  std::string out;
  std::string word;
  for (const char c : node.path + " ") {
    if (c != ' ') {
      word += c;
      continue;
    }
    out += (out.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
    word.clear();
  }
  return out;
}

std::string fish_script(const std::vector<Node>& nodes) {
  std::string out = "# Completion for settle in fish: settle completion fish | source\ncomplete -c settle -f\n";
  for (const Node& node : nodes) {
    const std::string head = "complete -c settle -n " + fish_quoted(fish_condition(node));
    for (const auto& [name, description] : node.commands) {
      std::string when = fish_condition(node);
      // "settle tools ls" must not offer the other commands of tools again.
      if (!node.path.empty()) {
        when += "; and not __fish_seen_subcommand_from";
        for (const auto& other : node.commands) when += " " + other.first;
      }
      out += "complete -c settle -n " + fish_quoted(when) + " -a " + name + " -d " + fish_quoted(description) + "\n";
    }
    for (const Flag& flag : node.flags) {
      out += head;
      for (const std::string& name : flag.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (flag.value.wanted) out += flag.value.file || flag.value.folder ? " -r -F" : " -x";
      if (!flag.value.words.empty()) out += " -a " + fish_quoted(join(flag.value.words));
      out += " -d " + fish_quoted(flag.description) + "\n";
    }
    if (node.positional.file) out += head + " -F\n";
    if (!node.positional.words.empty()) out += head + " -a " + fish_quoted(join(node.positional.words)) + "\n";
  }
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell) {
  std::vector<Node> nodes;
  collect(app, "", {}, nodes);
  if (shell == "bash") return bash_script(nodes);
  if (shell == "zsh") return zsh_script(nodes);
  SETTLE_ASSERT(shell == "fish");
  return fish_script(nodes);
}

}  // namespace settle
