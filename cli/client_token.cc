#include "cli/client_token.h"

#include <algorithm>
#include <fstream>

namespace settle {

namespace {

Result<std::string> read_token_file(const std::string& file) {
  constexpr std::size_t kBytesMax = 4'096;
  std::ifstream in(file, std::ios::binary);
  std::string text(kBytesMax + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.eof() && in.fail()) return fail(ErrorCode::io_error, "the token file " + file + " can't be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  const bool one_line =
      std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 33; });
  if (one_line && !text.empty() && text.size() <= kBytesMax) return text;
  return fail(ErrorCode::invalid_argument, "the token file " + file + " does not hold one token in one line");
}

}  // namespace

Result<std::string> client_token(const std::string& file, const std::function<const char*(const char*)>& environment) {
  if (!file.empty()) return read_token_file(file);
  if (const char* token = environment("SETTLE_TOKEN"); token != nullptr && *token != '\0') return std::string(token);
  if (const char* named = environment("SETTLE_TOKEN_FILE"); named != nullptr && *named != '\0')
    return read_token_file(named);
  return std::string();
}

}  // namespace settle
