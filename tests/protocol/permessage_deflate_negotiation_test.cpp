// What two sides agree on (RFC 7692 sections 5 and 7.1).
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/error.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

namespace duplex::protocol {
namespace {

extension_offers offers_of(std::string_view value) {
  return parse_extensions(headers{{"Sec-WebSocket-Extensions", std::string(value)}}).value();
}

// The server's answer to what a client offers; "" where all is declined.
std::string answer(std::string_view offers, const deflate_options& options = {}) {
  return answer_offers(offers_of(offers), {std::make_shared<permessage_deflate>(options)}).header;
}

// What a client makes of a response: "" where it takes it, else what is wrong with it.
std::string judge(std::string_view response, const deflate_options& options = {}) {
  try {
    const auto agreed =
        accept_response(offers_of(response), {std::make_shared<permessage_deflate>(options)});
    EXPECT_EQ(agreed.size(), 1u);
    return "";
  } catch (const negotiation_error& problem) {
    return problem.what();
  }
}

std::string offered(const deflate_options& options) {
  return write_offers({std::make_shared<permessage_deflate>(options)});
}

const std::string name = "permessage-deflate";
const std::string with = name + "; ";

TEST(permessage_deflate_server, answers_an_offer) {
  EXPECT_EQ(answer(name), name);
  EXPECT_EQ(answer(with + "client_max_window_bits"), name);
  EXPECT_EQ(answer(with + "client_max_window_bits=15"), name);
  EXPECT_EQ(answer(with + "client_max_window_bits=10"), with + "client_max_window_bits=10");
  EXPECT_EQ(answer(with + "client_max_window_bits=\"8\""), with + "client_max_window_bits=8");
  for (int bits = 8; bits <= 15; ++bits) {
    const auto parameter = with + "server_max_window_bits=" + std::to_string(bits);
    EXPECT_EQ(answer(parameter), parameter);
  }
  EXPECT_EQ(answer(with + "server_no_context_takeover"), with + "server_no_context_takeover");
  EXPECT_EQ(answer(with + "client_no_context_takeover"), with + "client_no_context_takeover");
  EXPECT_EQ(answer(with + "client_max_window_bits; server_max_window_bits=9; "
                          "client_no_context_takeover; server_no_context_takeover"),
            with +
                "server_no_context_takeover; client_no_context_takeover; "
                "server_max_window_bits=9");
}

TEST(permessage_deflate_server, asks_for_what_it_wants_where_it_may) {
  const deflate_options small{.server_max_window_bits = 11, .client_max_window_bits = 10};
  EXPECT_EQ(answer(name, small), with + "server_max_window_bits=11");
  EXPECT_EQ(answer(with + "client_max_window_bits", small),
            with + "server_max_window_bits=11; client_max_window_bits=10");
  EXPECT_EQ(answer(with + "client_max_window_bits=9; server_max_window_bits=12", small),
            with + "server_max_window_bits=11; client_max_window_bits=9");
  EXPECT_EQ(answer(with + "client_max_window_bits=12; server_max_window_bits=9", small),
            with + "server_max_window_bits=9; client_max_window_bits=10");
  EXPECT_EQ(answer(name, {.server_no_context_takeover = true, .client_no_context_takeover = true}),
            with + "server_no_context_takeover; client_no_context_takeover");
}

TEST(permessage_deflate_server, declines_what_is_wrong) {
  for (const std::string wrong : {"server_max_window_bits",
                                  "server_max_window_bits=7",
                                  "server_max_window_bits=16",
                                  "server_max_window_bits=08",
                                  "server_max_window_bits=+9",
                                  "server_max_window_bits=9.",
                                  "server_max_window_bits=4294967305",
                                  "client_max_window_bits=7",
                                  "client_max_window_bits=16",
                                  "client_max_window_bits=a",
                                  "client_max_window_bits=010",
                                  "server_no_context_takeover=1",
                                  "server_no_context_takeover=true",
                                  "client_no_context_takeover=client",
                                  "unknown",
                                  "unknown=1",
                                  "Server_max_window_bits=10",
                                  "server_no_context_takeover; server_no_context_takeover",
                                  "client_max_window_bits; client_max_window_bits=10",
                                  "server_max_window_bits=10; server_max_window_bits=10"}) {
    EXPECT_EQ(answer(with + wrong), "") << wrong;
    // The next offer counts.
    EXPECT_EQ(answer(with + wrong + ", " + with + "server_max_window_bits=9"),
              with + "server_max_window_bits=9")
        << wrong;
  }
  EXPECT_EQ(answer("x-webkit-deflate-frame, PERMESSAGE-DEFLATE, permessage-bzip2"), "");
  EXPECT_EQ(answer(""), "");
}

TEST(permessage_deflate_server, answers_the_first_offer_that_is_right) {
  EXPECT_EQ(answer("foo; a=b, " + with + "server_max_window_bits=10, " + name),
            with + "server_max_window_bits=10");
}

TEST(permessage_deflate_client, offers_what_its_options_say) {
  EXPECT_EQ(offered({}), with + "client_max_window_bits");
  EXPECT_EQ(offered({.server_no_context_takeover = true,
                     .client_no_context_takeover = true,
                     .server_max_window_bits = 8,
                     .client_max_window_bits = 9}),
            with +
                "server_no_context_takeover; client_no_context_takeover; "
                "server_max_window_bits=8; client_max_window_bits=9");
}

TEST(permessage_deflate_client, takes_a_right_response) {
  for (const std::string response :
       {"", "; server_max_window_bits=8", "; client_max_window_bits=15",
        "; client_max_window_bits=8", "; server_no_context_takeover",
        "; client_no_context_takeover"}) {
    EXPECT_EQ(judge(name + response), "") << response;
  }
  EXPECT_EQ(judge(with + "server_max_window_bits=9; client_max_window_bits=10",
                  {.server_max_window_bits = 9, .client_max_window_bits = 10}),
            "");
  EXPECT_EQ(judge(with + "server_max_window_bits=8", {.server_max_window_bits = 9}), "");
}

TEST(permessage_deflate_client, refuses_a_wrong_response) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"permessage-bzip2", "unexpected extension 'permessage-bzip2'"},
      {name + ", permessage-bzip2", "unexpected extension 'permessage-bzip2'"},
      {name + ", " + name, "more than one extension 'permessage-deflate'"},
      {with + "x", "unknown parameter 'x' of permessage-deflate"},
      {with + "x=1", "unknown parameter 'x=1' of permessage-deflate"},
      {with + "client_max_window_bits",
       "invalid parameter 'client_max_window_bits' of permessage-deflate"},
      {with + "client_max_window_bits=7",
       "invalid parameter 'client_max_window_bits=7' of permessage-deflate"},
      {with + "server_max_window_bits=16",
       "invalid parameter 'server_max_window_bits=16' of permessage-deflate"},
      {with + "server_max_window_bits=09",
       "invalid parameter 'server_max_window_bits=09' of permessage-deflate"},
      {with + "server_max_window_bits",
       "invalid parameter 'server_max_window_bits' of permessage-deflate"},
      {with + "server_no_context_takeover=1",
       "invalid parameter 'server_no_context_takeover=1' of permessage-deflate"},
      {with + "client_no_context_takeover; client_no_context_takeover",
       "more than one 'client_no_context_takeover' of permessage-deflate"},
  };
  for (const auto& [response, problem] : table) EXPECT_EQ(judge(response), problem);
  EXPECT_EQ(judge(name, {.server_no_context_takeover = true}),
            "missing 'server_no_context_takeover' of permessage-deflate");
  EXPECT_EQ(judge(name, {.server_max_window_bits = 10}),
            "missing 'server_max_window_bits' of permessage-deflate");
  EXPECT_EQ(judge(with + "server_max_window_bits=11", {.server_max_window_bits = 10}),
            "server_max_window_bits of permessage-deflate is 11, and 10 was offered");
  EXPECT_EQ(judge(with + "client_max_window_bits=11", {.client_max_window_bits = 10}),
            "client_max_window_bits of permessage-deflate is 11, and 10 was offered");
}

