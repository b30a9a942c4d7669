#include "engine/asio_loop.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

TEST(AsioLoop, a_timer_finds_its_time_come_though_the_wall_clock_was_set_back) {
  boost::asio::io_context io;
  AsioLoop loop(io);
  loop.not_before(loop.now() + std::chrono::hours(24));  // as far as the loop can tell, the wall clock lags by a day
  const Time at = loop.now() + Duration(5);
  Time seen{};
  loop.schedule(at, [&] {
    seen = loop.now();
    io.stop();
  });
  loop.run();
  EXPECT_GE(seen, at);
}

}  // namespace
}  // namespace settle
