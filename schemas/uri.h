#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace settle {

/// A URI reference, split at its fragment. Views into the text it was split from.
struct UriParts {
  std::string_view uri;                      ///< everything before the first "#"
  std::optional<std::string_view> fragment;  ///< without the "#"; null when there is none
};
UriParts split_fragment(std::string_view reference);

/// `reference` resolved against `base` (RFC 3986 §5.2), dot segments removed; the fragment of `base` never counts. With
/// an empty base it is the reference itself. Any text gives some text: what is no URI is compared like one.
std::string resolve_uri(std::string_view base, std::string_view reference);

/// Percent-encodings decoded; null when one of them is broken.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace settle
