#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schemas/keywords.h"
#include "schemas/schema.h"

namespace settle {

/// A document, or a part of one with an $id of its own.
struct SchemaResource {
  /// A place with a plain name.
  struct Anchor {
    const Json* place = nullptr;
    std::string pointer;   ///< of the place in the document
    bool dynamic = false;  ///< by $dynamicAnchor
  };

  std::string uri;  ///< absolute where there was anything absolute to begin with; no fragment
  const Json* root = nullptr;
  std::string pointer;   ///< of the root in its document
  bool outside = false;  ///< not part of the document that is compiled
  SchemaDialect dialect;
  std::map<std::string, Anchor, std::less<>> anchors = {};
};

/// A place in some document, and the resource that it belongs to.
struct SchemaSpot {
  const Json* place = nullptr;
  const SchemaResource* resource = nullptr;
  std::string pointer;  ///< of the place in its document
  std::string anchor;   ///< its name, where the reference used a name with $dynamicAnchor; else empty
};

/// Knows where references lead: the resources of the compiled document, of preloaded documents and of the bundled
/// meta-schemas, and the anchors in them. Documents are read for identifiers when a reference first leads to them.
/// Thread: one.
class SchemaRegistry {
 public:
  /// Called for everything wrong with identifiers: resource, JSON Pointer in its document, code, expected, got,
  /// message.
  using Complain = std::function<void(const SchemaResource& resource, std::string pointer, std::string code,
                                      std::string expected, const Json& got, std::string message)>;

  SchemaRegistry(const SchemaOptions& options, Complain complain);

  /// The resource of the compiled document.
  const SchemaResource& add_document(const Json& document);

  /// Where `reference` leads from a place in `from`. Errors: not_found, with what is missing in the message.
  Result<SchemaSpot> resolve(const SchemaResource& from, std::string_view reference);

  /// The resource of a subschema of a place in `parent`: its own when it has an $id, else its parent's.
  const SchemaResource& resource_of(const Json& place, const SchemaResource& parent) const;

  const std::deque<SchemaResource>& resources() const { return resources_; }

 private:
  SchemaResource& read_document(const Json& document, const std::string& uri, bool outside);
  SchemaResource* find_resource(const std::string& uri);
  Result<SchemaSpot> resolve_pointer(const SchemaResource& resource, std::string_view pointer);
  void scan(const Json& place, SchemaResource& resource, const std::string& pointer, std::size_t depth);
  void scan_below(const Json& value, SubschemaShape shape, SchemaResource& resource, const std::string& pointer,
                  std::size_t depth);
  SchemaResource& scan_identifiers(const Json& place, SchemaResource& resource, const std::string& pointer);
  void add_anchor(SchemaResource& resource, const std::string& name, SchemaResource::Anchor anchor);
  void add_uri(SchemaResource& resource, const std::string& uri, const std::string& pointer);
  void read_dialect(const Json& place, SchemaResource& resource, const std::string& pointer);
  bool dialect_of(std::string_view uri, SchemaDialect& dialect, std::string& problem, int depth);
  bool vocabularies_of(const Json& vocabularies, SchemaDialect& dialect, std::string& problem);

  const SchemaOptions& options_;
  Complain complain_;
  std::deque<SchemaResource> resources_;
  std::map<std::string, SchemaResource*, std::less<>> by_uri_;
  std::unordered_map<const Json*, SchemaResource*> places_;  ///< every place known to be a schema
};

}  // namespace settle
