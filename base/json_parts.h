#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"

namespace settle {

// What documents are put together from and taken apart into. Thread: any.

inline Json time_or_null(const std::optional<Time>& time) {
  return time ? Json(format_time(*time)) : Json();
}

inline Json text_or_null(std::string_view text) {
  return text.empty() ? Json() : Json(text);
}

/// An object of texts, such as labels.
inline Json texts_document(const std::map<std::string, std::string>& texts) {
  Json out = Json::object();
  for (const auto& [name, value] : texts) out.set(name, value);
  return out;
}

/// The member `name` where it is a text, else "".
inline std::string text_member(const Json& document, std::string_view name) {
  const Json* value = document.find(name);
  return value != nullptr && value->is_string() ? value->as_string() : "";
}

}  // namespace settle
