#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/schema.h"

namespace settle {
namespace {

/// Every place of an accepted instance must be possible, and a place that is said to be sure must have been there.
void check_places(const Schema& schema, const Json& value, std::vector<std::string>& tokens) {
  const Schema::Place place = schema.at(tokens);
  SETTLE_ASSERT(schema.names_at(tokens).size() <= 1000);
  SETTLE_ASSERT(place.possible);
  const auto absent = [&](const std::string& name) {
    tokens.push_back(name);
    SETTLE_ASSERT(!schema.at(tokens).required);
    tokens.pop_back();
  };
  if (tokens.size() > 8) return;
  for (std::size_t i = 0; i < value.size() && i < 8; ++i) {
    tokens.push_back(value.is_array() ? std::to_string(i) : value.as_object()[i].name);
    check_places(schema, value.is_array() ? value.as_array()[i] : value.as_object()[i].value, tokens);
    tokens.pop_back();
  }
  if (value.is_array()) absent(std::to_string(value.size()));
  for (const std::string name : {"a", "b", "0", "id"}) {
    if (!value.is_array() && value.find(name) == nullptr) absent(name);
  }
}

}  // namespace
}  // namespace settle

/// The input is a schema, a line feed, and an instance.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace settle;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  JsonLimits limits;
  limits.nodes_max = 5000;
  limits.numbers = JsonNumbers::exact;
  const Result<Json> document = read_json(text.substr(0, end), limits);
  const Result<Json> instance = read_json(text.substr(end + 1), limits);
  if (!document || !instance) return 0;
  // As for a tool, and as the standard has it; the length decides, so that one input is one case.
  SchemaOptions options;
  options.steps_max = 200'000;
  if (size % 2 == 1) options.unknown_keywords = UnknownKeywords::ignore;
  if (size % 3 == 1) options.default_draft = SchemaDraft::draft_07;
  const Result<Schema> schema = Schema::compile(*document, options);
  if (!schema) {
    SETTLE_ASSERT(!schema.error().problems.empty());
    return 0;
  }
  const std::vector<SchemaFailure> failures = schema->validate(*instance);
  SETTLE_ASSERT(failures.empty() == schema->accepts(*instance));
  SETTLE_ASSERT(failures.size() <= 100);
  for (const SchemaFailure& failure : failures) SETTLE_ASSERT(read_json(canonical(Json(failure.got))));
  std::vector<std::string> tokens;
  if (failures.empty()) check_places(*schema, *instance, tokens);
  return 0;
}
