#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace settle {

/// A completion script for `shell` ("bash", "zsh" or "fish"), made from the tree of `app`: commands at every level, the
/// options of each with those that all share, the words that an option accepts, and files where a file is wanted.
std::string completion_script(const CLI::App& app, std::string_view shell);

}  // namespace settle
