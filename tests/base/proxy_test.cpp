// URLs of proxies, and what the environment says of them.
#include "base/proxy.hpp"

#include <gtest/gtest.h>

#include <map>

#include <duplex/error.hpp>

namespace duplex::detail {
namespace {

using type = proxy::type;
using variables = std::map<std::string, std::string>;

TEST(proxy, is_what_its_url_says) {
  const struct {
    std::string_view url;
    type kind;
    std::string host;
    std::uint16_t port;
  } rows[] = {
      {"http://localhost:3128", type::http, "localhost", 3128},
      {"HTTP://Proxy.Example/", type::http, "proxy.example", 80},
      {"https://proxy.example", type::https, "proxy.example", 443},
      {"socks4://10.0.0.1", type::socks4, "10.0.0.1", 1080},
      {"socks4a://proxy:9", type::socks4a, "proxy", 9},
      {"socks5://[::1]:1081", type::socks5, "::1", 1081},
      {"socks5h://proxy", type::socks5h, "proxy", 1080},
      {"http://bücher.example:1", type::http, "xn--bcher-kva.example", 1},
  };
  for (const auto& [url, kind, host, port] : rows) {
    const auto parsed = parse_proxy(url);
    EXPECT_EQ(parsed.kind, kind) << url;
    EXPECT_EQ(parsed.host, host) << url;
    EXPECT_EQ(parsed.port, port) << url;
    EXPECT_FALSE(parsed.credentials) << url;
  }
}

TEST(proxy, has_credentials_percent_decoded) {
  using pair = std::pair<std::string, std::string>;
  EXPECT_EQ(parse_proxy("http://user:p%40ss%2Fword@host:1").credentials,
            (pair{"user", "p@ss/word"}));
  EXPECT_EQ(parse_proxy("socks5://user@host").credentials, (pair{"user", ""}));
}

std::string problem_of(std::string_view url) {
  try {
    parse_proxy(url);
    return "none";
  } catch (const invalid_proxy& problem) {
    return problem.what();
  }
}

TEST(proxy, is_refused_where_its_url_makes_no_sense) {
  const std::string schemes = "the scheme is not http, https, socks4, socks4a, socks5 or socks5h";
  const std::pair<std::string, std::string> rows[] = {
      {"", schemes},
      {"localhost:3128", schemes},
      {"ftp://localhost", schemes},
      {"socks://localhost", schemes},
      {"http:localhost", schemes},
      {"http://", "it has no host"},
      {"http://:80", "it has no host"},
      {"http://host/path", "something follows the port"},
      {"http://host?query", "something follows the port"},
      {"http://host#fragment", "something follows the port"},
      {"http://host:0", "'0' is not a port"},
      {"http://ho st", "it contains a space or a control character"},
      {"http://host\r\nX: y", "it contains a space or a control character"},
  };
  for (const auto& [url, problem] : rows) {
    EXPECT_TRUE(problem_of(url).ends_with("is not a valid proxy: " + problem)) << problem_of(url);
  }
  EXPECT_EQ(
      problem_of("socks5://" + std::string(256, 'u') + ":p@host"),
      "'socks5://***@host' is not a valid proxy: its user information is longer than SOCKS can "
      "say");
}

TEST(proxy, keeps_its_credentials_out_of_what_is_said_of_it) {
  for (const std::string url :
       {"ftp://user:secret@host", "http://user:secret@host:x", "http://user:secret@host/path",
        "http://user:sec/secret@host", "http://user:secret/x@host", "http://us er:secret@host",
        "http://user:%zzsecret@host", "http://user:secret@", "http://secret:80/a@host"}) {
    EXPECT_EQ(problem_of(url).find("secret"), std::string::npos) << problem_of(url);
    EXPECT_NE(problem_of(url), "none");
  }
}

std::string found(const variables& set, std::string_view target = "ws://example.com") {
  return find_proxy(uri(target),
                    [&](const char* name) {
                      const auto entry = set.find(name);
                      return entry == set.end() ? nullptr : entry->second.c_str();
                    })
      .value_or("none");
}

TEST(proxy, of_the_environment_is_the_most_specific_one) {
  variables set{{"ws_proxy", "http://ws"},     {"wss_proxy", "http://wss"},
                {"socks_proxy", "socks5://s"}, {"https_proxy", "http://https"},
                {"http_proxy", "http://http"}, {"all_proxy", "http://all"}};
  for (const std::string name : {"ws", "socks", "https", "http", "all"}) {
    EXPECT_EQ(found(set), set[name + "_proxy"]);
    set.erase(name + "_proxy");
  }
  EXPECT_EQ(found(set), "none");

  set = {{"ws_proxy", "http://ws"},     {"wss_proxy", "http://wss"},
         {"socks_proxy", "socks5://s"}, {"https_proxy", "http://https"},
         {"http_proxy", "http://http"}, {"all_proxy", "http://all"}};
  for (const std::string name : {"wss", "socks", "https", "all"}) {
    EXPECT_EQ(found(set, "wss://example.com"), set[name + "_proxy"]);
    set.erase(name + "_proxy");
  }
  EXPECT_EQ(found(set, "wss://example.com"), "none");
}

TEST(proxy, of_the_environment_is_named_in_either_case_and_lower_case_wins) {
  EXPECT_EQ(found({{"HTTP_PROXY", "http://a"}}), "http://a");
  EXPECT_EQ(found({{"HTTP_PROXY", "http://a"}, {"http_proxy", "http://b"}}), "http://b");
  EXPECT_EQ(found({{"HTTP_PROXY", "http://a"}, {"http_proxy", ""}}), "none");
  EXPECT_EQ(found({{"HTTP_PROXY", ""}}), "none");
  EXPECT_EQ(found({{"https_proxy", ""}, {"http_proxy", "http://a"}}), "http://a");
  EXPECT_EQ(found({{"HTTP_PROXY", "http://a"}, {"NO_PROXY", "*"}}), "none");
  EXPECT_EQ(found({{"HTTP_PROXY", "http://a"}, {"NO_PROXY", "*"}, {"no_proxy", ""}}), "http://a");
}

TEST(proxy, of_a_cgi_program_is_not_what_its_client_says) {
  EXPECT_EQ(found({{"HTTP_PROXY", "http://evil"}, {"REQUEST_METHOD", "GET"}}), "none");
  EXPECT_EQ(found({{"http_proxy", "http://a"}, {"REQUEST_METHOD", "GET"}}), "http://a");
  EXPECT_EQ(found({{"HTTPS_PROXY", "http://a"}, {"REQUEST_METHOD", "GET"}}), "http://a");
}

TEST(proxy, of_the_environment_may_leave_its_scheme_out) {
  EXPECT_EQ(found({{"http_proxy", "proxy:3128"}}), "http://proxy:3128");
  EXPECT_EQ(found({{"socks_proxy", "proxy:1080"}}), "socks5h://proxy:1080");
  EXPECT_EQ(found({{"socks_proxy", "http://proxy:1080"}}), "socks5h://proxy:1080");
}

TEST(proxy, is_bypassed_for_the_servers_that_no_proxy_names) {
  const struct {
    std::string_view no_proxy, host;
    std::uint16_t port;
    bool bypassed;
  } rows[] = {
      {"", "example.com", 80, false},
      {"*", "example.com", 80, true},
      {"a,*", "example.com", 80, true},
      {"example.com", "example.com", 80, true},
      {"Example.COM", "example.com", 80, true},
      {"example.com", "www.example.com", 80, true},
      {"example.com", "badexample.com", 80, false},
      {"example.com", "example.com.evil", 80, false},
      {".example.com", "example.com", 80, true},
      {".example.com", "www.example.com", 80, true},
      {"*.example.com", "www.example.com", 80, true},
      {"*.example.com", "badexample.com", 80, false},
      {"a, example.com ,b", "example.com", 80, true},
      {"a example.com", "example.com", 80, true},
      {"example.com:80", "example.com", 80, true},
      {"example.com:80", "www.example.com", 80, true},
      {"example.com:81", "example.com", 80, false},
      {"com", "example.com", 80, true},
      {"example.com.", "www.example.com", 80, true},
      {"example.com", "www.example.com.", 80, true},
      {"example.com:80", "example.com.", 80, true},
      {"::ffff:10.0.0.0/104", "10.1.2.3", 80, true},
      {".", "example.com", 80, false},
      {",, ,", "example.com", 80, false},
      {"127.0.0.1", "127.0.0.1", 80, true},
      {"127.0.0.1:80", "127.0.0.1", 80, true},
      {"127.0.0.1:81", "127.0.0.1", 80, false},
      {"0.0.1", "127.0.0.1", 80, false},
      {"10.0.0.0/8", "10.1.2.3", 80, true},
      {"10.0.0.0/8", "11.1.2.3", 80, false},
      {"10.0.0.0/8", "10.example.com", 80, false},
      {"10.0.0.0/33", "10.0.0.0", 80, false},
      {"10.0.0.0/x", "10.0.0.0", 80, false},
      {"::1", "::1", 80, true},
      {"[::1]", "::1", 80, true},
      {"0:0::1", "::1", 80, true},
      {"[::1]:80", "::1", 80, true},
      {"[::1]:81", "::1", 80, false},
      {"fe80::/10", "fe80::1", 80, true},
      {"fe80::/10", "fec0::1", 80, false},
  };
  for (const auto& [no_proxy, host, port, bypassed] : rows) {
    EXPECT_EQ(bypasses_proxy(no_proxy, std::string(host), port), bypassed)
        << no_proxy << " for " << host << ":" << port;
  }
}

}  // namespace
}  // namespace duplex::detail
