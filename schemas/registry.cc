#include "schemas/registry.h"

#include "base/pointer.h"
#include "base/text.h"
#include "schemas/metaschemas.h"
#include "schemas/uri.h"

namespace settle {
namespace {

/// Below this, nesting is a problem that the compiler reports.
constexpr std::size_t scan_depth_max = 200;
/// A meta-schema may be described by another one, and so on.
constexpr int dialect_depth_max = 8;

const std::string* text_of(const Json& place, std::string_view name) {
  const Json* value = place.find(name);
  return value != nullptr && value->is_string() ? &value->as_string() : nullptr;
}

std::string_view without_empty_fragment(std::string_view uri) {
  if (uri.ends_with('#')) uri.remove_suffix(1);
  return uri;
}

bool is_anchor_name(std::string_view name) {
  if (name.empty()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!letter && !(i > 0 && later)) return false;
  }
  return true;
}

}  // namespace

SchemaRegistry::SchemaRegistry(const SchemaOptions& options, Complain complain)
    : options_(options), complain_(std::move(complain)) {}

const SchemaResource& SchemaRegistry::add_document(const Json& document) {
  return read_document(document, options_.base_uri, false);
}

SchemaResource& SchemaRegistry::read_document(const Json& document, const std::string& uri, bool outside) {
  SchemaResource& resource = resources_.emplace_back();
  resource.uri = uri;
  resource.root = &document;
  resource.outside = outside;
  resource.dialect.draft = options_.default_draft;
  by_uri_.emplace(uri, &resource);
  scan(document, resource, "", 0);
  return resource;
}

SchemaResource* SchemaRegistry::find_resource(const std::string& uri) {
  if (const auto known = by_uri_.find(uri); known != by_uri_.end()) return known->second;
  const Json* document = find_metaschema(uri);
  if (document == nullptr && options_.resources != nullptr) {
    const auto preloaded = options_.resources->find(uri);
    if (preloaded != options_.resources->end()) document = &preloaded->second;
  }
  return document == nullptr ? nullptr : &read_document(*document, uri, true);
}

void SchemaRegistry::scan(const Json& place, SchemaResource& resource, const std::string& pointer, std::size_t depth) {
  if (places_.contains(&place) || depth > scan_depth_max) return;
  if (!place.is_object()) {
    places_.emplace(&place, &resource);
    return;
  }
  SchemaResource& own = scan_identifiers(place, resource, pointer);
  places_.emplace(&place, &own);
  for (const JsonMember& member : place.as_object()) {
    const SchemaKeyword* keyword = find_keyword(member.name, own.dialect);
    if (keyword == nullptr || keyword->shape == SubschemaShape::none) continue;
    scan_below(member.value, keyword->shape, own, pointer + "/" + escape_token(member.name), depth);
  }
}

void SchemaRegistry::scan_below(const Json& value, SubschemaShape shape, SchemaResource& resource,
                                const std::string& pointer, std::size_t depth) {
  const bool takes_list = shape == SubschemaShape::list || shape == SubschemaShape::one_or_list;
  if (takes_list && value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      scan(value.as_array()[i], resource, pointer + "/" + std::to_string(i), depth + 1);
    }
    return;
  }
  if ((shape == SubschemaShape::map || shape == SubschemaShape::dependencies) && value.is_object()) {
    for (const JsonMember& member : value.as_object()) {
      if (member.value.is_array()) continue;
      scan(member.value, resource, pointer + "/" + escape_token(member.name), depth + 1);
    }
    return;
  }
  if (shape == SubschemaShape::one || shape == SubschemaShape::one_or_list) scan(value, resource, pointer, depth + 1);
}

