// One message to many connections, slow ones among them, without waiting for any.
#include <duplex/broadcast.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "api/outgoing_message.hpp"
#include "support.hpp"

namespace duplex::test {
namespace {

using strings = std::vector<std::string>;

// So many connections on streams in memory.
struct crowd {
  explicit crowd(std::size_t count, const memory_connection::options& with = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      all.push_back(std::make_unique<memory_connection>(with));
    }
  }
  memory_connection& operator[](std::size_t i) { return *all[i]; }
  std::vector<connection*> connections() {
    std::vector<connection*> result;
    for (auto& each : all) result.push_back(&each->ws());
    return result;
  }
  void pump() {
    for (auto& each : all) each->peer.pump();
  }

  std::vector<std::unique_ptr<memory_connection>> all;
};

memory_connection::options small_limit() { return {.write_limit = {1000, 100}}; }

TEST(broadcast, reaches_everyone_in_order) {
  crowd all(3);
  broadcast(all.connections(), "one");
  broadcast(all.connections(), as_bytes("two"));
  broadcast(all.connections(), "three", {.text = false});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(all[i].frames(), (strings{"text one", "binary two", "binary three"}));
  }
}

TEST(broadcast, takes_any_range_of_connections) {
  crowd all(2);
  const std::list<connection*> listed{&all[0].ws(), &all[1].ws()};
  broadcast(listed, "x");
  EXPECT_EQ(all[0].frames(), strings{"text x"});
  EXPECT_EQ(all[1].frames(), strings{"text x"});
}

TEST(broadcast, passes_over_who_is_closing_or_closed_or_moved_away) {
  crowd all(4);
  all[0].start([&]() -> task<> { co_await all[0].ws().close(); });
  all[0].frames();
  all[1].ws().abort();
  connection moved = std::move(all[2].ws());
  broadcast(all.connections(), "x");
  EXPECT_EQ(all[0].frames(), strings{});
  EXPECT_EQ(all[1].frames(), strings{});
  EXPECT_EQ(all[2].frames(), strings{}) << "who was moved away has no name any more";
  EXPECT_EQ(all[3].frames(), strings{"text x"});
  all[2].ws() = std::move(moved);
  all[0].ws().abort();
}

TEST(broadcast, of_text_that_is_not_utf8_is_refused_and_sent_to_nobody) {
  crowd all(1);
  EXPECT_EQ(failure_now([&] { broadcast(all.connections(), "\xff"); }),
            "invalid argument: a text message must be valid UTF-8");
  EXPECT_EQ(all[0].frames(), strings{});
}

TEST(broadcast, of_a_large_message_is_one_copy_for_everyone) {
  crowd all(20);
  for (auto& each : all.all) each->peer.set_room(0);
  const std::string large(1'000'000, 'x');
  const auto message = std::make_shared<detail::outgoing_message>(
      large, broadcast_options{}, detail::outgoing_message::recipients::many);
  for (connection* each : all.connections()) detail::connection_impl::of(*each)->broadcast(message);
  all.pump();
  EXPECT_EQ(all[0].ws().stats().bytes_unsent, large.size() + 10);
  EXPECT_EQ(all[0].peer.held(), 16u * 1024) << "more was copied than a full socket needs";
  for (auto& each : all.all) {
    each->peer.set_room(memory_peer::unlimited);
    EXPECT_EQ(each->frames(), strings{"text " + large});
  }
}

TEST(broadcast, to_clients_is_masked_for_each) {
  crowd all(2, {.side = side::client});
  broadcast(all.connections(), "hello");
  const std::string first = all[0].peer.output();
  all.pump();
  EXPECT_NE(all[0].peer.output(), all[1].peer.output());
  EXPECT_EQ(all[0].frames(), strings{"text hello"});
  EXPECT_EQ(all[1].frames(), strings{"text hello"});
}

