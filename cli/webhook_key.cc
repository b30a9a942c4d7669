#include "cli/webhook_key.h"

#include <openssl/rand.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "base/hash.h"
#include "cli/private_file.h"

namespace settle {
namespace {

constexpr std::string_view prefix = "settle-webhook-key ";
constexpr std::size_t key_bytes = 32;

/// Null: these are no 64 hexadecimal digits.
std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() != 2 * key_bytes) return std::nullopt;
  std::string bytes;
  constexpr std::string_view digits = "0123456789abcdef";
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = digits.find(text[i]), low = digits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

}  // namespace

std::string webhook_key_file(const std::string& data_folder) {
  return (std::filesystem::path(data_folder) / "webhook.key").string();
}

Result<std::string> keep_webhook_key(const std::string& file) {
  std::error_code unknown;  // then it is tried, and said what is wrong
  if (!std::filesystem::exists(file, unknown)) {
    std::array<unsigned char, key_bytes> random{};
    SETTLE_ASSERT(RAND_priv_bytes(random.data(), static_cast<int>(random.size())) == 1);
    const std::string_view bytes(reinterpret_cast<const char*>(random.data()), random.size());
    const Result<bool> made = make_private_file(file, std::string(prefix) + to_hex(bytes));
    if (!made) return made.error();
  }
  const Result<std::optional<std::string>> text = read_private_file(file);
  if (!text) return text.error();
  const bool named = *text && (*text)->starts_with(prefix);
  std::optional<std::string> key = named ? from_hex(std::string_view(**text).substr(prefix.size())) : std::nullopt;
  if (key) return *std::move(key);
  return fail(ErrorCode::configuration,
              file +
                  " is no key that only its owner can read; put back the one that was there, or move it away and "
                  "rotate the secrets of subscriptions");
}

}  // namespace settle
