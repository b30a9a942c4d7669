#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/pointer.h"

namespace settle {

/// What references can see: named roots ("input", "actions", …), each a value owned by somebody else for the moment.
class Scope {
 public:
  /// A root whose members are looked up by a function of its own, for roots that are not one JSON value.
  using Lookup = const Json* (*)(const void* owner, const std::vector<std::string>& tokens);

  void add(std::string_view name, const Json* value) { roots_.push_back({name, value, nullptr, nullptr}); }
  void add(std::string_view name, const void* owner, Lookup lookup) {
    roots_.push_back({name, nullptr, owner, lookup});
  }
  /// The value at `place`, or null. `place.tokens[0]` names the root.
  const Json* find(const Pointer& place) const;

 private:
  struct Root {
    std::string_view name;
    const Json* value;
    const void* owner;
    Lookup lookup;
  };
  std::vector<Root> roots_;
};

/// The value at `tokens[from…]` below `value`, or null.
const Json* find_below(const Json& value, const std::vector<std::string>& tokens, std::size_t from);

/// Configured values, by name: what `${name}` stands for.
using Values = std::map<std::string, std::string, std::less<>>;

/// A JSON value with places to fill: {"$from": P}, {"$text": T} and {"$literal": V} (CONTRACT §3). Compiled once,
/// resolved often; filled-in values are never read as templates again. Immutable. Thread: any.
class Template {
 public:
  struct Reference {
    Pointer source;     ///< what it takes
    std::string place;  ///< JSON Pointer of the template that takes it, relative to the compiled document
    bool text = false;  ///< interpolated: only strings and numbers will do
  };

  /// Compiles `document`; problems are appended with `place` in front of their pointers: template_malformed,
  /// template_unknown_value (a `${name}` that is not configured). `values` null: `${name}` is not allowed (plans).
  static Template compile(const Json& document, const std::string& place, const Values* values,
                          std::vector<Problem>& problems);

  bool is_constant() const { return references_.empty(); }
  /// What resolve() would give whatever the scope, where that stands ready: shared instead of copied. Else null.
  std::shared_ptr<const Json> constant() const;
  const std::vector<Reference>& references() const { return references_; }

  /// The value with every place filled. Errors: invalid_argument, naming the reference that is absent or has the wrong
  /// type.
  Result<Json> resolve(const Scope& scope) const;

  /// A place that can't be filled yet.
  struct Hole {
    std::string place;             ///< JSON Pointer into the resolved value
    std::vector<Pointer> sources;  ///< what is missing; none: the template itself is wrong, which was noted
    bool text = false;
    std::size_t length_least = 0;  ///< of a $text: the characters that are there whatever fills it
  };
  /// The value as far as `scope` tells: what it has not stays null and is listed in `holes`.
  Json resolve_known(const Scope& scope, std::vector<Hole>& holes) const;

  /// A string for a header or a URL: the template must be a plain string or a $text. With `encode`, every value that
  /// comes from the scope (never a constant or a configured one) is percent-encoded by RFC 3986 §2.3; a path segment
  /// that becomes empty, "." or ".." by it is refused. Errors: invalid_argument.
  Result<std::string> resolve_text(const Scope& scope, bool encode) const;

  /// The constant text before the first place that is filled from the scope; for the check that hosts are constant.
  std::string constant_prefix() const;
  bool is_text() const;

  Template();
  Template(const Template&);
  Template(Template&&) noexcept;
  Template& operator=(const Template&);
  Template& operator=(Template&&) noexcept;
  ~Template();

 private:
  struct Node;
  static std::shared_ptr<const Node> compile_node(const Json& document, const std::string& place, const Values* values,
                                                  std::vector<Problem>& problems, std::vector<Reference>& references);
  std::shared_ptr<const Node> root_;
  std::vector<Reference> references_;
};

}  // namespace settle
