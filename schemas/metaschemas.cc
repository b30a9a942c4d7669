#include "schemas/metaschemas.h"

#include <map>
#include <string>

#include "base/error.h"

namespace settle {

const Json* find_metaschema(std::string_view uri) {
  static const Json documents = [] {
    Result<Json> read = read_json(metaschemas_text());
    SETTLE_ASSERT(read && read->is_array());
    return std::move(*read);
  }();
  static const std::map<std::string, const Json*, std::less<>> by_uri = [] {
    std::map<std::string, const Json*, std::less<>> out;
    for (const Json& document : documents.as_array()) {
      std::string id = document.find("$id")->as_string();
      if (id.ends_with('#')) id.pop_back();
      out.emplace(std::move(id), &document);
    }
    return out;
  }();
  const auto found = by_uri.find(uri);
  return found == by_uri.end() ? nullptr : found->second;
}

}  // namespace settle
