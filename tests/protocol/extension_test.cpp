// Extensions of a user's own: agreed on, one behind the other.
#include <duplex/protocol/extension.hpp>

#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/error.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

// Adds a number to every byte, and writes down each call.
class adding final : public extension {
 public:
  adding(reserved_bit bit, unsigned char number) : bit_(bit), number_(number) {}
  reserved_bit bit() const noexcept override { return bit_; }
  bool encode(const outgoing_fragment& fragment, buffer& out) override {
    if (fragment.compress == false) return false;
    for (const std::byte each : fragment.payload) *out.extend(1) = added(each, number_);
    return true;
  }
  std::optional<decode_problem> decode(std::span<const std::byte> bytes, bool last, buffer& out,
                                       std::size_t) override {
    for (const std::byte each : bytes) {
      if (each == std::byte{0}) return decode_problem{close_code::policy_violation, "a zero came"};
      *out.extend(1) = added(each, static_cast<unsigned char>(-number_));
    }
    if (last) *out.extend(1) = std::byte{'.'};
    return std::nullopt;
  }

 private:
  static std::byte added(std::byte to, unsigned char number) {
    return static_cast<std::byte>(std::to_integer<unsigned>(to) + number);
  }
  reserved_bit bit_;
  unsigned char number_;
};

// Offers and takes "adding-N; by=N".
class adding_factory final : public client_extension, public server_extension {
 public:
  adding_factory(std::string name, reserved_bit bit, unsigned char number)
      : name_(std::move(name)), bit_(bit), number_(number) {}
  std::string name() const override { return name_; }
  std::vector<extension_parameters> offers() const override {
    return {{{"by", "nothing"}}, {{"by", std::to_string(number_)}}};
  }
  std::unique_ptr<extension> accept(const extension_parameters& response) const override {
    if (response != offers()[1]) throw negotiation_error("not what was offered");
    return std::make_unique<adding>(bit_, number_);
  }
  std::optional<agreement> answer(const extension_parameters& offer) const override {
    if (offer != offers()[1]) return std::nullopt;
    return agreement{offer, std::make_unique<adding>(bit_, number_)};
  }

 private:
  std::string name_;
  reserved_bit bit_;
  unsigned char number_;
};

std::shared_ptr<adding_factory> factory(std::string name, reserved_bit bit, unsigned char number) {
  return std::make_shared<adding_factory>(std::move(name), bit, number);
}

extension_list both(unsigned char first, unsigned char second) {
  extension_list list;
  list.push_back(std::make_unique<adding>(reserved_bit::rsv3, first));
  list.push_back(std::make_unique<adding>(reserved_bit::rsv2, second));
  return list;
}

extension_offers parse(const std::string& value) {
  return parse_extensions(headers{{"Sec-WebSocket-Extensions", value}}).value();
}

TEST(extension, the_first_offer_that_is_answered_counts) {
  const auto known = factory("adding", reserved_bit::rsv3, 1);
  EXPECT_EQ(write_offers({known}), "adding; by=nothing, adding; by=1");
  const auto agreed = answer_offers(parse(write_offers({known})), {known});
  EXPECT_EQ(agreed.header, "adding; by=1");
  EXPECT_EQ(accept_response(parse(agreed.header), {known}).size(), 1u);
  EXPECT_THROW(accept_response(parse("adding; by=2"), {known}), negotiation_error);
}

TEST(extension, one_reserved_bit_goes_to_one_extension) {
  const auto first = factory("a", reserved_bit::rsv1, 1),
             second = factory("b", reserved_bit::rsv1, 2),
             third = factory("c", reserved_bit::rsv2, 3);
  const std::string offers = write_offers({first, second, third});
  EXPECT_EQ(answer_offers(parse(offers), {second, first, third}).header, "b; by=2, c; by=3");
  EXPECT_EQ(answer_offers(parse(offers + ", permessage-deflate"),
                          {first, std::make_shared<permessage_deflate>()})
                .header,
            "a; by=1");
  try {
    accept_response(parse("a; by=1, b; by=2"), {first, second});
    FAIL();
  } catch (const negotiation_error& problem) {
    EXPECT_STREQ(problem.what(), "extension 'b' has the reserved bit of another");
  }
}

TEST(extension, several_change_a_message_in_the_order_agreed_on) {
  connection client(side::client, {}, {}, test::zeros());
  client.set_extensions(both(1, 2));
  client.send(message::type::text, as_bytes("ab"));
  EXPECT_EQ(test::take_output(client), std::string("\xB1\x82\0\0\0\0de", 8));
  connection server(side::server, {}, {});
  server.set_extensions(both(1, 2));
  // The second takes its own back first and adds a dot, from which the first takes one.
  EXPECT_EQ(test::feed(server, {std::string("\xB1\x82\0\0\0\0de", 8)}).events,
            std::vector<std::string>{"text ab-."});
}

