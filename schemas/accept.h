#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "schemas/node.h"

namespace settle {

/// Which members or elements of one instance were looked at by keywords that accepted it: what unevaluatedProperties
/// and unevaluatedItems leave alone.
class SchemaSeen {
 public:
  explicit SchemaSeen(std::size_t size) : size_(size) {
    if (size > 64) many_.resize((size + 63) / 64);
  }
  void mark(std::size_t index) {
    if (size_ <= 64) {
      few_ |= std::uint64_t{1} << index;
    } else {
      many_[index / 64] |= std::uint64_t{1} << index % 64;
    }
  }
  void mark_all() { all_ = true; }
  bool has(std::size_t index) const {
    return all_ || ((size_ <= 64 ? few_ >> index : many_[index / 64] >> index % 64) & 1) != 0;
  }
  void add(const SchemaSeen& other) {
    all_ = all_ || other.all_;
    few_ |= other.few_;
    for (std::size_t i = 0; i < many_.size(); ++i) many_[i] |= other.many_[i];
  }

 private:
  std::size_t size_;
  bool all_ = false;
  std::uint64_t few_ = 0;
  std::vector<std::uint64_t> many_;
};

/// Evaluations may be nested so deep: instances times references on the way.
inline constexpr std::size_t schema_depth_max = 2000;

/// Decides whether instances fit nodes of one program; says nothing about why. One for one evaluation. Thread: one.
class SchemaAcceptor {
 public:
  explicit SchemaAcceptor(const SchemaProgram& program) : program_(program), steps_left_(program.options.steps_max) {}

  /// False also when the limits of steps or of depth were reached: then exhausted() is true, and nothing that was
  /// answered counts. `seen` may be null.
  bool accepts(const SchemaNode& node, const Json& value, SchemaSeen* seen = nullptr);
  bool exhausted() const { return exhausted_; }

  /// The same without unevaluatedProperties and unevaluatedItems; `seen` must be new.
  bool accepts_but_unevaluated(const SchemaNode& node, const Json& value, SchemaSeen& seen);

  // The single rules, for the report.
  bool fits_choices(const SchemaChoices& rules, const Json& value);
  bool fits_pattern(const SchemaPattern& pattern, std::string_view text);
  static bool fits_bounds(const SchemaNumberRules& rules, const Json& value);
  static bool is_multiple(const SchemaNumberRules& rules, const Json& value);
  static bool is_integral(const Json& value);
  /// The index of an element that equals an earlier one; the number of elements when there is none.
  std::size_t repeated_element(const Json::Array& elements);
  const SchemaNode* dynamic_target(const SchemaDynamic& reference) const;
  bool spend(std::uint64_t steps) {
    if (steps > steps_left_) {
      exhausted_ = true;
      steps_left_ = 0;
      return false;
    }
    steps_left_ -= steps;
    return true;
  }

  /// While it lives, the dynamic scope includes the resource of `node`, and the depth is one more.
  class Inside;

 private:
  struct Scope {
    const Scope* up;
    const SchemaResource* resource;
  };

  bool fits(const SchemaNode& node, const Json& value);
  bool refers(const SchemaNode& node, const Json& value);
  bool members(const SchemaObjectRules& rules, const Json::Object& members);
  bool elements(const SchemaArrayRules& rules, const Json::Array& elements);
  bool accepts_rules(const SchemaNode& node, const Json& value, SchemaSeen* seen);
  bool accepts_tracked(const SchemaNode& node, const Json& value, SchemaSeen* seen);
  bool accepts_leaf(const SchemaNode& node, const Json& value);
  bool accepts_all(const SchemaNode& node, const Json& value, SchemaSeen* seen);
  static bool fits_integer(const SchemaNumberRules& rules, std::int64_t integer);
  bool fits_length(const SchemaStringRules& rules, std::string_view text);
  bool fits_count(const SchemaStringRules& rules, std::string_view text);
  bool string(const SchemaStringRules& rules, std::string_view text);
  bool number(const SchemaNumberRules& rules, const Json& value);
  bool object(const SchemaObjectRules& rules, const Json::Object& members, SchemaSeen* seen);
  bool known_members(const SchemaObjectRules& rules, const Json::Object& members);
  bool member(const SchemaObjectRules& rules, const SchemaMember* row, const JsonMember& member, bool& matched);
  bool array(const SchemaArrayRules& rules, const Json::Array& elements, SchemaSeen* seen);
  bool contains(const SchemaArrayRules& rules, const Json::Array& elements, SchemaSeen* seen);
  bool applicators(const SchemaApplicators& rules, const Json& value, SchemaSeen* seen);
  bool any_of(const SchemaApplicators& rules, const Json& value, SchemaSeen* seen);
  bool one_of(const SchemaApplicators& rules, const Json& value, SchemaSeen* seen);
  bool condition(const SchemaApplicators& rules, const Json& value, SchemaSeen* seen);
  bool dependency(const SchemaDependency& rule, const Json& value, SchemaSeen* seen);
  bool branch(const SchemaNode& node, const Json& value, SchemaSeen* seen);
  bool unevaluated(const SchemaNode& node, const Json& value, SchemaSeen& seen);

  static bool has_type(const SchemaNode& node, const Json& value) {
    return (node.kinds >> static_cast<unsigned>(value.type()) & 1) != 0 || (node.integral && is_integral(value));
  }
  /// Goes one level deeper, which `--depth_` undoes; false where a limit does not allow it.
  bool enter(std::uint64_t steps) {
    if (depth_ >= schema_depth_max) exhausted_ = true;
    if (exhausted_ || !spend(steps)) return false;
    ++depth_;
    return true;
  }

  const SchemaProgram& program_;
  std::uint64_t steps_left_;
  std::size_t depth_ = 0;
  const Scope* scope_ = nullptr;
  bool exhausted_ = false;
};

class SchemaAcceptor::Inside {
 public:
  Inside(SchemaAcceptor& acceptor, const SchemaNode& node) : acceptor_(acceptor), before_(acceptor.scope_) {
    ++acceptor_.depth_;
    if (!acceptor_.program_.dynamic) return;
    for (const Scope* scope = before_; scope != nullptr; scope = scope->up) {
      if (scope->resource == node.resource) return;
    }
    scope_ = {before_, node.resource};
    acceptor_.scope_ = &scope_;
  }
  ~Inside() {
    acceptor_.scope_ = before_;
    --acceptor_.depth_;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  SchemaAcceptor& acceptor_;
  const Scope* before_;
  Scope scope_{nullptr, nullptr};
};

}  // namespace settle
