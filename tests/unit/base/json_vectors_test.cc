// Documents whose canonical form another implementation wrote: the npm package canonicalize 2.1.0, through
// `node tests/interop/canonical.js vectors 300`. scripts/interop compares a hundred thousand more where npm is at hand.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/hash.h"
#include "base/json.h"

namespace settle {
namespace {

TEST(JsonCanonical, the_frozen_vectors_of_another_implementation_come_out_byte_for_byte) {
  std::ifstream file(SETTLE_CANONICAL_VECTORS);
  std::string line;
  int count = 0;
  while (std::getline(file, line)) {
    SCOPED_TRACE(++count);
    const Result<Json> vector = read_json(line);
    ASSERT_TRUE(vector) << vector.error().message;
    const Result<Json> document = read_json(vector->find("text")->as_string());
    ASSERT_TRUE(document) << document.error().message;
    const std::string form = canonical(*document);
    EXPECT_EQ(form, vector->find("canonical")->as_string());
    EXPECT_EQ(to_hex(sha256(form)), vector->find("sha256")->as_string());
  }
  EXPECT_EQ(count, 300);
}

}  // namespace
}  // namespace settle
