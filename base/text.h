#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace settle {

/// A decimal array index without sign or leading zeros (RFC 6901 §4), or null.
std::optional<std::size_t> parse_index(std::string_view text);

/// `text` cut to `bytes_max` at a character boundary, with "…" when something was cut.
std::string shorten(std::string_view text, std::size_t bytes_max);

/// The candidate nearest to `name` by edit distance, or null when none is near (a third of its length, at most 3).
std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates);

/// "; did you mean "NAME"?" for the end of a message, or nothing where there is no name.
std::string did_you_mean(const std::optional<std::string>& name);

/// ASCII letters in lower case.
std::string to_lower(std::string_view text);

/// True for the names that Settle gives to things: 1 to `length_max` of A-Z a-z 0-9 . _ ~ -, not starting with a dot.
/// Workflow ids, action ids, labels and namespaces are such names; keys of the store rest on it (no NUL inside).
bool is_name(std::string_view text, std::size_t length_max = 128);

}  // namespace settle
