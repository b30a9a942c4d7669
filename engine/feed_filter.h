#pragma once

#include <string_view>

#include "engine/feed.h"
#include "storage/outbox_codec.h"

namespace settle {

/// "workflow.ended", "action.*" (everything below) or "*" (everything), as Stripe has them. A star stands at the end
/// only, and for whole words.
bool is_type_pattern(std::string_view text);
bool fits_type(std::string_view pattern, std::string_view type);

/// An event of the engine's own has no workflow, so it fits no filter that asks for names or labels.
bool fits(const EventFilter& filter, const FeedEvent& event);

}  // namespace settle
