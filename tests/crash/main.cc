#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/crash/child.h"

// Some tests start this program again, as the process that may come to a bad end.
int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto number = [&arguments] { return std::strtoull(arguments.back().c_str(), nullptr, 10); };
  if (arguments.size() == 4 && arguments[0] == "--failing") {
    return settle::run_failing(arguments[1], arguments[2], number());
  }
  if (arguments.size() == 3 && arguments[0] == "--look") return settle::run_look(arguments[1], number());
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
