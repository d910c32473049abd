// One message framed and compressed once for many connections.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <duplex/error.hpp>
#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::feed;
using test::take_output;

struct pair_of_sides {
  connection server{side::server, {}, {}};
  connection client{side::client, {}, {}};
};

pair_of_sides compressed_pair(const deflate_options& options = {}) {
  const permessage_deflate known(options);
  const extension_parameters offer{{"client_max_window_bits", std::nullopt}};
  auto answer = known.answer(offer);
  pair_of_sides made;
  extension_list extensions;
  extensions.push_back(known.accept(answer->response));
  made.client.set_extensions(std::move(extensions));
  extensions.clear();
  extensions.push_back(std::move(answer->extension));
  made.server.set_extensions(std::move(extensions));
  return made;
}

std::string text(std::size_t size) {
  std::string made;
  while (made.size() < size) made += "{\"id\":" + std::to_string(made.size()) + "},";
  return made;
}

TEST(shared_frame, is_the_same_bytes_for_connections_with_one_key) {
  auto a = compressed_pair(), b = compressed_pair();
  ASSERT_TRUE(a.server.sharing_key());
  EXPECT_EQ(a.server.sharing_key(), b.server.sharing_key());
  const std::string payload = text(100'000);
  const auto frame = a.server.frame_once(message::type::text, as_bytes(payload));
  EXPECT_TRUE(frame.encoded);
  EXPECT_LT(frame.bytes->size(), payload.size() / 2);
  for (auto* each : {&a, &b}) {
    each->server.send_shared(frame);
    EXPECT_EQ(each->server.data_to_send()[1].data(), frame.bytes->data()) << "a copy was made";
    EXPECT_EQ(feed(each->client, {take_output(each->server)}).events,
              std::vector<std::string>{"text " + payload});
  }
}

TEST(shared_frame, keeps_a_context_that_is_taken_over_in_step) {
  auto a = compressed_pair(), b = compressed_pair();
  for (const std::size_t size : {200, 3'000, 40'000}) {
    for (auto* each : {&a, &b}) {
      const std::string own = text(size) + (each == &a ? "a" : "b");
      each->server.send(message::type::text, as_bytes(own));
      EXPECT_EQ(feed(each->client, {take_output(each->server)}).events,
                std::vector<std::string>{"text " + own});
    }
    const auto frame = b.server.frame_once(message::type::text, as_bytes(text(size)));
    for (auto* each : {&a, &b}) {
      each->server.send_shared(frame);
      EXPECT_EQ(feed(each->client, {take_output(each->server)}).events,
                std::vector<std::string>{"text " + text(size)});
    }
  }
}

TEST(shared_frame, has_another_key_for_another_agreement) {
  EXPECT_EQ(connection(side::server, {}, {}).sharing_key(), "");
  EXPECT_EQ(connection(side::client, {}, {}).sharing_key(), std::nullopt) << "clients mask";
  EXPECT_NE(compressed_pair().server.sharing_key(),
            compressed_pair({.server_max_window_bits = 10}).server.sharing_key());
}

TEST(shared_frame, is_not_compressed_below_the_threshold_or_where_told) {
  auto pair = compressed_pair();
  EXPECT_FALSE(pair.server.frame_once(message::type::text, as_bytes(text(50))).encoded);
  EXPECT_FALSE(pair.server.frame_once(message::type::text, as_bytes(text(500)), false).encoded);
}

TEST(shared_frame, cannot_be_sent_between_fragments_or_after_the_end) {
  connection server(side::server, {}, {});
  const auto frame = server.frame_once(message::type::text, as_bytes("x"));
  server.send_fragment(message::type::text, as_bytes("a"), false);
  EXPECT_THROW(server.send_shared(frame), invalid_state);
  server.send_fragment(message::type::text, as_bytes("b"), true);
  server.send_shared(frame);
  server.send_close(1000, "", {});
  EXPECT_THROW(server.send_shared(frame), invalid_state);
  EXPECT_THROW(server.frame_once(message::type::text, as_bytes("x")), invalid_state);
  EXPECT_EQ(server.stats().messages_sent, 2U);
}

}  // namespace
}  // namespace duplex::protocol
