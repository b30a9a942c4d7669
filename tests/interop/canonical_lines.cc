// Drives the reader and the canonical writer from outside: each line of standard input is one JSON text, and each line
// of standard output its canonical form, or "refused: " and why. No line feed stands in canonical JSON.
#include <iostream>
#include <string>

#include "base/json.h"

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    const settle::Result<settle::Json> value = settle::read_json(line);
    std::cout << (value ? settle::canonical(*value) : "refused: " + value.error().message) << '\n';
  }
  return std::cout.flush() ? 0 : 1;
}
