#include <duplex/io/address.hpp>

#include <system_error>

#include <gtest/gtest.h>
#include <netdb.h>

#include "io/error.hpp"
#include "net/sockaddr.hpp"
#include "support/loop.hpp"

namespace duplex::io {
namespace {

using net::to_address;
using net::to_sockaddr;

TEST(address, text_has_brackets_for_ipv6_only) {
  EXPECT_EQ(to_string(address{"127.0.0.1", 8765}), "127.0.0.1:8765");
  EXPECT_EQ(to_string(address{"::1", 8765}), "[::1]:8765");
  EXPECT_EQ(to_string(address{}), ":0");
  EXPECT_EQ(unix_path_of("::1"), std::nullopt);
  EXPECT_EQ(to_string(address{"unix:/run/app.sock"}), "unix:/run/app.sock");
}

TEST(address, survives_the_systems_structure) {
  for (const address& each : {address{"127.0.0.1", 80}, address{"255.255.255.255", 65'535},
                              address{"::", 1}, address{"2001:db8::1", 443}}) {
    EXPECT_EQ(to_address(to_sockaddr(each)), each);
  }
  EXPECT_EQ(to_address(net::socket_address()), address());
}

TEST(address, of_a_unix_socket_survives_the_systems_structure) {
  for (const std::string path : {"/run/app.sock", "a", "@abstract", "./@file"}) {
    const address at = unix_address(path);
    EXPECT_EQ(at.host, "unix:" + path);
    EXPECT_EQ(unix_path_of(at.host), path);
    EXPECT_EQ(to_address(to_sockaddr(at)), at);
  }
  using namespace std::string_literals;
  EXPECT_EQ(unix_address("\0abstract"s).host, "unix:@abstract");
  const address longest = unix_address(std::string(107, 'x'));
  EXPECT_EQ(to_address(to_sockaddr(longest)), longest);
  for (const auto& wrong : {""s, std::string(108, 'x')}) {
    EXPECT_THROW(to_sockaddr(unix_address(wrong)), std::system_error) << wrong;
  }
}

TEST(address, keeps_the_zone_of_a_link_local_one) {
  EXPECT_EQ(to_address(to_sockaddr({"fe80::1%lo", 80})), (address{"fe80::1%lo", 80}));
}

TEST(address, of_one_customer_is_one_network) {
  for (const char* host : {"2001:db8:1:2::3", "2001:db8:1:2:ffff:ffff:ffff:ffff"})
    EXPECT_EQ(network_of({host, 80}), "2001:db8:1:2::");
  EXPECT_EQ(network_of({"2001:db8:1:3::3"}), "2001:db8:1:3::");
  EXPECT_EQ(network_of({"fe80::1%lo"}), "fe80:0:0:0::");
  EXPECT_EQ(network_of({"::ffff:192.0.2.1"}), "192.0.2.1");
  for (const char* host : {"192.0.2.1", "unix:/run/app.sock", "unix:", ""})
    EXPECT_EQ(network_of({host, 1}), host);
}

TEST(address, refuses_what_is_not_numeric) {
  for (const char* host : {"localhost", "", "1.2.3", "1.2.3.4.5", "[::1]", ":::1"}) {
    try {
      to_sockaddr({host, 1});
      ADD_FAILURE() << host;
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::invalid_argument);
      EXPECT_EQ(std::string(e.what()),
                "'" + std::string(host) + "' is not a numeric address: invalid argument");
    }
  }
}

TEST(system_error, reads_like_the_projects_own) {
  auto text = [](std::error_code code) -> std::string {
    try {
      throw_system_error(code, "cannot resolve 'nosuch.invalid'");
    } catch (const std::system_error& e) {
      const std::system_error copy = e;
      EXPECT_EQ(copy.code(), code);
      return e.what();
    }
  };
  EXPECT_EQ(text(to_resolver_error(EAI_NONAME)),
            "cannot resolve 'nosuch.invalid': name or service not known");
  EXPECT_EQ(text(to_error_code(-ECONNREFUSED)),
            "cannot resolve 'nosuch.invalid': connection refused");
  EXPECT_EQ(text(to_error_code(-ENOEXEC)), "cannot resolve 'nosuch.invalid': exec format error");
  EXPECT_EQ(to_error_code(-ECONNRESET), std::errc::connection_reset);
  EXPECT_EQ(to_error_code(-ECONNRESET).category(), std::system_category());
}

TEST(resolve, numeric_addresses_are_themselves) {
  auto ipv4 = test::run(resolve("127.0.0.1", 80));
  EXPECT_EQ(ipv4, (std::vector<address>{{"127.0.0.1", 80}}));
  auto ipv6 = test::run(resolve("::1", 65'535));
  EXPECT_EQ(ipv6, (std::vector<address>{{"::1", 65'535}}));
  EXPECT_EQ(resolve_now("::1", 65'535), ipv6);
}

TEST(resolve, localhost_is_loopback_without_repetitions) {
  auto found = test::run(resolve("localhost", 80));
  ASSERT_FALSE(found.empty());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(found[i].host == "127.0.0.1" || found[i].host == "::1") << found[i].host;
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(found[i], found[j]);
  }
  EXPECT_EQ(resolve_now("localhost", 80), found);
}

TEST(resolve, empty_host_is_the_wildcard_of_each_family) {
  auto any = test::run(resolve("", 80));
  EXPECT_EQ(any.size(), 2u);
  auto ipv4 = test::run(resolve("", 80, address_family::ipv4));
  EXPECT_EQ(ipv4, (std::vector<address>{{"0.0.0.0", 80}}));
  auto ipv6 = resolve_now("", 80, address_family::ipv6);
  EXPECT_EQ(ipv6, (std::vector<address>{{"::", 80}}));
}

TEST(resolve, failure_names_the_host_in_the_resolvers_words) {
  // Of the wrong family: a failure that asks no name server.
  constexpr const char* expected =
      "cannot resolve '::1': address family for hostname not supported";
  try {
    test::run(resolve("::1", 80, address_family::ipv4));
    FAIL() << "nothing thrown";
  } catch (const std::system_error& e) {
    EXPECT_STREQ(e.what(), expected);
    EXPECT_STREQ(e.code().category().name(), "resolver");
  }
  try {
    resolve_now("::1", 80, address_family::ipv4);
    FAIL() << "nothing thrown";
  } catch (const std::system_error& e) {
    EXPECT_STREQ(e.what(), expected);
  }
}

TEST(resolve, frame_destroyed_meanwhile_leaves_the_lookup_behind) {
  for (int i = 0; i < 20; ++i) {
    scope tasks;
    tasks.spawn([]() -> task<> { co_await resolve("localhost", 80); }());
    io::loop::current().run_until([] { return true; });
  }
  test::run_rounds();
}

TEST(resolve, stopped_throws_canceled) {
  std::stop_source stop;
  stop.request_stop();
  try {
    test::run(resolve("localhost", 80, address_family::any, stop.get_token()));
    FAIL() << "nothing thrown";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::operation_canceled);
  }
}

}  // namespace
}  // namespace duplex::io
