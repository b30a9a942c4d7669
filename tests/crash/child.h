#pragma once

#include <cstdint>
#include <string>

namespace settle {

/// What the program does when it is started again; the names of main(). Each returns the exit code.
int run_failing(const std::string& directory, const std::string& failure, std::uint64_t after);
int run_look(const std::string& directory, std::uint64_t count);

}  // namespace settle
