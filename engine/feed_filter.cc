#include "engine/feed_filter.h"

#include <algorithm>

namespace settle {

bool is_type_pattern(std::string_view text) {
  if (text == "*") return true;
  if (text.ends_with(".*")) text.remove_suffix(2);
  if (text.empty() || text.size() > 200) return false;
  bool word = false;  // words of letters, digits, '_' and '-', with one dot between them
  for (const char c : text) {
    const bool letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!letter && (c != '.' || !word)) return false;
    word = letter;
  }
  return word;
}

bool fits_type(std::string_view pattern, std::string_view type) {
  if (pattern == "*") return true;
  if (!pattern.ends_with(".*")) return pattern == type;
  pattern.remove_suffix(1);  // its dot stays
  return type.size() > pattern.size() && type.starts_with(pattern);
}

bool fits(const EventFilter& filter, const FeedEvent& event) {
  const auto any = [](const auto& list, const auto& holds) {
    return list.empty() || std::any_of(list.begin(), list.end(), holds);
  };
  const std::string type = outside_type(event);
  if (!any(filter.types, [&](const std::string& pattern) { return fits_type(pattern, type); })) return false;
  if (event.about == nullptr) return filter.workflows.empty() && filter.labels.empty();
  const FeedWorkflow& about = *event.about;
  if (!any(filter.workflows, [&](const std::string& name) { return name == about.name; })) return false;
  return std::all_of(filter.labels.begin(), filter.labels.end(), [&](const auto& wanted) {
    const auto found = about.labels.find(wanted.first);
    return found != about.labels.end() && found->second == wanted.second;
  });
}

}  // namespace settle
