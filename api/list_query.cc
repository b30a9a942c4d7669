#include "api/list_query.h"

#include "base/text.h"

namespace settle {
namespace {

template <class Enum>
Result<std::optional<Enum>> choice_of(const std::string* given, std::string_view name,
                                      std::initializer_list<Enum> choices) {
  if (given == nullptr) return std::optional<Enum>();
  std::string known;
  for (const Enum choice : choices) {
    if (name_of(choice) == *given) return std::optional<Enum>(choice);
    known += (known.empty() ? "" : ", ") + std::string(name_of(choice));
  }
  return fail(ErrorCode::invalid_argument,
              "\"" + std::string(name) + "\" takes one of " + known + ", not \"" + shorten(*given, 60) + "\"");
}

}  // namespace

Result<ListQuery> read_list_query(const std::function<const std::string*(std::string_view)>& value) {
  ListQuery query;
  using enum WorkflowStatus;
  const auto status = choice_of(value("status"), "status", {running, paused, cancelling, compensating, ended});
  if (!status) return status.error();
  const auto outcome = choice_of(
      value("outcome"), "outcome",
      {WorkflowOutcome::verified, WorkflowOutcome::executed, WorkflowOutcome::failed, WorkflowOutcome::cancelled});
  if (!outcome) return outcome.error();
  query.status = *status;
  query.outcome = *outcome;
  if (const std::string* attention = value("attention")) {
    if (*attention != "true" && *attention != "false")
      return fail(ErrorCode::invalid_argument, "\"attention\" takes true or false");
    query.attention = *attention == "true";
  }
  if (const std::string* name = value("name")) query.name = *name;
  if (const std::string* tool = value("tool")) query.tool = *tool;
  if (const std::string* label = value("label")) {
    const std::size_t colon = label->find(':');
    if (colon == std::string::npos || colon == 0)
      return fail(ErrorCode::invalid_argument, "\"label\" takes NAME:VALUE");
    query.label_name = label->substr(0, colon);
    query.label_value = label->substr(colon + 1);
  }
  for (const auto& [name, target] :
       {std::pair{"created_after", &query.created_after}, std::pair{"created_before", &query.created_before}}) {
    const std::string* given = value(name);
    if (given == nullptr) continue;
    *target = parse_time(*given);
    if (!*target)
      return fail(ErrorCode::invalid_argument,
                  "\"" + std::string(name) + "\" takes a time of RFC 3339, such as 2026-11-22T20:00:00Z");
  }
  return query;
}

}  // namespace settle