/// Reads $schema, $id and the anchors of one place, and returns the resource that the place belongs to.
SchemaResource& SchemaRegistry::scan_identifiers(const Json& place, SchemaResource& resource,
                                                 const std::string& pointer) {
  const bool is_root = resource.root == &place;
  SchemaResource* own = &resource;
  const bool old = resource.dialect.draft == SchemaDraft::draft_07;
  const std::string* id = text_of(place, "$id");
  if (is_root) read_dialect(place, resource, pointer);
  // In draft-07 the siblings of $ref are not there, and an $id that is a fragment alone is an anchor.
  const bool old_here = is_root ? resource.dialect.draft == SchemaDraft::draft_07 : old;
  if (id != nullptr && !(old_here && place.find("$ref") != nullptr)) {
    const UriParts parts = split_fragment(*id);
    if (!parts.uri.empty()) {
      if (!is_root) {
        own = &resources_.emplace_back();
        own->root = &place;
        own->pointer = pointer;
        own->outside = resource.outside;
        own->dialect = resource.dialect;
      }
      const std::string uri = resolve_uri(resource.uri, parts.uri);
      if (!is_root) read_dialect(place, *own, pointer);
      add_uri(*own, uri, pointer);
    }
    const bool names = parts.fragment && !parts.fragment->empty();
    if (names && old_here) {
      add_anchor(*own, std::string(*parts.fragment), {&place, pointer, false});
    } else if (names) {
      complain_(*own, pointer + "/$id", "schema_malformed", "a URI reference without a fragment", Json(*id),
                "in 2020-12 $id has no fragment; a name is given by $anchor");
    }
  }
  if (own->dialect.draft == SchemaDraft::draft_07) return *own;
  for (const bool dynamic : {false, true}) {
    const std::string_view keyword = dynamic ? "$dynamicAnchor" : "$anchor";
    const std::string* name = text_of(place, keyword);
    if (name == nullptr) continue;
    if (!is_anchor_name(*name)) {
      complain_(*own, pointer + "/" + std::string(keyword), "schema_malformed",
                "a name of letters, digits, \"-\", \"_\" and \".\" that begins with a letter or \"_\"", Json(*name),
                "this is no name for an anchor");
      continue;
    }
    add_anchor(*own, *name, {&place, pointer, dynamic});
  }
  return *own;
}

void SchemaRegistry::add_anchor(SchemaResource& resource, const std::string& name, SchemaResource::Anchor anchor) {
  const auto [row, added] = resource.anchors.try_emplace(name, anchor);
  if (added) return;
  if (row->second.place == anchor.place) {
    row->second.dynamic = row->second.dynamic || anchor.dynamic;
    return;
  }
  complain_(resource, anchor.pointer, "schema_malformed", "each name once in a resource", Json(name),
            "the anchor \"" + shorten(name, 80) + "\" stands at " + row->second.pointer + " already");
}

void SchemaRegistry::add_uri(SchemaResource& resource, const std::string& uri, const std::string& pointer) {
  resource.uri = uri;
  const auto [row, added] = by_uri_.try_emplace(uri, &resource);
  if (added || row->second == &resource || row->second->outside != resource.outside) return;
  complain_(resource, pointer + "/$id", "schema_malformed", "each identifier once", Json(uri),
            "the identifier \"" + shorten(uri, 200) + "\" stands at \"" + row->second->pointer + "\" already");
}

void SchemaRegistry::read_dialect(const Json& place, SchemaResource& resource, const std::string& pointer) {
  const std::string* uri = text_of(place, "$schema");
  if (uri == nullptr) return;
  std::string problem;
  if (dialect_of(without_empty_fragment(*uri), resource.dialect, problem, 0)) return;
  complain_(resource, pointer + "/$schema", "schema_dialect",
            "\"https://json-schema.org/draft/2020-12/schema\" (or draft-07), or no $schema", Json(*uri),
            std::move(problem));
}

/// Puts the dialect that the meta-schema `uri` describes into `dialect`; false with the problem where that can't be.
bool SchemaRegistry::dialect_of(std::string_view uri, SchemaDialect& dialect, std::string& problem, int depth) {
  if (uri == "https://json-schema.org/draft/2020-12/schema") {
    dialect = {SchemaDraft::draft_2020_12, vocabulary::standard};
    return true;
  }
  if (uri == "http://json-schema.org/draft-07/schema") {
    dialect = {SchemaDraft::draft_07, vocabulary::standard};
    return true;
  }
  const Json* metaschema = find_metaschema(uri);
  if (metaschema == nullptr && options_.resources != nullptr) {
    const auto found = options_.resources->find(uri);
    if (found != options_.resources->end()) metaschema = &found->second;
  }
  const std::string* described = metaschema == nullptr ? nullptr : text_of(*metaschema, "$schema");
  if (metaschema == nullptr || depth == dialect_depth_max) {
    problem = "the dialect \"" + shorten(uri, 200) + "\" is not known here";
    return false;
  }
  if (described != nullptr && without_empty_fragment(*described) != uri &&
      !dialect_of(without_empty_fragment(*described), dialect, problem, depth + 1)) {
    return false;
  }
  const Json* vocabularies = metaschema->find("$vocabulary");
  if (vocabularies == nullptr || dialect.draft == SchemaDraft::draft_07) return true;
  return vocabularies_of(*vocabularies, dialect, problem);
}

