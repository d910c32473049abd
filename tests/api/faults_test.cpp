// A transport that breaks at every single operation: whatever was under way ends, nothing hangs.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"

namespace duplex::test {
namespace {

// Everything a connection can be doing at once; false once the failing operation is beyond its end.
bool survives_fault_at(std::size_t operation, side own, std::size_t room) {
  memory_connection connection({.side = own,
                                .max_queue = {2, 1},
                                .bytes_max = 500,
                                .write_limit = {400, 100},
                                .read_limit = 64});
  const side far = connection.far_side();
  connection.peer.fail_at(operation);
  connection.peer.set_room(room);
  int ends = 0;
  connection.start([&]() -> task<> {
    co_await failure_of([&]() -> task<> { co_await echo(connection.ws()); });
    ++ends;
  });
  connection.start([&]() -> task<> {
    co_await failure_of([&]() -> task<> { co_await connection.ws().ping(as_bytes("p")); });
    ++ends;
  });
  connection.start([&]() -> task<> {
    co_await failure_of([&]() -> task<> {
      const std::string large(100'000, 'l');
      co_await connection.ws().send(large);
    });
    ++ends;
  });
  connection.start([&]() -> task<> {
    co_await connection.ws().wait_closed();
    ++ends;
  });
  for (int i = 0; i < 10; ++i) connection.peer.send(text_frame(far, std::string(50, 'x')), 20);
  connection.peer.send(pong_frame(far, "p") + ping_frame(far, "q"));
  connection.peer.send(close_frame(far, 1000));
  connection.peer.send_eof();
  connection.peer.pump();
  for (int i = 0; i < 300 && !connection.peer.closed(); ++i) {
    connection.peer.set_room(1000);
    connection.peer.pump();
  }
  EXPECT_TRUE(connection.peer.closed()) << operation;
  EXPECT_EQ(ends, 4) << operation;
  EXPECT_EQ(connection.ws().state(), state::closed) << operation;
  const auto frames = frames_of(connection.peer.take(), own);
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    EXPECT_FALSE(frames[i].starts_with("cut")) << operation;
  }
  return connection.peer.failed();
}

TEST(broken_transport, ends_everything_at_whatever_operation_it_breaks) {
  for (const side own : {side::server, side::client}) {
    for (const std::size_t room : {memory_peer::unlimited, std::size_t{0}, std::size_t{300}}) {
      std::size_t operation = 1;
      while (survives_fault_at(operation, own, room)) ++operation;
      EXPECT_GT(operation, 20u);
    }
  }
}

TEST(broken_transport, in_the_background_ends_it_as_well) {
  for (std::size_t operation = 1; operation < 4; ++operation) {
    memory_connection connection;
    connection.peer.fail_at(operation);
    connection.peer.send(text_frame(side::client, "a"), 1);
    connection.drop();
    connection.peer.pump();
    EXPECT_EQ(io::loop::current().kept(), 0u);
  }
}

TEST(broken_transport, in_the_moment_it_is_opened_is_told_to_the_first_who_asks) {
  memory_peer peer;
  peer.break_transport();
  auto impl = std::make_shared<detail::connection_impl>(
      peer.make_stream(), side::server, protocol::connection_settings{}, inbox(32, 1 << 20, 1),
      water_marks(1000), 1000);
  auto ws = detail::connection_impl::open(std::move(impl), {}, {});
  std::string end;
  test_scope tasks;
  tasks.start(
      [&]() -> task<> { end = co_await failure_of([&]() -> task<> { co_await ws.recv(); }); });
  peer.pump();
  EXPECT_EQ(end, "closed error: no close frame received or sent");
}

}  // namespace
}  // namespace duplex::test
