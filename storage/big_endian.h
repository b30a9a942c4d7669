#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace settle {

/// Numbers as the records of the store hold them: unsigned, big-endian, so that bytes sort as the numbers do.
inline void append_be32(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

inline void append_be64(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

/// Reads the number at `offset`, which must lie within `bytes` with all its bytes.
inline std::uint32_t read_be32(std::string_view bytes, std::size_t offset) {
  SETTLE_ASSERT(bytes.size() >= 4 && offset <= bytes.size() - 4);
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = (number << 8) | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

inline std::uint64_t read_be64(std::string_view bytes, std::size_t offset) {
  SETTLE_ASSERT(bytes.size() >= 8 && offset <= bytes.size() - 8);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = (number << 8) | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

}  // namespace settle
