// The debug log of connections: told when no call is at work inside them.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "support.hpp"

namespace duplex::test {
namespace {

std::string uri_of(const server& server) {
  return "ws://127.0.0.1:" + std::to_string(server.port());
}

TEST(debug_log, is_told_after_the_call_that_it_is_about_and_before_the_end) {
  std::vector<std::string> lines;
  const logger debug([&](const log_record& record) { lines.emplace_back(record.message); },
                     log_level::debug);
  const auto count = [&](std::string_view begin) {
    return std::count_if(lines.begin(), lines.end(),
                         [&](const std::string& line) { return line.starts_with(begin); });
  };
  const auto server = serve(echo, "127.0.0.1", 0, {.logger = {}});
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri_of(server), {.logger = &debug});
    ws.pong(as_bytes("now"));
    EXPECT_EQ(count("> PONG"), 0);
    co_await ws.ping();
    EXPECT_EQ(count("> PONG"), 1);
    co_await ws.close();
    EXPECT_EQ(count("> CLOSE"), 1);
    EXPECT_TRUE(lines.back().starts_with("connection closed with ")) << lines.back();
  });
}

TEST(debug_log, may_drop_the_connection_that_it_is_told_of) {
  std::optional<server> running;
  const logger dropping(
      [&](const log_record& record) {
        if (!record.message.starts_with("< TEXT")) return;
        for (auto* each : running->connections()) each->abort();
      },
      log_level::debug);
  running = serve(echo, "127.0.0.1", 0, {.logger = dropping});
  run_test([&]() -> task<> {
    auto ws = co_await connect(uri_of(*running));
    co_await ws.send("drop me");
    const auto end = co_await failure_of([&]() -> task<> {
      for (;;) co_await ws.recv();
    });
    EXPECT_TRUE(end.starts_with("closed error: ")) << end;
  });
}

}  // namespace
}  // namespace duplex::test