TEST(slow_consumer_buffer, gets_everything) {
  memory_connection slow(small_limit());
  slow.peer.set_room(0);
  const std::string payload(900, 'x');
  for (int i = 0; i < 10; ++i) broadcast(std::vector{&slow.ws()}, payload);
  slow.peer.pump();
  EXPECT_GT(slow.ws().buffered_amount(), 9'000u);
  slow.peer.set_room(memory_peer::unlimited);
  EXPECT_EQ(slow.frames().size(), 10u);
}

TEST(slow_consumer_drop, gets_nothing_above_its_write_limit) {
  memory_connection slow(small_limit());
  slow.peer.set_room(0);
  const std::string payload(900, 'x');
  for (int i = 0; i < 10; ++i) {
    broadcast(std::vector{&slow.ws()}, payload, {.slow = slow_consumer::drop});
  }
  slow.peer.pump();
  EXPECT_LT(slow.ws().buffered_amount(), 1'000u + 2 * 904u);
  slow.peer.set_room(memory_peer::unlimited);
  EXPECT_EQ(slow.frames().size(), 2u);
  broadcast(std::vector{&slow.ws()}, "again", {.slow = slow_consumer::drop});
  EXPECT_EQ(slow.frames(), strings{"text again"});
}

TEST(slow_consumer_latest_only, gets_what_was_under_way_and_the_last) {
  memory_connection slow(small_limit());
  slow.peer.set_room(0);
  for (int i = 0; i < 10; ++i) {
    broadcast(std::vector{&slow.ws()}, std::to_string(i), {.slow = slow_consumer::latest_only});
    slow.peer.pump();
  }
  EXPECT_EQ(slow.ws().buffered_amount(), 3u);
  slow.peer.set_room(memory_peer::unlimited);
  EXPECT_EQ(slow.frames(), (strings{"text 0", "text 9"}));
  broadcast(std::vector{&slow.ws()}, "now", {.slow = slow_consumer::latest_only});
  EXPECT_EQ(slow.frames(), strings{"text now"});
}

TEST(slow_consumer_latest_only, gets_it_between_other_messages_that_never_end) {
  memory_connection slow(small_limit());
  slow.peer.set_room(0);
  slow.start([&]() -> task<> {
    for (int i = 0; i < 5; ++i) co_await slow.ws().send(std::string(700, 'a'));
  });
  slow.peer.pump();
  broadcast(std::vector{&slow.ws()}, "fresh", {.slow = slow_consumer::latest_only});
  slow.peer.pump();
  slow.peer.make_room(1'500);
  slow.peer.pump();
  slow.peer.set_room(memory_peer::unlimited);
  const auto frames = slow.frames();
  ASSERT_EQ(frames.size(), 6u);
  EXPECT_NE(std::find(frames.begin(), frames.end(), "text fresh"), frames.end());
}

TEST(slow_consumer_disconnect, is_closed_with_1008_and_logged) {
  memory_connection slow(small_limit());
  std::vector<std::string> log;
  detail::connection_impl::of(slow.ws())->set_logger(
      std::make_shared<logger>([&](const log_record& record) {
        if (record.level == log_level::warning) log.emplace_back(record.message);
      }));
  slow.peer.set_room(0);
  const std::string payload(900, 'x');
  for (int i = 0; i < 5; ++i) {
    broadcast(std::vector{&slow.ws()}, payload, {.slow = slow_consumer::disconnect});
  }
  EXPECT_EQ(slow.ws().state(), state::closing);
  EXPECT_EQ(log, strings{"broadcast failed: the connection takes its messages too slowly"});
  slow.peer.set_room(memory_peer::unlimited);
  const auto frames = slow.frames();
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[2], "close 1008 messages are taken too slowly");
}

// An extension that fails at its second message.
class failing_extension final : public protocol::extension {
 public:
  protocol::reserved_bit bit() const noexcept override { return protocol::reserved_bit::rsv2; }
  bool encode(const protocol::outgoing_fragment&, buffer&) override {
    if (++count_ == 2) throw std::runtime_error("no more");
    return false;
  }
  std::optional<protocol::decode_problem> decode(std::span<const std::byte>, bool, buffer&,
                                                 std::size_t) override {
    return std::nullopt;
  }

 private:
  int count_ = 0;
};

TEST(broadcast, that_fails_at_one_is_logged_and_harms_no_other) {
  crowd all(3);
  const auto& impl = detail::connection_impl::of(all[1].ws());
  std::vector<std::string> log;
  impl->set_logger(std::make_shared<logger>([&](const log_record& record) {
    if (record.level == log_level::warning) log.emplace_back(record.message);
  }));
  protocol::extension_list extensions;
  extensions.push_back(std::make_unique<failing_extension>());
  impl->set_extensions(std::move(extensions));
  broadcast(all.connections(), "a");
  broadcast(all.connections(), "b");
  EXPECT_EQ(log, strings{"broadcast failed: no more"});
  EXPECT_EQ(all[0].frames(), (strings{"text a", "text b"}));
  EXPECT_EQ(all[2].frames(), (strings{"text a", "text b"}));
  EXPECT_EQ(all[1].ws().state(), state::closed);
}

TEST(post_send, sends_from_another_thread_and_outlives_the_connection) {
  memory_connection link;
  const connection_handle handle = link.ws().handle();
  std::thread([handle] {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(handle.post_send(std::to_string(i)));
  }).join();
  EXPECT_TRUE(link.ws().post_send("own"));
  ASSERT_TRUE(link.run_until([&] { return link.ws().stats().messages_sent == 4; }));
  EXPECT_EQ(link.frames(), (strings{"text 0", "text 1", "text 2", "text own"}));
  link.ws().abort();
  link.drop();
  EXPECT_TRUE(handle.post_send("nobody")) << "the loop is there";
  run_posted();
  EXPECT_THROW(handle.post_send("\xff"), std::invalid_argument);
}

TEST(post_send, outlives_the_loop) {
  std::optional<connection_handle> handle;
  std::thread([&] {
    const io::loop loop;
    memory_peer peer;
    auto impl = std::make_shared<detail::connection_impl>(
        peer.make_stream(), side::server, protocol::connection_settings{},
        inbox(32, 1 << 20, 1 << 16), 1 << 16, 1 << 16);
    auto ws = detail::connection_impl::open(std::move(impl), {}, {});
    handle = ws.handle();
    EXPECT_TRUE(handle->post_send("x"));
    ws.abort();
  }).join();
  EXPECT_FALSE(handle->post_send("x"));
}

}  // namespace
}  // namespace duplex::test
