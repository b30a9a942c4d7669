#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workflows/plan_parts.h"
#include "workflows/schema_fit.h"

namespace settle {

/// What is known of a referred place before the run: its value, or the schemas of the tools that may produce it (the
/// action's own, its fallback's), or nothing.
struct PlanSource {
  const Json* constant = nullptr;
  std::vector<SchemaView> views;
};

/// Follows the references of one action at a time. Internal to the room.
class PlanSources {
 public:
  PlanSources(const Plan& plan, std::vector<Problem>& problems, std::vector<Problem>& warnings)
      : plan_(plan), problems_(problems), warnings_(warnings) {}

  /// From here on references are those of this action, outside of a `for_each`.
  void enter(std::size_t index);
  /// The action's `for_each` runs over these elements, or over what this reference gives.
  void over(const Json::Array* elements) { elements_ = elements; }
  void over(std::optional<PlanSource> list) { list_ = std::move(list); }

  /// Notes what is wrong with a reference by itself: it leads nowhere, or a $text would take what is no text. A warning
  /// when the value may be missing at run time, unless that is what is asked (`may_be_absent`).
  void check(const Template::Reference& reference, CallRole role, bool may_be_absent);
  /// The same place once more, without notes. Null: it leads nowhere.
  std::optional<PlanSource> follow(const Pointer& source, CallRole role) { return follow(source, role, nullptr); }

 private:
  std::optional<PlanSource> follow(const Pointer& source, CallRole role, const std::string* place);
  std::optional<PlanSource> follow_constant(const Json& root, const Pointer& source, const std::string* place,
                                            const std::string& what);
  std::optional<PlanSource> follow_action(const Pointer& source, CallRole role, const std::string* place);
  bool add_view(PlanSource& out, const PlanAction& other, const Tool& tool, bool listed, const Pointer& source,
                const std::string* place);
  std::optional<PlanSource> follow_item(const Pointer& source, const std::string* place);
  bool possible(const SchemaView& view, std::size_t base, const Pointer& source, const std::string* place,
                const std::string& whose);
  std::string elsewhere(const Pointer& source) const;
  bool is_upstream(ActionIndex of, ActionIndex what) const;
  const PlanAction& action() const { return plan_.actions[index_]; }
  /// Notes a problem where notes are wanted.
  void problem(const std::string* place, std::string code, std::string expected, std::string got, std::string message,
               std::string suggestion = {});

  const Plan& plan_;
  std::vector<Problem>& problems_;
  std::vector<Problem>& warnings_;
  std::size_t index_ = 0;
  const Json::Array* elements_ = nullptr;
  std::optional<PlanSource> list_;
};

}  // namespace settle
