#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace settle {

/// A pattern so simple that one pass over the text decides it: "^", characters and positive classes of ASCII, each with
/// a quantifier, and "$", such as ^cus_[a-z0-9]{8,32}$. Most patterns of tools are like that, and RE2's start costs
/// more than the search. Immutable. Thread: any.
class QuickPattern {
 public:
  /// Null for every other pattern, also for one in which taking as much as possible might take too much, and for one of
  /// more than eight different classes.
  static std::optional<QuickPattern> compile(std::string_view pattern);
  bool matches(std::string_view text) const;

 private:
  struct Part {
    std::bitset<128> characters;
    std::uint32_t least = 1, most = 1;
  };
  /// What matching goes through: neighbouring single characters are one text.
  struct Run {
    std::string text = {};  ///< exactly this, unless it is empty
    std::uint8_t bit = 0;   ///< else bytes that have this bit in `classes_`
    std::uint32_t least = 1, most = 1;
  };
  static bool read_part(std::string_view& pattern, Part& part);
  static bool read_class(std::string_view& pattern, std::bitset<128>& out);
  static bool read_character(std::string_view& pattern, bool in_class, std::bitset<128>& out, int& single);
  static bool read_quantifier(std::string_view& pattern, Part& part);
  static bool decides_greedily(const std::vector<Part>& parts);
  bool make_runs(const std::vector<Part>& parts);

  std::vector<Run> runs_;
  std::array<std::uint8_t, 256> classes_ = {};  ///< for each byte the bits of the runs that take it
};

}  // namespace settle
