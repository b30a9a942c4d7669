#include "schemas/uri.h"

#include <algorithm>

namespace settle {
namespace {

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// The five parts of RFC 3986 §3, each with its delimiter: "http:", "//host", "/path", "?query", "#fragment".
struct Split {
  std::string_view scheme, authority, path, query, fragment;
};

Split split(std::string_view text) {
  Split out;
  const std::size_t colon = text.find_first_of(":/?#");
  if (colon != std::string_view::npos && colon > 0 && text[colon] == ':' && is_alpha(text.front())) {
    out.scheme = text.substr(0, colon + 1);
    text.remove_prefix(colon + 1);
  }
  const std::size_t hash = std::min(text.find('#'), text.size());
  out.fragment = text.substr(hash);
  text = text.substr(0, hash);
  const std::size_t question = std::min(text.find('?'), text.size());
  out.query = text.substr(question);
  text = text.substr(0, question);
  if (text.starts_with("//")) {
    const std::size_t end = std::min(text.find('/', 2), text.size());
    out.authority = text.substr(0, end);
    text.remove_prefix(end);
  }
  out.path = text;
  return out;
}

/// RFC 3986 §5.2.4.
std::string without_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./")) {
      path.remove_prefix(2);
    } else if (path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/.") {
      path = "/";
    } else if (path.starts_with("/../") || path == "/..") {
      path = path == "/.." ? std::string_view("/") : path.substr(3);
      out.erase(std::min(out.rfind('/'), out.size()));
    } else if (path == "." || path == "..") {
      path = {};
    } else {
      const std::size_t end = std::min(path.find('/', 1), path.size());
      out.append(path.substr(0, end));
      path.remove_prefix(end);
    }
  }
  return out;
}

/// RFC 3986 §5.2.3.
std::string merged_path(const Split& base, std::string_view path) {
  if (!base.authority.empty() && base.path.empty()) return "/" + std::string(path);
  const std::size_t slash = base.path.rfind('/');
  return std::string(slash == std::string_view::npos ? std::string_view() : base.path.substr(0, slash + 1))
      .append(path);
}

}  // namespace

UriParts split_fragment(std::string_view reference) {
  const std::size_t hash = reference.find('#');
  if (hash == std::string_view::npos) return {reference, std::nullopt};
  return {reference.substr(0, hash), reference.substr(hash + 1)};
}

std::string resolve_uri(std::string_view base, std::string_view reference) {
  if (base.empty()) return std::string(reference);
  const Split from = split(base), to = split(reference);
  std::string out;
  if (!to.scheme.empty() || !to.authority.empty()) {
    out.append(to.scheme.empty() ? from.scheme : to.scheme).append(to.authority);
    // The path of a URN has no hierarchy, so it has no dot segments either.
    const bool hierarchy = !to.authority.empty() || to.path.starts_with('/');
    out.append(hierarchy ? without_dot_segments(to.path) : std::string(to.path)).append(to.query);
  } else {
    out.append(from.scheme).append(from.authority);
    if (to.path.empty()) {
      out.append(from.path).append(to.query.empty() ? from.query : to.query);
    } else {
      out.append(without_dot_segments(to.path.starts_with('/') ? std::string(to.path) : merged_path(from, to.path)));
      out.append(to.query);
    }
  }
  return out.append(to.fragment);
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace settle
