#pragma once

#include "engine/delivery.h"

namespace settle {

/// What the API says of a subscription and of a dead letter; never a secret.
Json subscription_document(const Deliverer& delivery, std::uint64_t feed_size, Time now);
/// `event`: with what would be sent, or null where its history is gone.
Json letter_document(const DeadLetter& letter);

}  // namespace settle
