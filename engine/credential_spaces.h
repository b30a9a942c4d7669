#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/problem.h"

namespace settle {

/// The namespaces whose tools may name a credential, as `credentials.NAME.namespaces` of the configuration has them. A
/// credential is what a tool may do outside, so a tool of a namespace must not take that of another. Immutable.
/// Thread: any.
class CredentialSpaces {
 public:
  using ByName = std::map<std::string, std::vector<std::string>, std::less<>>;

  /// None is configured.
  CredentialSpaces() = default;
  /// By name of the credential; "*" stands for all namespaces.
  explicit CredentialSpaces(ByName spaces) : spaces_(std::move(spaces)) {}

  /// Notes every call of the tool document that names a credential which is not for `name_space`: credential_not_here.
  void check(const Json& document, const std::string& name_space, std::vector<Problem>& problems) const;

  bool is_open_to(const std::string& credential, const std::string& name_space) const;

 private:
  void check_below(const Json& value, const std::string& place, const std::string& name_space,
                   std::vector<Problem>& problems) const;

  ByName spaces_;
};

}  // namespace settle
