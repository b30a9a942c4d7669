#include "base/hash.h"

#include <openssl/evp.h>

#include "base/error.h"

namespace settle {

Hash sha256(std::string_view bytes) {
  Hash hash;
  unsigned int size = 0;
  // One-shot digest with the algorithm fetched once: an implicit fetch per call costs more than hashing a receipt.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  const int ok = EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, algorithm, nullptr);
  SETTLE_ASSERT(ok == 1 && size == hash.size());
  return hash;
}

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
  return out;
}

std::string to_hex(const Hash& hash) {
  return to_hex(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

std::string digest_text(std::string_view bytes) {
  return "sha256:" + to_hex(sha256(bytes));
}

std::string to_base32hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuv";
  std::string out;
  out.reserve((bytes.size() * 8 + 4) / 5);
  std::uint32_t held = 0;
  int bits = 0;
  for (const char c : bytes) {
    held = (held << 8) | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out.push_back(digits[(held >> bits) & 31]);
    }
  }
  if (bits > 0) out.push_back(digits[(held << (5 - bits)) & 31]);
  return out;
}

std::string to_base32hex(const Hash& hash, std::size_t digits) {
  return to_base32hex(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size())).substr(0, digits);
}

std::string to_base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return out;
}

namespace {

constexpr std::array<std::uint32_t, 256> crc32c_table = [] {
  std::array<std::uint32_t, 256> out{};
  for (std::uint32_t i = 0; i < out.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82f63b78U & (0U - (crc & 1U)));
    out[i] = crc;
  }
  return out;
}();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : bytes) crc = (crc >> 8) ^ crc32c_table[(crc ^ static_cast<unsigned char>(c)) & 0xffU];
  return ~crc;
}

}  // namespace settle
