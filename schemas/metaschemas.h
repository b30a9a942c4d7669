#pragma once

#include <string_view>

#include "base/json.h"

namespace settle {

/// The bundled meta-schemas (metaschemas.json): of draft-07, of 2020-12 and of each of its vocabularies, as published
/// at json-schema.org. Returns the one with the identifier `uri` (absolute, without fragment), or null. Read once; they
/// live as long as the process. Thread: any.
const Json* find_metaschema(std::string_view uri);

/// The text of metaschemas.json: an array of documents.
std::string_view metaschemas_text();

}  // namespace settle
