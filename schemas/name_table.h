#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace settle {

/// Finds a name among names that never change: the position that it was added with. Made for few and short names in the
/// order in which they are likely to be asked for. Immutable after build(). Thread: any.
class NameTable {
 public:
  static constexpr std::uint32_t absent = 0xFFFFFFFF;

  /// Names must differ.
  void build(std::vector<std::string> names) {
    names_ = std::move(names);
    std::size_t slots = 4;
    while (slots < names_.size() * 2) slots *= 2;
    slots_.assign(slots, absent);
    mask_ = slots - 1;
    for (std::uint32_t i = 0; i < names_.size(); ++i) {
      std::size_t slot = hash(names_[i]) & mask_;
      while (slots_[slot] != absent) slot = (slot + 1) & mask_;
      slots_[slot] = i;
    }
  }

  /// `hint` is the position that is tried first: one behind the one found last, for names asked for in order.
  std::uint32_t find(std::string_view name, std::uint32_t hint = 0) const {
    if (hint < names_.size() && same(names_[hint], name)) return hint;
    if (names_.empty()) return absent;
    for (std::size_t slot = hash(name) & mask_; slots_[slot] != absent; slot = (slot + 1) & mask_) {
      if (same(names_[slots_[slot]], name)) return slots_[slot];
    }
    return absent;
  }

  const std::vector<std::string>& names() const { return names_; }

 private:
  static bool same(const std::string& a, std::string_view b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), b.size()) == 0;
  }

  /// Of the length and of the first, middle and last eight bytes: names that people give differ there. Names that do
  /// not only take longer.
  static std::uint64_t hash(std::string_view name) {
    const std::size_t size = name.size();
    std::uint64_t first = 0, middle = 0, last = 0;
    if (size >= 8) {
      std::memcpy(&first, name.data(), 8);
      std::memcpy(&middle, name.data() + (size - 8) / 2, 8);
      std::memcpy(&last, name.data() + size - 8, 8);
    } else {
      for (const char c : name) first = first << 8 | static_cast<unsigned char>(c);
    }
    std::uint64_t out = (first ^ (middle << 17 | middle >> 47) ^ (last << 31 | last >> 33)) + size;
    out *= 0x9E3779B97F4A7C15;
    out ^= out >> 29;
    out *= 0xBF58476D1CE4E5B9;
    return out ^ out >> 32;
  }

  std::vector<std::string> names_;
  std::vector<std::uint32_t> slots_;
  std::size_t mask_ = 0;
};

}  // namespace settle
