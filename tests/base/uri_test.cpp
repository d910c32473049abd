#include <duplex/uri.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <duplex/error.hpp>
#include <duplex/log.hpp>

namespace duplex {
namespace {

struct parsed {
  std::string text;
  bool secure;
  std::string host;
  int port;
  std::string target;
  std::string host_header;
};

TEST(uri, is_parsed) {
  const std::vector<parsed> table{
      {"ws://localhost", false, "localhost", 80, "/", "localhost"},
      {"wss://localhost", true, "localhost", 443, "/", "localhost"},
      {"WSS://Example.COM/Path", true, "example.com", 443, "/Path", "example.com"},
      {"ws://localhost:8765/chat?room=1", false, "localhost", 8765, "/chat?room=1",
       "localhost:8765"},
      {"ws://localhost:80/", false, "localhost", 80, "/", "localhost"},
      {"ws://localhost:443/", false, "localhost", 443, "/", "localhost:443"},
      {"wss://localhost:80/", true, "localhost", 80, "/", "localhost:80"},
      {"ws://localhost:/", false, "localhost", 80, "/", "localhost"},
      {"ws://localhost?x=/y", false, "localhost", 80, "/?x=/y", "localhost"},
      {"ws://127.0.0.1:65535/", false, "127.0.0.1", 65535, "/", "127.0.0.1:65535"},
      {"ws://[::1]/", false, "::1", 80, "/", "[::1]"},
      {"ws://[2001:DB8::1]:8080/a", false, "2001:db8::1", 8080, "/a", "[2001:db8::1]:8080"},
      {"ws://[::ffff:1.2.3.4]", false, "::ffff:1.2.3.4", 80, "/", "[::ffff:1.2.3.4]"},
      {"ws://x/a%20b/%C3%A9", false, "x", 80, "/a%20b/%C3%A9", "x"},
      {"ws://x/é?€=ü", false, "x", 80, "/%C3%A9?%E2%82%AC=%C3%BC", "x"},
      {"ws://x/a@b:c//d", false, "x", 80, "/a@b:c//d", "x"},
      {"ws://Bücher.example:8765/", false, "xn--bcher-kva.example", 8765, "/",
       "xn--bcher-kva.example:8765"},
      {"ws://my_host-1.local./", false, "my_host-1.local.", 80, "/", "my_host-1.local."},
  };
  for (const auto& each : table) {
    SCOPED_TRACE(each.text);
    const uri it(each.text);
    EXPECT_EQ(it.secure(), each.secure);
    EXPECT_EQ(it.host(), each.host);
    EXPECT_EQ(it.port(), each.port);
    EXPECT_EQ(it.target(), each.target);
    EXPECT_EQ(it.host_header(), each.host_header);
    EXPECT_EQ(it.userinfo(), std::nullopt);
    EXPECT_EQ(uri(it.str()).str(), it.str());
  }
}

TEST(uri, has_user_and_password_decoded) {
  const auto userinfo_of = [](const std::string& text) { return uri(text).userinfo(); };
  using pair = std::pair<std::string, std::string>;
  EXPECT_EQ(userinfo_of("ws://user:pw@host/"), (pair{"user", "pw"}));
  EXPECT_EQ(userinfo_of("ws://us%40er:p%3aw:x@host/"), (pair{"us@er", "p:w:x"}));
  EXPECT_EQ(userinfo_of("ws://user@host/"), (pair{"user", ""}));
  EXPECT_EQ(userinfo_of("ws://:@host/"), (pair{"", ""}));
  EXPECT_EQ(userinfo_of("ws://a@b:c@host/"), (pair{"a@b", "c"}));
  EXPECT_EQ(uri("ws://user:pw@host:81/x").str(), "ws://host:81/x");
}

std::string problem_of(const std::string& text) {
  try {
    uri it(text);
    return "none";
  } catch (const invalid_uri& error) {
    return error.what();
  }
}

TEST(uri, that_is_wrong_is_refused_with_the_reason) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "the scheme is not ws or wss"},
      {"localhost", "the scheme is not ws or wss"},
      {"http://localhost/", "the scheme is not ws or wss"},
      {"wsss://localhost/", "the scheme is not ws or wss"},
      {"ws:localhost", "it has no host"},
      {"ws:///path", "it has no host"},
      {"ws://:80/", "it has no host"},
      {"ws://", "it has no host"},
      {"ws://localhost/#x", "it has a fragment"},
      {"ws://localhost#", "it has a fragment"},
      {"ws://localhost/a b", "it contains a space or a control character"},
      {"ws://localhost/a\r\nEvil: b", "it contains a space or a control character"},
      {" ws://localhost", "it contains a space or a control character"},
      {"ws://localhost:0/", "'0' is not a port"},
      {"ws://localhost:65536/", "'65536' is not a port"},
      {"ws://localhost:8x/", "'8x' is not a port"},
      {"ws://localhost:-1/", "'-1' is not a port"},
      {"ws://::1/", "it has no host"},
      {"ws://[::1/", "a bracket is not closed"},
      {"ws://[::1]x/", "'x' follows the host"},
      {"ws://[localhost]/", "'localhost' is not an IPv6 address"},
      {"ws://[1.2.3.4]/", "'1.2.3.4' is not an IPv6 address"},
      {"ws://[]/", "'' is not an IPv6 address"},
      {"ws://[1::2::3]/", "'1::2::3' is not an IPv6 address"},
      {"ws://a,b/", "'a,b' is not a host name"},
      {"ws://a%20b/", "'a%20b' is not a host name"},
  };
  for (const auto& [text, problem] : table) {
    EXPECT_EQ(problem_of(text), "'" + escaped(text) + "' is not a valid WebSocket URI: " + problem);
  }
  for (const std::string userinfo : {"a%0D%0Ab", "a:%00", "%7f"}) {
    EXPECT_EQ(problem_of("ws://" + userinfo + "@h/"),
              "'ws://***@h/' is not a valid WebSocket URI: a control character in the user "
              "information");
  }
  EXPECT_EQ(problem_of("ws://a%3Ab:c@h/"),
            "'ws://***@h/' is not a valid WebSocket URI: a colon in the user name");
}

TEST(uri, that_is_wrong_is_shown_without_its_password) {
  EXPECT_EQ(problem_of("ws://user:secret@host:x/"),
            "'ws://***@host:x/' is not a valid WebSocket URI: 'x' is not a port");
  EXPECT_EQ(problem_of("ws://user:%zz@host/").find("zz"), std::string::npos);
  EXPECT_EQ(problem_of("http://user:secret@host/").find("secret"), std::string::npos);
  EXPECT_EQ(problem_of("ws://user:sec/ret@host/").find("sec"), std::string::npos);
  EXPECT_EQ(problem_of("ws://us er:secret@host/").find("secret"), std::string::npos);
}

}  // namespace
}  // namespace duplex
