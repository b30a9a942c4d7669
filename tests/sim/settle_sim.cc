// The simulator that tries to make Settle lie: docs/simulation.md.

#include <charconv>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"
#include "tests/sim/schedule_scenario.h"
#include "tests/sim/sometimes.h"

namespace settle::sim {
namespace {

struct Options {
  std::uint64_t seeds = 1'000, from = 1;
  std::uint64_t stop_after = 1;  ///< failing seeds; 0: go on to the end
  bool trace = false, verbose = false, hashes = false, sometimes = true, schedules = false;
};

constexpr std::string_view usage =
    "settle_sim [--seeds N] [--from S] [--keep-going] [--trace] [--verbose] [--hashes] [--no-sometimes] [--schedules]\n"
    "  runs N seeds from S on; the last line is \"N passed, N failed\", the exit code 0 when nothing failed\n"
    "  --keep-going    goes on after a failing seed\n"
    "  --trace         tells every call and event\n"
    "  --verbose       prints the counters\n"
    "  --hashes        prints the trace hash of every seed\n"
    "  --no-sometimes  does not ask whether everything was reached (few seeds can't)\n"
    "  --schedules     worlds of schedules only, one for each seed\n";

std::optional<Options> read_options(const std::vector<std::string>& arguments) {
  Options out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const auto number = [&](std::uint64_t& into) {
      if (++i == arguments.size()) return false;
      const std::string& text = arguments[i];
      const auto read = std::from_chars(text.data(), text.data() + text.size(), into);
      return read.ec == std::errc() && read.ptr == text.data() + text.size();
    };
    if (name == "--seeds" && number(out.seeds)) continue;
    if (name == "--from" && number(out.from)) continue;
    if (name == "--keep-going") {
      out.stop_after = 0;
    } else if (name == "--trace") {
      out.trace = true;
    } else if (name == "--verbose") {
      out.verbose = true;
    } else if (name == "--hashes") {
      out.hashes = true;
    } else if (name == "--no-sometimes") {
      out.sometimes = false;
    } else if (name == "--schedules") {
      out.schedules = true;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

/// Each seed is a world of workflows, and one of four is a world of schedules besides.
SeedResult run_worlds(std::uint64_t seed, const Options& options, Counters& counters, bool tracing) {
  if (options.schedules) return run_schedule_seed(seed, counters, tracing);
  SeedResult result = run_seed(seed, counters, tracing);
  if (seed % 4 != 0) return result;
  const SeedResult schedules = run_schedule_seed(seed, counters, tracing);
  for (const Violation& violation : schedules.verdict.violations())
    result.verdict.violated(violation.promise, violation.workflow, violation.text);
  result.trace_hash ^= schedules.trace_hash;
  return result;
}

void tell_failure(const std::string& program, std::uint64_t seed, const Options& options, const Verdict& verdict,
                  bool with_trace) {
  std::cout << "seed " << seed << " FAILED\n";
  for (const Violation& violation : verdict.violations())
    std::cout << "  " << violation.promise << " " << violation.workflow << ": " << violation.text << "\n";
  std::cout << "  replay: " << program << " --seeds 1 --from " << seed << " --no-sometimes --trace"
            << (options.schedules ? " --schedules" : "") << "\n";
  if (!with_trace) return;
  Counters ignored;
  run_worlds(seed, options, ignored, true);
}

int run(const std::string& program, const Options& options) {
  Counters counters;
  std::uint64_t passed = 0, failed = 0;
  for (std::uint64_t seed = options.from; seed < options.from + options.seeds; ++seed) {
    if (options.trace) std::cout << "seed " << seed << "\n";
    const SeedResult result = run_worlds(seed, options, counters, options.trace);
    if (options.hashes) std::cout << "seed " << seed << " trace " << std::hex << result.trace_hash << std::dec << "\n";
    (result.verdict.good() ? passed : failed) += 1;
    if (!result.verdict.good()) tell_failure(program, seed, options, result.verdict, !options.trace && failed == 1);
    if (options.stop_after != 0 && failed >= options.stop_after) break;
  }
  if (options.verbose) {
    for (const auto& [what, count] : counters.all()) std::cout << "  " << what << ": " << count << "\n";
  }
  if (options.sometimes && failed == 0) {
    for (const std::string& what : never_reached(counters)) {
      std::cout << "no seed reached: " << what << "\n";
      failed += 1;
    }
  }
  std::cout << passed << " passed, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace settle::sim

int main(int argc, char** argv) {
  const std::optional<settle::sim::Options> options =
      settle::sim::read_options(std::vector<std::string>(argv + 1, argv + argc));
  if (options) return settle::sim::run(argv[0], *options);
  std::cerr << settle::sim::usage;
  return 2;
}
