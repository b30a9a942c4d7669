#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace settle {

/// A token as its holder has it: "settle_" ID "_" SECRET CHECKSUM, in digits of base32hex: 16 of the id (80 bits), 52
/// of the secret (256 bits), 7 of the CRC-32C over all before it, which tells a mistyped token from a wrong one and
/// lets scanners find leaked ones. Never stored, logged or put into a URL.
struct TokenText {
  std::string id;
  std::string secret;
};

/// A new one, from the system's randomness.
TokenText fresh_token();

std::string write_token(const TokenText& token);
/// Null: it is none, or was mistyped.
std::optional<TokenText> read_token(std::string_view text);

/// What is stored of the secret. 256 random bits need no salt and no slow hash.
Hash hash_of_secret(const TokenText& token);

/// Takes the same time whatever the difference.
bool same_hash(const Hash& a, const Hash& b);

}  // namespace settle
