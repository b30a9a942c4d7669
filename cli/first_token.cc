#include "cli/first_token.h"

#include <filesystem>

#include "cli/private_file.h"

namespace settle {

std::string first_token_file(const std::string& data_folder) {
  return (std::filesystem::path(data_folder) / "admin.token").string();
}

Result<TokenText> keep_first_token(const std::string& file) {
  const TokenText token = fresh_token();
  const Result<bool> made = make_private_file(file, write_token(token));
  if (!made) return made.error();
  if (*made) return token;
  // That of a start that was cut off, perhaps.
  const Result<std::optional<std::string>> text = read_private_file(file);
  if (!text) return text.error();
  std::optional<TokenText> there = *text ? read_token(**text) : std::nullopt;
  if (there) return *std::move(there);
  return fail(ErrorCode::configuration,
              "the store has no tokens, and " + file +
                  " stands in the place of the first one without being it; move that file away and start again");
}

}  // namespace settle
