// What redirects do to where a client connects, without connecting.
#include "protocol/client_plan.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include <duplex/error.hpp>

namespace duplex::detail {
namespace {

std::string refusal(client_plan plan, const std::string& location) {
  try {
    plan.follow({.status = 302, .reason = "Found", .headers = {{"Location", location}}});
  } catch (const security_error& problem) {
    return problem.what();
  }
  return "followed to " + plan.target.str();
}

TEST(client_plan, follows_no_redirect_from_wss_to_ws) {
  const client_plan plan("wss://example.com/feed", {.proxy = std::nullopt});
  for (const std::string scheme : {"ws", "http", "WS", "Http"}) {
    EXPECT_EQ(refusal(plan, scheme + "://example.com/feed"),
              "cannot follow redirect to non-secure URI ws://example.com/feed");
    EXPECT_EQ(refusal(plan, scheme + "://example.com:443/"),
              "cannot follow redirect to non-secure URI ws://example.com:443/");
  }
  for (const char* const secure : {"/x", "//example.com/x", "https://example.com:443/x"}) {
    EXPECT_EQ(refusal(plan, secure), "followed to wss://example.com/x") << secure;
  }
}

TEST(client_plan, follows_no_redirect_with_a_socket) {
  const client_plan plan("ws://example.com/", {.sock = 0});
  EXPECT_EQ(refusal(plan, "/there"),
            "cannot follow redirect to ws://example.com/there with a preexisting socket");
}

TEST(client_plan, has_no_proxy_to_a_unix_socket_after_a_redirect_either) {
  ::setenv("ws_proxy", "http://proxy.example:3128", 1);
  client_plan plan("ws://localhost/", {.host = "unix:/run/app.sock"});
  EXPECT_FALSE(plan.dialling.proxy);
  plan.follow({.status = 302, .reason = "Found", .headers = {{"Location", "/there"}}});
  ::unsetenv("ws_proxy");
  EXPECT_FALSE(plan.dialling.proxy);
  EXPECT_EQ(plan.dialling.host, "unix:/run/app.sock");
}

}  // namespace
}  // namespace duplex::detail
