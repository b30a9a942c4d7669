#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/pointer.h"
#include "base/time.h"

namespace settle {

/// Strict reading of one object of a document: every member is asked for by name, everything wrong is noted with its
/// place, and what nobody asked for is a problem too (finish()).
class Fields {
 public:
  /// `object` may be anything; when it is no object, that is the one problem and every question answers "absent".
  Fields(const Json& object, std::string place, std::vector<Problem>& problems);

  /// The member, or null. Counts as asked for.
  const Json* take(std::string_view name);
  /// The member, or null with the problem `missing_member`.
  const Json* need(std::string_view name, std::string_view expected);

  std::optional<std::string> text(std::string_view name);
  std::string needed_text(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<Duration> duration(std::string_view name, Duration at_least = Duration(0));
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<double> number(std::string_view name, double least, double most);
  std::optional<Pointer> pointer(std::string_view name);
  /// Index in `choices`, or null (with a problem when the member is there and not one of them).
  std::optional<std::size_t> choice(std::string_view name, std::initializer_list<std::string_view> choices);
  /// The member is part of the contract but not of this version: a problem when it is there.
  void not_yet(std::string_view name, std::string_view code);

  /// Notes every member that was not asked for, with the nearest known name.
  void finish();

  void problem(std::string_view name, std::string code, std::string expected, std::string message,
               std::string suggestion = {});
  std::string place_of(std::string_view name) const;
  /// Where problems are noted, those of other objects too.
  std::vector<Problem>& problems() { return problems_; }
  bool is_object() const { return object_ != nullptr; }

 private:
  const Json* object_;
  std::string place_;
  std::vector<Problem>& problems_;
  std::vector<std::string> known_;
};

/// The labels of a plan or of a submission, laid over those in `labels`; what is wrong is noted at `place`.
void read_labels(const Json& document, const std::string& place, std::map<std::string, std::string>& labels,
                 std::vector<Problem>& problems);

/// The value as text for `got`, shortened.
std::string got_text(const Json& value);

}  // namespace settle
