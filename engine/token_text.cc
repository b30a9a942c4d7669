#include "engine/token_text.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace settle {
namespace {

constexpr std::string_view prefix = "settle_";
constexpr std::size_t id_bytes = 10, id_digits = 16;
constexpr std::size_t secret_bytes = 32, secret_digits = 52;
constexpr std::size_t checksum_digits = 7;
constexpr std::size_t text_bytes = prefix.size() + id_digits + 1 + secret_digits + checksum_digits;

template <std::size_t bytes>
std::string random_digits() {
  std::array<unsigned char, bytes> random{};
  // Without randomness there are no secrets; going on with a weak one would be worse than an end.
  SETTLE_ASSERT(RAND_priv_bytes(random.data(), static_cast<int>(random.size())) == 1);
  std::string digits = to_base32hex(std::string_view(reinterpret_cast<const char*>(random.data()), random.size()));
  OPENSSL_cleanse(random.data(), random.size());
  return digits;
}

std::string checksum_of(std::string_view text) {
  const std::uint32_t sum = crc32c(text);
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(sum >> shift));
  return to_base32hex(bytes);
}

bool are_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'v'); });
}

}  // namespace

TokenText fresh_token() {
  return {random_digits<id_bytes>(), random_digits<secret_bytes>()};
}

std::string write_token(const TokenText& token) {
  std::string text = std::string(prefix) + token.id + "_" + token.secret;
  text += checksum_of(text);
  return text;
}

std::optional<TokenText> read_token(std::string_view text) {
  if (text.size() != text_bytes || !text.starts_with(prefix)) return std::nullopt;
  const std::string_view summed = text.substr(0, text_bytes - checksum_digits);
  const std::string_view id = text.substr(prefix.size(), id_digits);
  const std::string_view secret = summed.substr(prefix.size() + id_digits + 1);
  if (text[prefix.size() + id_digits] != '_' || !are_digits(id) || !are_digits(secret)) return std::nullopt;
  if (checksum_of(summed) != text.substr(summed.size())) return std::nullopt;
  return TokenText{std::string(id), std::string(secret)};
}

Hash hash_of_secret(const TokenText& token) {
  return sha256(token.secret);
}

bool same_hash(const Hash& a, const Hash& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace settle
