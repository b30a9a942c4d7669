// The strict reader and the writers beside nlohmann's parse and dump, and simdjson's DOM parse as the lower bound: it
// checks neither names nor numbers as Settle must, and what it makes dies with its text.
//
//     json_bench [SECONDS=0.1]
//
// Everything runs in turns within one round, for so many seconds each; prints one JSON object a line.
#include <simdjson.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "bench/allocations.h"

namespace {

using namespace settle;
using bench::allocations;
using Clock = std::chrono::steady_clock;

/// A plan of about 2 KiB: sequential actions with a value of 100 bytes each, as in step_bench.
std::string plan_of_long_strings() {
  const std::string value(100, 'v');
  std::string out = "{\"name\":\"load\",\"actions\":[";
  for (int i = 0; i < 13; ++i) {
    out += (i == 0 ? "{\"id\":\"a" : ",{\"id\":\"a") + std::to_string(i) + "\",\"tool\":\"bench.put\",";
    if (i > 0) out += "\"after\":[\"a" + std::to_string(i - 1) + "\"],";
    out += "\"input\":{\"value\":\"" + value + "\"}}";
  }
  return out + "]}";
}

/// A plan of about 2 KiB as agents write them: short names and values, numbers, references, text with escapes.
std::string plan_of_short_values() {
  std::string out = "{\"name\":\"onboard\",\"input\":{\"email\":\"ada@example.org\",\"limit\":12.5},\"actions\":[";
  for (int i = 0; i < 11; ++i) {
    out +=
        (i == 0 ? "{\"id\":\"step-" : ",{\"id\":\"step-") + std::to_string(i) + "\",\"tool\":\"crm.create_contact\",";
    if (i > 0) out += "\"after\":[\"step-" + std::to_string(i - 1) + "\"],";
    out += "\"input\":{\"email\":{\"$from\":\"/input/email\"},\"tier\":\"free\",\"count\":" + std::to_string(i * 17) +
           ",\"weight\":0.25,\"active\":true,\"note\":\"Grüße,\\n\\\"Ada\\\"\"}}";
  }
  return out + "]}";
}

void require(bool condition) {
  if (!condition) std::abort();
}

struct Contestant {
  const char* what;
  std::function<void()> once;
};

void measure(const char* document, const Contestant& contestant, std::chrono::duration<double> duration) {
  constexpr std::uint64_t batch = 50;
  std::uint64_t count = 0;
  const std::uint64_t allocated = allocations;
  const Clock::time_point begun = Clock::now();
  Clock::duration took{};
  while (took < duration) {
    for (std::uint64_t i = 0; i < batch; ++i) contestant.once();
    count += batch;
    took = Clock::now() - begun;
  }
  std::printf("{\"what\":\"%s: %s\",\"us\":%.4f,\"allocations\":%.1f}\n", document, contestant.what,
              std::chrono::duration<double, std::micro>(took).count() / static_cast<double>(count),
              static_cast<double>(allocations - allocated) / static_cast<double>(count));
}

void run(const char* name, const std::string& text, std::chrono::duration<double> duration) {
  Result<Json> read = read_json(text);
  require(static_cast<bool>(read));
  const Json value = *std::move(read);
  const nlohmann::json other = nlohmann::json::parse(text);
  require(nlohmann::json::parse(canonical(value)) == other);
  const std::size_t canonical_bytes = canonical(value).size();
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(text);

  const std::vector<Contestant> contestants = {
      {"read_json", [&] { require(static_cast<bool>(read_json(text))); }},
      {"nlohmann parse", [&] { require(nlohmann::json::parse(text).is_object()); }},
      {"simdjson parse", [&] { require(parser.parse(padded).error() == simdjson::SUCCESS); }},
      {"canonical", [&] { require(canonical(value).size() == canonical_bytes); }},
      {"write_json", [&] { require(!write_json(value).empty()); }},
      {"nlohmann dump", [&] { require(!other.dump().empty()); }},
  };
  for (const Contestant& contestant : contestants) measure(name, contestant, duration);
}

}  // namespace

int main(int count, char** arguments) {
  const std::chrono::duration<double> duration(count > 1 ? std::atof(arguments[1]) : 0.1);
  run("long strings", plan_of_long_strings(), duration);
  run("short values", plan_of_short_values(), duration);
  return 0;
}
