#include "base/roles.h"

#include "base/error.h"

namespace settle {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::planner:
      return "planner";
    case Role::approver:
      return "approver";
    case Role::operator_:
      return "operator";
    case Role::auditor:
      return "auditor";
    case Role::admin:
      return "admin";
  }
  SETTLE_ASSERT(false);
  return {};
}

std::optional<Role> role_of(std::string_view name) {
  for (const Role role : all_roles) {
    if (name_of(role) == name) return role;
  }
  return std::nullopt;
}

}  // namespace settle
