// Requests of a namespace: so many a second, over all loops, and no namespace pays for another.
#include "api/quotas.h"

#include <gtest/gtest.h>

namespace settle::test {
namespace {

int taken(Quotas::Meter& meter, const std::string& name_space, Time now, int tries) {
  int out = 0;
  for (int i = 0; i < tries; ++i) out += meter.take(name_space, now) ? 1 : 0;
  return out;
}

std::shared_ptr<Quotas> quotas(std::optional<std::uint32_t> usual, std::optional<std::uint32_t> own) {
  QuotaOptions options;
  options.usual.requests_per_second = usual;
  options.own["a"].requests_per_second = own;
  return std::make_shared<Quotas>(options);
}

TEST(Quotas, so_many_at_once_and_then_as_time_goes) {
  Quotas::Meter meter(quotas(std::nullopt, 10));
  Time now{Duration(1'000'000)};
  EXPECT_EQ(taken(meter, "a", now, 50), 10);
  now += Duration(100);
  EXPECT_EQ(taken(meter, "a", now, 50), 1);
  now += Duration(500);
  EXPECT_EQ(taken(meter, "a", now, 50), 5);
  now += Duration(60'000);
  EXPECT_EQ(taken(meter, "a", now, 50), 10) << "a quiet minute saves up no more than a second";
}

TEST(Quotas, loops_count_together) {
  const auto shared = quotas(std::nullopt, 10);
  Quotas::Meter one(shared), other(shared);
  const Time now{Duration(1'000'000)};
  EXPECT_EQ(taken(one, "a", now, 6) + taken(other, "a", now, 6), 10);
}

TEST(Quotas, namespaces_count_by_themselves_with_their_own_limit_or_the_usual_one) {
  Quotas::Meter meter(quotas(3, 10));
  const Time now{Duration(1'000'000)};
  EXPECT_EQ(taken(meter, "b", now, 20), 3);
  EXPECT_EQ(taken(meter, "c", now, 20), 3);
  EXPECT_EQ(taken(meter, "a", now, 20), 10);
}

TEST(Quotas, without_a_limit_nothing_is_refused) {
  Quotas::Meter meter(quotas(std::nullopt, std::nullopt));
  EXPECT_EQ(taken(meter, "a", Time{Duration(1)}, 5'000), 5'000);
}

TEST(Quotas, names_beyond_the_limit_of_counters_share_one) {
  Quotas::Meter meter(quotas(1, 10));
  const Time now{Duration(1'000'000)};
  for (std::size_t i = 0; i < Quotas::counted_max; ++i) meter.take("n" + std::to_string(i), now);
  EXPECT_EQ(taken(meter, "late", now, 5) + taken(meter, "later", now, 5), 1);
}

}  // namespace
}  // namespace settle::test
