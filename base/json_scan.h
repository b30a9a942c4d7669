#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace settle {

/// What ends a run of bytes that need no attention.
enum class ScanStop : std::uint8_t {
  reading,  ///< " \ control characters, and every byte beyond ASCII, whose UTF-8 is to be checked
  writing,  ///< " \ control characters: what a JSON string must escape
};

template <ScanStop stop>
bool stops_scan(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == '"' || byte == '\\' || (stop == ScanStop::reading && byte >= 0x80);
}

/// The top bit of every byte of `word` that ends a run, and perhaps of bytes above the lowest one of these.
template <ScanStop stop>
std::uint64_t stops_of_word(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  // Subtracting sets the top bit of each byte that was too small; a borrow can only reach beyond such a byte.
  const std::uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
  const std::uint64_t ascii =
      (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word)) & tops;
  return stop == ScanStop::reading ? ascii | (word & tops) : ascii;
}

/// The first byte in [at, end) that ends a run, or `end`. Looks at 16 and at 8 bytes at a time where it can.
template <ScanStop stop>
const char* skip_run(const char* at, const char* end) {
#if defined(__SSE2__)
  while (end - at >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i space = _mm_set1_epi8(0x20);
    // Compared with signs, bytes beyond ASCII are negative and so less than a space too.
    const __m128i small = stop == ScanStop::reading ? _mm_cmplt_epi8(block, space)
                                                    : _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
    const __m128i marks =
        _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')), _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(small, marks)));
    if (found != 0) return at + std::countr_zero(found);
    at += 16;
  }
#endif
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    const std::uint64_t found = stops_of_word<stop>(word);
    if (found != 0) {
      if constexpr (std::endian::native == std::endian::little) return at + std::countr_zero(found) / 8;
      break;
    }
    at += 8;
  }
  while (at != end && !stops_scan<stop>(*at)) ++at;
  return at;
}

/// Up to eight bytes as one number, the first byte lowest; 0 in place of bytes beyond `size`.
inline std::uint64_t load_short(const char* at, std::size_t size) {
  const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(at[i])}; };
  if constexpr (std::endian::native == std::endian::little) {
    if (size >= 8) {
      std::uint64_t word;
      std::memcpy(&word, at, sizeof word);
      return word;
    }
    if (size >= 4) {  // two halves that overlap, with the same bytes where they do
      std::uint32_t low, high;
      std::memcpy(&low, at, sizeof low);
      std::memcpy(&high, at + size - sizeof high, sizeof high);
      return low | (std::uint64_t{high} << (8 * (size - 4)));
    }
    if (size == 0) return 0;
    return byte(0) | (byte(size / 2) << (8 * (size / 2))) | (byte(size - 1) << (8 * (size - 1)));
  }
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < size && i < 8; ++i) word |= byte(i) << (8 * i);
  return word;
}

/// The length of the UTF-8 sequence at `at` (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF), or 0.
inline std::size_t utf8_sequence(const char* at, const char* end) {
  const auto byte = [&](std::ptrdiff_t i) { return static_cast<unsigned char>(at[i]); };
  const auto follows = [&](std::ptrdiff_t i, unsigned least, unsigned most) {
    return end - at > i && byte(i) >= least && byte(i) <= most;
  };
  if (at == end) return 0;
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (lead < 0xF0) {
    const unsigned least = lead == 0xE0 ? 0xA0 : 0x80, most = lead == 0xED ? 0x9F : 0xBF;
    return follows(1, least, most) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  const unsigned least = lead == 0xF0 ? 0x90 : 0x80, most = lead == 0xF4 ? 0x8F : 0xBF;
  return follows(1, least, most) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
}

}  // namespace settle