TEST(extension, each_message_says_who_changed_it) {
  const std::string payload = "de";
  const auto events = [&](unsigned bits) {
    connection server(side::server, {}, {});
    server.set_extensions(both(1, 2));
    return test::feed(server, {test::to_wire(side::client,
                                             test::wire_frame{.payload = payload, .rsv = bits})})
        .events;
  };
  EXPECT_EQ(events(0), std::vector<std::string>{"text de"});
  EXPECT_EQ(events(1), std::vector<std::string>{"text cd."});
  EXPECT_EQ(events(2), std::vector<std::string>{"text bc."});
  EXPECT_EQ(events(4), std::vector<std::string>{"close"});
}

TEST(extension, what_none_changes_can_be_lent) {
  connection server(side::server, {}, {});
  server.set_extensions(both(1, 2));
  const std::string text(100'000, 'a');
  server.send(message::type::text, as_bytes(text), true, false);
  EXPECT_EQ(server.data_to_send()[1].data(), as_bytes(text).data());
}

TEST(extension, a_problem_fails_the_connection_as_it_says) {
  connection server(side::server, {}, {});
  server.set_extensions(both(1, 2));
  const auto result = test::feed(
      server,
      {test::to_wire(side::client, test::wire_frame{.payload = std::string(1, '\0'), .rsv = 1})});
  EXPECT_EQ(result.close_sent, (close_info{1008, "a zero came"}));
}

// Throws once it has had so many calls.
class throwing final : public extension {
 public:
  explicit throwing(int calls) : calls_(calls) {}
  reserved_bit bit() const noexcept override { return reserved_bit::rsv3; }
  bool encode(const outgoing_fragment& fragment, buffer& out) override {
    if (calls_-- == 0) throw std::bad_alloc();
    out.append(fragment.payload);
    return true;
  }
  std::optional<decode_problem> decode(std::span<const std::byte> bytes, bool, buffer& out,
                                       std::size_t) override {
    if (calls_-- == 0) throw std::bad_alloc();
    out.append(bytes);
    return std::nullopt;
  }

 private:
  int calls_;
};

connection with_throwing(side own, int calls) {
  connection result(own, {}, {});
  extension_list list;
  list.push_back(std::make_unique<throwing>(calls));
  result.set_extensions(std::move(list));
  return result;
}

TEST(extension, an_exception_leaves_no_message_with_a_gap) {
  const std::string bytes = test::to_wire(
      side::client, test::wire_frame{.opcode = 2, .payload = std::string(20'000, 'a'), .rsv = 1});
  for (const int calls : {0, 1}) {
    connection server = with_throwing(side::server, calls);
    server.receive_data(as_bytes(bytes), {});
    EXPECT_THROW(server.next_event(), std::bad_alloc);
    EXPECT_EQ(server.state(), state::closed);
    const auto last = server.next_event();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->kind, event::type::close);
    EXPECT_FALSE(server.next_event());
  }
}

TEST(extension, an_exception_leaves_nothing_to_be_sent_behind_it) {
  connection server = with_throwing(side::server, 1);
  server.send(message::type::text, as_bytes("a"));
  EXPECT_THROW(server.send(message::type::text, as_bytes("b")), std::bad_alloc);
  EXPECT_EQ(server.state(), state::closed);
  EXPECT_THROW(server.send(message::type::text, as_bytes("c")), invalid_state);
}

TEST(extension, works_with_compression_behind_it) {
  const auto known = factory("adding", reserved_bit::rsv3, 1);
  const auto deflate = std::make_shared<permessage_deflate>();
  auto agreed = answer_offers(parse(write_offers({known, deflate})), {known, deflate});
  EXPECT_EQ(agreed.header, "adding; by=1, permessage-deflate");
  connection server(side::server, {}, {}), client(side::client, {}, {});
  client.set_extensions(accept_response(parse(agreed.header), {known, deflate}));
  server.set_extensions(std::move(agreed.extensions));
  const std::string text(1000, 'a');
  client.send(message::type::text, as_bytes(text));
  const std::string bytes = test::take_output(client);
  EXPECT_LT(bytes.size(), 100u);
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]), 0xD1);
  EXPECT_EQ(test::feed(server, test::chopped(bytes, 3)).events,
            std::vector<std::string>{"text " + text + '.'});
}

}  // namespace
}  // namespace duplex::protocol