bool SchemaRegistry::vocabularies_of(const Json& vocabularies, SchemaDialect& dialect, std::string& problem) {
  dialect.vocabularies = vocabulary::core;
  for (std::size_t i = 0; i < vocabularies.size() && vocabularies.is_object(); ++i) {
    const auto& [uri, needed] = vocabularies.as_object()[i];
    const std::uint8_t bit = vocabulary::of_uri(uri);
    dialect.vocabularies |= bit;
    if (bit != 0 || !(needed == Json(true))) continue;
    problem = "the meta-schema requires the vocabulary \"" + shorten(uri, 200) + "\", which is not known here";
    return false;
  }
  return true;
}

Result<SchemaSpot> SchemaRegistry::resolve(const SchemaResource& from, std::string_view reference) {
  const UriParts parts = split_fragment(reference);
  const SchemaResource* target = &from;
  if (!parts.uri.empty()) {
    const std::string uri = resolve_uri(from.uri, parts.uri);
    target = find_resource(std::string(without_empty_fragment(uri)));
    if (target == nullptr) {
      return fail(ErrorCode::not_found,
                  "there is no schema \"" + shorten(uri, 200) + "\" here, and nothing is fetched");
    }
  }
  const std::optional<std::string> fragment = percent_decoded(parts.fragment.value_or(""));
  if (!fragment) return fail(ErrorCode::not_found, "its fragment has a broken percent-encoding");
  if (fragment->empty() || fragment->front() == '/') return resolve_pointer(*target, *fragment);
  const auto anchor = target->anchors.find(*fragment);
  if (anchor == target->anchors.end()) {
    return fail(ErrorCode::not_found, "there is no anchor \"" + shorten(*fragment, 80) + "\"" +
                                          (target->uri.empty() ? "" : " in \"" + shorten(target->uri, 200) + "\""));
  }
  return SchemaSpot{anchor->second.place, &resource_of(*anchor->second.place, *target), anchor->second.pointer,
                    anchor->second.dynamic ? *fragment : ""};
}

Result<SchemaSpot> SchemaRegistry::resolve_pointer(const SchemaResource& resource, std::string_view pointer) {
  const std::optional<Pointer> parsed = Pointer::parse(pointer);
  if (!parsed) return fail(ErrorCode::not_found, "its fragment is no JSON Pointer");
  SchemaSpot spot{resource.root, &resource, resource.pointer, ""};
  for (const std::string& token : parsed->tokens) {
    if (spot.place->is_array()) {
      const std::optional<std::size_t> index = parse_index(token);
      const bool there = index && *index < spot.place->size();
      spot.place = there ? &spot.place->as_array()[*index] : nullptr;
    } else {
      spot.place = spot.place->find(token);
    }
    if (spot.place == nullptr) {
      return fail(ErrorCode::not_found, "there is nothing at \"" + shorten(pointer, 200) + "\"" +
                                            (resource.uri.empty() ? "" : " in \"" + shorten(resource.uri, 200) + "\""));
    }
    spot.pointer += "/" + escape_token(token);
    spot.resource = &resource_of(*spot.place, *spot.resource);
  }
  if (!places_.contains(spot.place)) {
    // A place below an unknown keyword becomes a schema by being referred to.
    scan(*spot.place, const_cast<SchemaResource&>(*spot.resource), spot.pointer, 0);
    spot.resource = &resource_of(*spot.place, *spot.resource);
  }
  return spot;
}

const SchemaResource& SchemaRegistry::resource_of(const Json& place, const SchemaResource& parent) const {
  const auto found = places_.find(&place);
  return found == places_.end() ? parent : *found->second;
}

}  // namespace settle
