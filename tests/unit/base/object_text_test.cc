#include "base/object_text.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

TEST(CanonicalObject, writes_what_the_canonical_form_of_the_same_tree_is) {
  std::string out = "before ";
  CanonicalObject object(out);
  object.null("a");
  object.number("b", -7);
  object.text("c", "ü \"quoted\" \n");
  CanonicalObject inner(object.member("d"));
  inner.end();
  object.json("e", Json::object({{"z", 1}, {"y", Json::array()}}));
  object.raw("f", "[1,2]");
  object.end();
  const std::string expected = R"({"a":null,"b":-7,"c":"ü \"quoted\" \n","d":{},"e":{"y":[],"z":1},"f":[1,2]})";
  EXPECT_EQ(out, "before " + expected);
  EXPECT_EQ(canonical(*read_json(expected)), expected);
}

TEST(CanonicalObject, takes_members_in_ascending_order_only) {
  std::string out;
  CanonicalObject object(out);
  object.null("b");
  EXPECT_DEATH(object.null("a"), "");
  EXPECT_DEATH(object.null("b"), "");
}

TEST(ObjectText, keeps_the_order_it_is_given_and_escapes_names_that_are_somebody_elses) {
  std::string out;
  ObjectText object(out);
  object.number("b", -9'007'199'254'740'991);
  object.boolean("a", false);
  object.text_of_any_name("say \"ü\"", "\n");
  ObjectText inner(object.member("z"));
  inner.boolean("yes", true);
  inner.end();
  object.end();
  EXPECT_EQ(out, R"({"b":-9007199254740991,"a":false,"say \"ü\"":"\n","z":{"yes":true}})");
  EXPECT_TRUE(read_json(out));
}

}  // namespace
}  // namespace settle
