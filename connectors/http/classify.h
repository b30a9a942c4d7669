#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"
#include "connectors/connector.h"

namespace settle {

/// A complete response, as the classification needs it.
struct HttpAnswer {
  int status = 0;
  std::string_view body;
  std::optional<std::string_view> retry_after;  ///< the field as it came
};

/// What a complete response means (CONTRACT §2, "When the answer is not clear"). Pure; `started` and `ended` stay
/// unset. A redirect is never followed, for reads either: following one would carry a call to an origin that no intent
/// names.
Outcome classify(const HttpAnswer& answer, bool write, Time now);

/// An outcome without an answer.
Outcome unanswered(OutcomeClass kind, std::string_view code, std::string detail);

}  // namespace settle
