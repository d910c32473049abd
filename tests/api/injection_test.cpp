// Nothing an application hands over can add a line to a handshake: it is refused at the call, on
// both sides.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <duplex/client.hpp>
#include <duplex/server.hpp>
#include <duplex/sync/client.hpp>

#include "api/support.hpp"

namespace duplex {
namespace {

using test::failure_now;

// Values that would end a header, or a line, or a string.
std::vector<std::string> poisons() {
  return {"x\r\nEvil: y", "x\ny", "x\ry", std::string("x\0y", 3), "x\x1B[2J", "x\x7F", "x\r\n"};
}

// What `connect` and `sync::connect` throw, which is the same, before there is anything to await.
std::string refusal_of(std::string_view uri, const connect_options& options) {
  const auto refusal =
      failure_now([&] { [[maybe_unused]] const auto open = connect(uri, options); });
  EXPECT_EQ(refusal, failure_now([&] { sync::connect(uri, options); }));
  return refusal;
}

TEST(injection, into_a_request_is_refused_at_the_call) {
  const std::string uri = "ws://127.0.0.1:1/";
  for (const std::string& poison : poisons()) {
    SCOPED_TRACE(testing::PrintToString(poison));
    EXPECT_EQ(
        refusal_of(uri, {.origin = poison}),
        "invalid argument: origin must be the value of a header, got '" + escaped(poison) + "'");
    EXPECT_EQ(refusal_of(uri, {.user_agent_header = poison}),
              "invalid argument: user_agent_header must be the value of a header, got '" +
                  escaped(poison) + "'");
    EXPECT_EQ(refusal_of(uri, {.additional_headers = {{"A", poison}}}),
              "invalid argument: additional_headers: invalid value of header A");
    EXPECT_EQ(refusal_of(uri, {.additional_headers = {{poison, "a"}}}).rfind("invalid argument", 0),
              0U);
    EXPECT_EQ(refusal_of(uri, {.subprotocols = {"chat", poison}}).rfind("invalid argument", 0), 0U);
    EXPECT_EQ(refusal_of(uri + poison, {}).rfind("invalid uri", 0), 0U);
    EXPECT_EQ(refusal_of("ws://" + poison + "@h/", {}).rfind("invalid uri", 0), 0U);
    EXPECT_EQ(refusal_of("ws://" + poison, {}).rfind("invalid uri", 0), 0U);
  }
}

TEST(injection, into_a_response_is_refused_at_the_call) {
  const auto handler = [](connection& ws) { return test::echo(ws); };
  for (const std::string& poison : poisons()) {
    SCOPED_TRACE(testing::PrintToString(poison));
    EXPECT_EQ(failure_now([&] {
                serve(handler, "127.0.0.1", 0, {.server_header = poison});
              }).rfind("invalid argument: server_header must be", 0),
              0U);
    EXPECT_EQ(failure_now([&] {
                serve(handler, "127.0.0.1", 0, {.subprotocols = {poison}});
              }).rfind("invalid argument: a subprotocol must be a token", 0),
              0U);
    EXPECT_EQ(failure_now([&] {
                headers{{"A", poison}};
              }),
              "invalid argument: invalid value of header A");
    EXPECT_EQ(failure_now([&] { headers{{poison, "a"}}; }).rfind("invalid argument", 0), 0U);
  }
}

// What a refused name looks like in a message: nothing that moves a terminal's cursor.
TEST(injection, is_escaped_where_it_is_shown) {
  for (const std::string& poison : poisons()) {
    for (const auto& shown :
         {refusal_of("ws://x/", {.subprotocols = {poison}}), refusal_of("ws://" + poison, {}),
          refusal_of("ws://x/", {.additional_headers = {{poison, "a"}}})}) {
      for (const char c : shown)
        EXPECT_TRUE(c >= 0x20 && c < 0x7F) << testing::PrintToString(shown);
    }
  }
}

}  // namespace
}  // namespace duplex
