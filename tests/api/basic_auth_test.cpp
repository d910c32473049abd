// Names and passwords asked of whoever connects.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/basic_auth.hpp>
#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "http_answer.hpp"

namespace duplex::test {
namespace {

const std::string lab_challenge = "Basic realm=\"the lab\", charset=\"UTF-8\"";

// The status of the answer to a request with these headers, and who it was for.
struct outcome {
  std::string status = {};
  std::string username = "nobody";
  std::string challenge = {};
};

outcome outcome_of(request_step step, std::string headers) {
  outcome result;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        result.username = ws.username().value_or("nobody");
        co_return;
      },
      "127.0.0.1", 0, {.process_request = std::move(step)});
  const auto answer = answer_of(server, upgrade_request(headers));
  result.status = answer.status();
  result.challenge = answer.value("WWW-Authenticate");
  return result;
}

const std::string opens = "101 Switching Protocols";
const std::string refused = "401 Unauthorized";

TEST(basic_auth, lets_pass_who_has_one_of_the_passwords) {
  const auto step = basic_auth("the lab", {{"ada", "secret"}, {"bob", "hid:den"}});
  const auto ada = outcome_of(step, "Authorization: Basic YWRhOnNlY3JldA==\r\n");
  EXPECT_EQ(ada.status, opens);
  EXPECT_EQ(ada.username, "ada");
  const auto bob = outcome_of(step, "Authorization: basic   Ym9iOmhpZDpkZW4=\r\n");
  EXPECT_EQ(bob.status, opens);
  EXPECT_EQ(bob.username, "bob");
}

TEST(basic_auth, refuses_everyone_else_with_401_and_its_realm) {
  const auto step = basic_auth("the lab", {{"ada", "secret"}, {"bob", "hidden"}});
  for (const char* headers : {
           "",                                             // none
           "Authorization: Basic YWRhOmhpZGRlbg==\r\n",    // ada, bob's password
           "Authorization: Basic YWRhOnNlY3JldHM=\r\n",    // "secrets"
           "Authorization: Basic YWRhOnNlY3Jl\r\n",        // "secre"
           "Authorization: Basic YWRhOg==\r\n",            // an empty one
           "Authorization: Basic YWRh\r\n",                // no colon
           "Authorization: Basic YWRhOnNlY3JldA\r\n",      // no padding
           "Authorization: Basic YWRhOnNlY3JldA== x\r\n",  // more behind it
           "Authorization: Basic YWRhOnNl\tY3JldA==\r\n",  // space inside
           "Authorization: Basic\r\n",                     // nothing
           "Authorization: Bearer YWRhOnNlY3JldA==\r\n",   // another scheme
           "Authorization: Basic YWRhOnNlY3JldAA=\r\n",    // a NUL behind it
           "Authorization: Basic YWRhOnNlY3JldA==\r\n"
           "Authorization: Basic YWRhOnNlY3JldA==\r\n",  // twice
       }) {
    const auto result = outcome_of(step, headers);
    EXPECT_EQ(result.status, refused) << headers;
    EXPECT_EQ(result.challenge, lab_challenge) << headers;
  }
}

TEST(basic_auth, asks_a_check_whether_plain_or_a_coroutine) {
  const auto plain = [](std::string_view name, std::string_view password) {
    return name == "ada" && password == "secret";
  };
  const auto slow = [](std::string_view name, std::string_view password) -> task<bool> {
    co_await sleep_for(1ms);
    co_return name == "ada" && password == "secret";
  };
  for (const auto& check : {credential_check(plain), credential_check(slow)}) {
    const auto step = basic_auth("the lab", check);
    EXPECT_EQ(outcome_of(step, "Authorization: Basic YWRhOnNlY3JldA==\r\n").username, "ada");
    EXPECT_EQ(outcome_of(step, "Authorization: Basic YWRhOnNlY3JldHM=\r\n").status, refused);
  }
}

TEST(basic_auth, knows_our_client_by_the_userinfo_of_its_uri) {
  std::string username;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        username = ws.username().value_or("nobody");
        co_return;
      },
      "127.0.0.1", 0, {.process_request = basic_auth("x", {{"ada", "sec ret"}})});
  run_test([&]() -> task<> {
    const auto uri = "ws://ada:sec%20ret@127.0.0.1:" + std::to_string(server.port());
    auto ws = co_await connect(uri);
    co_await ws.wait_closed();
  });
  EXPECT_EQ(username, "ada");
}

TEST(basic_auth, refuses_what_makes_no_sense) {
  const auto failure = [](std::string realm, std::vector<credentials> accepted) {
    return failure_now([&] { basic_auth(std::move(realm), std::move(accepted)); });
  };
  EXPECT_EQ(failure("a \"lab\"", {{"ada", "x"}}),
            "invalid argument: the realm of basic_auth must be text without quotes, got 'a "
            "\"lab\"'");
  EXPECT_EQ(failure("lab", {{"a:b", "x"}}),
            "invalid argument: a name of basic_auth must be without colons, got 'a:b'");
  EXPECT_EQ(failure("lab", {}), "invalid argument: basic_auth needs credentials");
  EXPECT_EQ(failure_now([] { basic_auth("lab", credential_check::plain()); }),
            "invalid argument: basic_auth needs a check");
}

}  // namespace
}  // namespace duplex::test
