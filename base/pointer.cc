#include "base/pointer.h"

#include "base/text.h"

namespace settle {
namespace {

/// `text` with ~0 and ~1 resolved, or null when a ~ stands before anything else.
std::optional<std::string> unescape_token(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') {
      out += text[i];
      continue;
    }
    if (++i == text.size() || (text[i] != '0' && text[i] != '1')) return std::nullopt;
    out += text[i] == '0' ? '~' : '/';
  }
  return out;
}

}  // namespace

std::optional<Pointer> Pointer::parse(std::string_view text) {
  Pointer out;
  while (!text.empty()) {
    if (text.front() != '/') return std::nullopt;
    text.remove_prefix(1);
    const std::size_t length = std::min(text.find('/'), text.size());
    std::optional<std::string> token = unescape_token(text.substr(0, length));
    if (!token) return std::nullopt;
    out.tokens.push_back(std::move(*token));
    text.remove_prefix(length);
  }
  return out;
}

std::string Pointer::text() const {
  std::string out;
  for (const std::string& token : tokens) out.append(1, '/').append(escape_token(token));
  return out;
}

const Json* Pointer::find(const Json& document) const {
  const Json* at = &document;
  for (const std::string& token : tokens) {
    if (at->is_array()) {
      const std::optional<std::size_t> index = parse_index(token);
      at = index && *index < at->size() ? &at->as_array()[*index] : nullptr;
    } else {
      at = at->find(token);
    }
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string escape_token(std::string_view token) {
  std::string out;
  out.reserve(token.size());
  for (const char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace settle
