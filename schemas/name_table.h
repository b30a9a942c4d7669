#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace settle {

/// Equality of two texts of `size` bytes each, without a call for the short ones that most names are.
inline bool same_bytes(const char* a, const char* b, std::size_t size) {
  const auto load = [](const char* from, auto value) {
    std::memcpy(&value, from, sizeof value);
    return value;
  };
  if (size > 16) return std::memcmp(a, b, size) == 0;
  if (size >= 8) {
    return load(a, std::uint64_t{}) == load(b, std::uint64_t{}) &&
           load(a + size - 8, std::uint64_t{}) == load(b + size - 8, std::uint64_t{});
  }
  if (size >= 4) {
    return load(a, std::uint32_t{}) == load(b, std::uint32_t{}) &&
           load(a + size - 4, std::uint32_t{}) == load(b + size - 4, std::uint32_t{});
  }
  return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

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
    return look_up(name);
  }

  const std::vector<std::string>& names() const { return names_; }

 private:
  std::uint32_t look_up(std::string_view name) const {
    if (names_.empty()) return absent;
    for (std::size_t slot = hash(name) & mask_; slots_[slot] != absent; slot = (slot + 1) & mask_) {
      if (same(names_[slots_[slot]], name)) return slots_[slot];
    }
    return absent;
  }

  static bool same(const std::string& a, std::string_view b) {
    return a.size() == b.size() && same_bytes(a.data(), b.data(), b.size());
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
    } else if (size >= 4) {
      std::memcpy(&first, name.data(), 4);
      std::memcpy(&last, name.data() + size - 4, 4);
    } else if (size > 0) {
      first = static_cast<unsigned char>(name.front());
      middle = static_cast<unsigned char>(name[size / 2]);
      last = static_cast<unsigned char>(name.back());
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
