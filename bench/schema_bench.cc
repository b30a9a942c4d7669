// schema_bench FOLDER [SECONDS]: reads every *.json of the folder, {"schema": …, "instances": […]}, and prints for each
// one line of JSON: how long Schema::accepts takes for one instance, on average over them, and compile() for the
// schema.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "schemas/schema.h"

namespace {

using namespace settle;
using Clock = std::chrono::steady_clock;

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

void measure(const std::filesystem::path& path, double seconds) {
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const Result<Json> document = read_json(text);
  if (!document) return;
  const Result<Schema> schema = Schema::compile(*document->find("schema"));
  if (!schema) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), schema.error().message.c_str());
    std::exit(1);
  }
  const Json::Array& instances = document->find("instances")->as_array();
  std::uint64_t accepted = 0, rounds = 0;
  const Clock::time_point start = Clock::now();
  double spent = 0;
  for (; spent < seconds * 1e9; spent = nanoseconds_since(start)) {
    for (int i = 0; i < 1000; ++i) {
      for (const Json& instance : instances) accepted += schema->accepts(instance) ? 1 : 0;
    }
    rounds += 1000;
  }
  if (accepted != rounds * instances.size()) {
    std::fprintf(stderr, "%s: an instance does not fit\n", path.c_str());
    std::exit(1);
  }
  const Clock::time_point before = Clock::now();
  for (int i = 0; i < 100; ++i) accepted += Schema::compile(*document->find("schema")) ? 1 : 0;
  std::printf("{\"what\": \"%s\", \"ns\": %.1f, \"compile_us\": %.1f}\n", path.stem().c_str(),
              spent / static_cast<double>(accepted - 100), nanoseconds_since(before) / 1e5);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const std::filesystem::path& path : files) measure(path, argc > 2 ? std::atof(argv[2]) : 0.3);
  return 0;
}
