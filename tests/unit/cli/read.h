#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "base/json.h"

namespace settle {

/// A document written down in a test.
inline Json json(std::string_view text) {
  Result<Json> document = read_json(text);
  EXPECT_TRUE(document) << text;
  return document ? *std::move(document) : Json();
}

}  // namespace settle
