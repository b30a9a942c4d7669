#include "base/object_text.h"

#include <charconv>

namespace settle {

void ObjectText::separate() {
  if (begun_) out_.push_back(',');
  begun_ = true;
}

std::string& ObjectText::member(std::string_view name) {
  SETTLE_ASSERT(!ascending_ || !begun_ || last_ < name);
  last_ = name;
  separate();
  out_.push_back('"');
  out_ += name;
  out_ += "\":";
  return out_;
}

void ObjectText::text(std::string_view name, std::string_view value) {
  write_json_string(value, member(name));
}

void ObjectText::number(std::string_view name, std::int64_t value) {
  char digits[24];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value);
  member(name).append(digits, end.ptr);
}

void ObjectText::boolean(std::string_view name, bool value) {
  member(name) += value ? "true" : "false";
}

void ObjectText::null(std::string_view name) {
  member(name) += "null";
}

void ObjectText::raw(std::string_view name, std::string_view value) {
  member(name) += value;
}

void ObjectText::text_of_any_name(std::string_view name, std::string_view value) {
  separate();
  write_json_string(name, out_);
  out_.push_back(':');
  write_json_string(value, out_);
}

}  // namespace settle
