#include "base/canonical_object.h"

namespace settle {

std::string& CanonicalObject::member(std::string_view name) {
  SETTLE_ASSERT(last_ < name);
  out_ += last_.empty() ? "\"" : ",\"";
  out_ += name;
  out_ += "\":";
  last_ = name;
  return out_;
}

void CanonicalObject::text(std::string_view name, std::string_view value) {
  write_json_string(value, member(name));
}

void CanonicalObject::number(std::string_view name, std::int64_t value) {
  member(name) += std::to_string(value);
}

void CanonicalObject::null(std::string_view name) {
  member(name) += "null";
}

void CanonicalObject::json(std::string_view name, const Json& value) {
  write_canonical(value, member(name));
}

void CanonicalObject::raw(std::string_view name, std::string_view value) {
  member(name) += value;
}

}  // namespace settle
