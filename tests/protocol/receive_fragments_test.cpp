// Messages told in parts, whole again, and never more of one in memory than a part.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/permessage_deflate.hpp>
#include <duplex/protocol/utf8.hpp>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::feed;
using test::take_output;
using test::to_wire;
using test::wire_frame;

constexpr unsigned continuation = 0x0, ping = 0x9;

std::string from_client(const std::vector<wire_frame>& frames) {
  return to_wire(side::client, frames);
}

connection streaming_server(connection_settings settings = {}) {
  connection server(side::server, settings, {}, test::zeros());
  server.receive_fragments();
  return server;
}

// The parts of a message put together.
std::string joined(const std::vector<std::string>& events) {
  std::string all;
  for (const auto& each : events) all += each.substr(each.find(' ') + 1);
  return all;
}

TEST(receive_fragments, tells_what_has_come_at_the_end_of_each_read) {
  connection server = streaming_server();
  const std::string message = from_client(
      {{.payload = "Hello", .fin = false}, {.opcode = continuation, .payload = " you"}});
  EXPECT_EQ(feed(server, {message.substr(0, 8), message.substr(8)}).events,
            (std::vector<std::string>{"part He", "last llo you"}));
  EXPECT_FALSE(server.in_message());
}

TEST(receive_fragments, tells_control_frames_between_the_parts) {
  connection server = streaming_server();
  const auto result = feed(server, {from_client({{.payload = "a", .fin = false},
                                                 {.opcode = ping, .payload = "p"},
                                                 {.opcode = continuation, .payload = "b"}})});
  EXPECT_EQ(result.events, (std::vector<std::string>{"ping p", "last ab"}));
}

TEST(receive_fragments, gives_every_part_of_a_text_as_a_text_however_it_is_chopped) {
  const std::string payload = "aé€😀 ß😀";
  const std::string message =
      from_client({{.payload = payload.substr(0, 4), .fin = false},
                   {.opcode = continuation, .payload = payload.substr(4, 3), .fin = false},
                   {.opcode = continuation, .payload = payload.substr(7)}});
  test::for_every_chop(message, [&](const std::vector<std::string>& pieces) {
    connection server = streaming_server();
    const auto result = feed(server, pieces);
    EXPECT_EQ(joined(result.events), payload);
    for (const auto& each : result.events) EXPECT_TRUE(is_utf8(as_bytes(each))) << each;
  });
}

TEST(receive_fragments, fails_at_bad_utf8_wherever_it_comes) {
  connection server = streaming_server();
  const auto result = feed(server, {from_client({{.payload = "good\xe2\x82", .fin = false}}),
                                    from_client({{.opcode = continuation, .payload = "bad"}})});
  EXPECT_EQ(result.events, (std::vector<std::string>{"part good", "close"}));
  ASSERT_TRUE(result.close_sent);
  EXPECT_EQ(result.close_sent->code, 1007);
  connection other = streaming_server();
  EXPECT_EQ(feed(other, {from_client({{.payload = "cut\xe2\x82"}})}).close_sent->code, 1007);
}

TEST(receive_fragments, is_not_limited_by_max_size) {
  connection server = streaming_server({.max_size = 100});
  const std::string payload(200'000, 'x');
  const auto result = feed(server, test::chopped(from_client({{.payload = payload}}), 50'000));
  EXPECT_EQ(joined(result.events), payload);
  EXPECT_EQ(result.events.size(), 5U) << "one for each read";
  EXPECT_EQ(server.stats().messages_received, 1U);
}

TEST(receive_fragments, inflates_little_at_a_time) {
  const permessage_deflate known;
  auto answered = known.answer({});
  connection server = streaming_server({.max_size = 100});
  extension_list extensions;
  extensions.push_back(std::move(answered->extension));
  server.set_extensions(std::move(extensions));
  connection client(side::client, {}, {}, test::zeros());
  extension_list same;
  same.push_back(known.accept({}));
  client.set_extensions(std::move(same));
  const std::string payload(20'000'000, 'x');
  client.send(message::type::text, as_bytes(payload));
  const auto result = feed(server, {take_output(client)});
  EXPECT_EQ(joined(result.events), payload);
  for (const auto& each : result.events) EXPECT_LT(each.size(), 2'000'000U);
  EXPECT_GT(server.stats().received.ratio(), 100);
}

TEST(receive_fragments, ends_where_the_message_is_wanted_whole_again) {
  connection server = streaming_server();
  EXPECT_EQ(feed(server, {from_client({{.payload = "ab", .fin = false}})}).events,
            std::vector<std::string>{"part ab"});
  server.receive_whole(buffer(as_bytes("ab")));
  EXPECT_EQ(feed(server, {from_client({{.opcode = continuation, .payload = "c"}})}).events,
            std::vector<std::string>{"text abc"});
}

TEST(receive_fragments, that_end_where_max_size_is_passed_fail_with_1009) {
  connection server = streaming_server({.max_size = 3});
  feed(server, {from_client({{.payload = "abcd", .fin = false}})});
  server.receive_whole(buffer(as_bytes("abcd")));
  ASSERT_TRUE(server.close_sent());
  EXPECT_EQ(server.close_sent()->code, 1009);
  EXPECT_EQ(server.close_sent()->reason, "message of at least 4 bytes exceeds limit of 3 bytes");
}

}  // namespace
}  // namespace duplex::protocol
