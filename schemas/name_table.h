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
    keys_.clear();
    for (const std::string& name : names_) keys_.push_back(key_of(name));
    keys_.emplace_back();  // a hint beyond the last name finds nothing
    std::size_t slots = 4;
    while (slots < names_.size() * 2) slots *= 2;
    slots_.assign(slots, absent);
    mask_ = slots - 1;
    for (std::uint32_t i = 0; i < names_.size(); ++i) {
      std::size_t slot = hash(keys_[i], names_[i]) & mask_;
      while (slots_[slot] != absent) slot = (slot + 1) & mask_;
      slots_[slot] = i;
    }
  }

  /// `hint`, at most the number of names, is the position that is tried first: one behind the one found last, for names
  /// asked for in order.
  [[gnu::always_inline]] std::uint32_t find(std::string_view name, std::uint32_t hint = 0) const {
    const Key key = key_of(name);
    return same(hint, key, name) ? hint : look_up(key.first, key.last, name);
  }

  const std::vector<std::string>& names() const { return names_; }

 private:
  /// The length and the bytes at both ends: all of a name of up to `whole` bytes.
  struct Key {
    static constexpr std::size_t whole = 16;
    std::uint64_t first = 0, last = 0;
    std::size_t size = std::string::npos;  ///< no name has that
  };

  template <class Word>
  static std::uint64_t load(const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
  }

  [[gnu::always_inline]] static Key key_of(std::string_view name) {
    const char* const at = name.data();
    const std::size_t size = name.size();
    if (size >= 8) return {load<std::uint64_t>(at), load<std::uint64_t>(at + size - 8), size};
    if (size >= 4) return {load<std::uint32_t>(at), load<std::uint32_t>(at + size - 4), size};
    if (size == 0) return {0, 0, 0};
    return {load<std::uint8_t>(at) | load<std::uint8_t>(at + size / 2) << 8, load<std::uint8_t>(at + size - 1), size};
  }

  // Not by operator[], whose check would cost as much as all the rest.
  [[gnu::always_inline]] bool same(std::uint32_t position, Key key, std::string_view name) const {
    const Key& there = keys_.data()[position];
    if (there.size != key.size || there.first != key.first || there.last != key.last) return false;
    return key.size <= Key::whole || std::memcmp(names_.data()[position].data(), name.data(), key.size) == 0;
  }

  [[gnu::noinline]] std::uint32_t look_up(std::uint64_t first, std::uint64_t last, std::string_view name) const {
    const Key key = {first, last, name.size()};
    const std::uint32_t* const slots = slots_.data();
    for (std::size_t slot = hash(key, name) & mask_; slots[slot] != absent; slot = (slot + 1) & mask_) {
      if (same(slots[slot], key, name)) return slots[slot];
    }
    return absent;
  }

  /// Of the key, and of the middle of a long name: names that people give differ there. Names that do not only take
  /// longer.
  static std::uint64_t hash(Key key, std::string_view name) {
    std::uint64_t out = key.first ^ (key.last << 31 | key.last >> 33) ^ key.size;
    if (key.size > Key::whole) out += load<std::uint64_t>(name.data() + key.size / 2 - 4) * 0xBF58476D1CE4E5B9;
    out *= 0x9E3779B97F4A7C15;
    return out >> 32;
  }

  std::vector<std::string> names_;
  std::vector<Key> keys_ = std::vector<Key>(1);
  std::vector<std::uint32_t> slots_ = std::vector<std::uint32_t>(1, absent);
  std::size_t mask_ = 0;
};

}  // namespace settle
