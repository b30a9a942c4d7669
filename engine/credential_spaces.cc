#include "engine/credential_spaces.h"

#include <algorithm>

#include "base/pointer.h"
#include "storage/access_codec.h"

namespace settle {

void CredentialSpaces::check(const Json& document, const std::string& name_space,
                             std::vector<Problem>& problems) const {
  check_below(document, "", name_space, problems);
}

/// One that is not configured yet may become anybody's, so only `default`, whose owner configures, may name it.
bool CredentialSpaces::is_open_to(const std::string& credential, const std::string& name_space) const {
  const auto known = spaces_.find(credential);
  if (known == spaces_.end()) return name_space == "default";
  const auto open = [&](const std::string& one) { return one == name_space || one == all_name_spaces; };
  return std::any_of(known->second.begin(), known->second.end(), open);
}

void CredentialSpaces::check_below(const Json& value, const std::string& place, const std::string& name_space,
                                   std::vector<Problem>& problems) const {
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      check_below(value.as_array()[i], place + "/" + std::to_string(i), name_space, problems);
  }
  if (!value.is_object()) return;
  const Json* auth = value.find("connector") == nullptr ? nullptr : value.find("auth");
  if (auth != nullptr && auth->is_string() && !is_open_to(auth->as_string(), name_space))
    problems.push_back(
        {place + "/auth", "credential_not_here", "a credential of this namespace", auth->as_string(),
         "credential \"" + auth->as_string() + "\" is not for tools of namespace \"" + name_space + "\""});
  for (const JsonMember& member : value.as_object())
    check_below(member.value, place + "/" + escape_token(member.name), name_space, problems);
}

}  // namespace settle
