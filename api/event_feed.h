#pragma once

#include <memory>
#include <string>

#include "api/router.h"
#include "engine/engine.h"

namespace settle {

/// A live feed of one workflow's durable events as server-sent events, from after `after` until workflow.ended. Keeps
/// itself alive; ends when the peer leaves or falls too far behind.
void start_event_feed(Engine& engine, Loop& loop, const Ask& ask, const std::string& id, std::uint32_t after,
                      Duration keep_alive);

}  // namespace settle
