#pragma once

#include <string>
#include <vector>

namespace settle::sim {

/// A broken promise of FINDINGS §5, or of the contract where it says "C" and the section.
struct Violation {
  std::string promise;
  std::string workflow;  ///< empty: of no workflow
  std::string text;
};

/// What a seed came to.
class Verdict {
 public:
  void violated(std::string promise, std::string workflow, std::string text) {
    if (violations_.size() < most) violations_.push_back({std::move(promise), std::move(workflow), std::move(text)});
  }
  bool good() const { return violations_.empty(); }
  const std::vector<Violation>& violations() const { return violations_; }

 private:
  static constexpr std::size_t most = 20;  // one cause often breaks many promises
  std::vector<Violation> violations_;
};

}  // namespace settle::sim