TEST(permessage_deflate_handshake, both_sides_agree_with_all_options) {
  for (int options = 0; options < 4; ++options) {
    for (const int server_bits : {8, 11, 15}) {
      for (const int client_bits : {8, 11, 15}) {
        const deflate_options client{.server_no_context_takeover = (options & 1) != 0,
                                     .server_max_window_bits = server_bits,
                                     .client_max_window_bits = client_bits};
        const deflate_options server{.client_no_context_takeover = (options & 2) != 0,
                                     .server_max_window_bits = client_bits,
                                     .client_max_window_bits = server_bits};
        client_handshake theirs(uri("ws://localhost/"),
                                {.extensions = {std::make_shared<permessage_deflate>(client)}});
        server_handshake ours;
        ours.receive_data(as_bytes(theirs.data_to_send()));
        const auto request = ours.next_request();
        ASSERT_TRUE(request);
        const auto agreed =
            select_extensions(*request, {std::make_shared<permessage_deflate>(server)});
        ASSERT_EQ(agreed.extensions.size(), 1u);
        theirs.receive_data(
            as_bytes(write_response(server_handshake::accept(*request, {}, agreed.header))));
        EXPECT_TRUE(theirs.next_response()) << agreed.header;
        EXPECT_EQ(theirs.take_extensions().size(), 1u);
      }
    }
  }
}

TEST(permessage_deflate_handshake, a_response_without_it_is_no_failure) {
  client_handshake client(uri("ws://localhost/"),
                          {.extensions = {std::make_shared<permessage_deflate>()}});
  EXPECT_EQ(client.request().headers.get("Sec-WebSocket-Extensions"),
            with + "client_max_window_bits");
  server_handshake server;
  server.receive_data(as_bytes(client.data_to_send()));
  client.receive_data(as_bytes(write_response(server_handshake::accept(*server.next_request()))));
  EXPECT_TRUE(client.next_response());
  EXPECT_TRUE(client.take_extensions().empty());
}

TEST(permessage_deflate_handshake, a_malformed_header_fails_on_both_sides) {
  client_handshake client(uri("ws://localhost/"),
                          {.extensions = {std::make_shared<permessage_deflate>()}});
  std::string bytes = client.data_to_send();
  const auto at = bytes.find("client_max_window_bits");
  server_handshake server;
  server.receive_data(as_bytes(bytes.replace(at, 6, "=/=/=/")));
  EXPECT_FALSE(server.next_request());
  ASSERT_TRUE(server.refusal());
  EXPECT_EQ(server.refusal()->status, 400);
  EXPECT_EQ(server.refusal()->body, "invalid Sec-WebSocket-Extensions header\n");

  auto response = server_handshake::accept(client.request(), {}, "permessage-deflate; x=\"");
  client.receive_data(as_bytes(write_response(response)));
  ASSERT_TRUE(client.failure());
  try {
    std::rethrow_exception(client.failure());
  } catch (const invalid_header& failure) {
    EXPECT_STREQ(failure.what(),
                 "invalid Sec-WebSocket-Extensions header: permessage-deflate; x=\"");
  }
}

}  // namespace
}  // namespace duplex::protocol
