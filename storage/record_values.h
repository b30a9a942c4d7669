#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/time.h"

namespace settle {

/// How values stand in records, for the codecs of this room alone.

inline std::int64_t number(const std::optional<Time>& time) {
  return time ? time->time_since_epoch().count() : 0;
}
inline std::int64_t number(Time time) {
  return time.time_since_epoch().count();
}
inline Time time_of(std::int64_t number) {
  return Time(Duration(number));
}
inline std::optional<Time> optional_time(std::int64_t number) {
  return number == 0 ? std::nullopt : std::optional<Time>(time_of(number));
}

/// From 1970 to the year 9999: what lies outside was never written, and sums with it would overflow.
inline bool are_times(std::initializer_list<std::int64_t> numbers) {
  constexpr std::int64_t most = 253'402'300'799'999;
  return std::all_of(numbers.begin(), numbers.end(), [](std::int64_t n) { return n >= 0 && n <= most; });
}

/// Whether a stored number names a value of an enumeration whose last one this is.
template <typename Enum>
bool names_up_to(std::uint32_t number, Enum last) {
  return number <= static_cast<std::uint32_t>(last);
}

/// The same record has the same bytes: a map (of labels) is written in the order of its keys.
inline std::string bytes_of(const google::protobuf::MessageLite& record) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  record.SerializePartialToCodedStream(&coded);
  coded.Trim();
  return out;
}

inline Error damaged(std::string_view what) {
  return fail(ErrorCode::corruption, "a stored " + std::string(what) + " can't be read");
}

/// Payloads inside of records were written by us, so limits do not apply; numbers are as they came.
inline Result<Json> read_stored(const std::string& bytes) {
  Result<Json> json = read_json(bytes, own_text);
  if (!json) return damaged("JSON value");
  return json;
}

}  // namespace settle
