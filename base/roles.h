#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace settle {

/// What a token may do (docs/roles.md). The numbers are stored.
enum class Role : std::uint8_t { planner = 0, approver = 1, operator_ = 2, auditor = 3, admin = 4 };
inline constexpr std::array all_roles = {Role::planner, Role::approver, Role::operator_, Role::auditor, Role::admin};

/// "planner", "approver", "operator", "auditor", "admin".
std::string_view name_of(Role role);
std::optional<Role> role_of(std::string_view name);

/// A set of roles. A token has at least one.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= bit(role);
  }
  static constexpr Roles all() { return {Role::planner, Role::approver, Role::operator_, Role::auditor, Role::admin}; }
  /// From its stored form; null when a bit stands for no role.
  static constexpr std::optional<Roles> of_bits(std::uint32_t bits) {
    if ((bits & ~all().bits_) != 0) return std::nullopt;
    Roles out;
    out.bits_ = bits;
    return out;
  }

  constexpr void add(Role role) { bits_ |= bit(role); }
  constexpr bool has(Role role) const { return (bits_ & bit(role)) != 0; }
  constexpr bool meets(Roles other) const { return (bits_ & other.bits_) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint32_t bits() const { return bits_; }
  friend constexpr bool operator==(Roles, Roles) = default;

 private:
  static constexpr std::uint32_t bit(Role role) { return std::uint32_t{1} << static_cast<unsigned>(role); }
  std::uint32_t bits_ = 0;
};

}  // namespace settle
