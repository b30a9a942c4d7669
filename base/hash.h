#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace settle {

using Hash = std::array<std::uint8_t, 32>;

/// SHA-256 (FIPS 180-4). Thread: any.
Hash sha256(std::string_view bytes);

/// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
std::string to_hex(const Hash& hash);

/// "sha256:" and the hexadecimal SHA-256 of these bytes: how documents name a digest.
std::string digest_text(std::string_view bytes);

/// Lower-case base32hex (RFC 4648 §7) without padding.
std::string to_base32hex(std::string_view bytes);
/// The first `digits` of it, five bits each; at most 52.
std::string to_base32hex(const Hash& hash, std::size_t digits);

/// Standard base64 (RFC 4648 §4) with padding.
std::string to_base64(std::string_view bytes);

/// CRC-32C (Castagnoli), for records that need a checksum but no secrecy.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace settle
