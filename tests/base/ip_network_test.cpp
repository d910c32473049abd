#include "base/ip_network.hpp"

#include <gtest/gtest.h>

namespace duplex::detail {
namespace {

TEST(ip_network, contains_what_shares_its_bits) {
  struct {
    const char *network, *inside, *outside;
  } const cases[] = {{"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
                     {"192.0.2.128/25", "192.0.2.255", "192.0.2.127"},
                     {"127.0.0.1", "127.0.0.1", "127.0.0.2"},
                     {"127.0.0.1/32", "::ffff:127.0.0.1", "::1"},
                     {"0.0.0.0/0", "255.0.0.1", "2001:db8::1"},
                     {"::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"},
                     {"::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"},
                     {"::1", "::1", "::2"},
                     {"::/0", "2001:db8::1", "10.0.0.1"},
                     {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"}};
  for (const auto& [network, inside, outside] : cases) {
    EXPECT_TRUE(ip_network::parse(network)->contains(*parse_ip_address(inside))) << network;
    EXPECT_FALSE(ip_network::parse(network)->contains(*parse_ip_address(outside))) << network;
  }
}

TEST(ip_network, refuses_what_is_none) {
  for (const char* wrong :
       {"", "10.0.0.0/33", "::/129", "::ffff:10.0.0.0/95", "10.0.0.0/", "10.0.0.0/8x",
        "10.0.0.0/-1", "10.0.0", "localhost", "/8", "fe80::1%lo"}) {
    EXPECT_FALSE(ip_network::parse(wrong)) << wrong;
  }
}

TEST(ip_address_text, is_as_rfc_5952_wants_it) {
  for (const char* text :
       {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "1::", "2001:db8::1",
        "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "2001:db8::1:0:0:1", "::ffff:192.0.2.1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0:1:2:3:4:5:6:7", "1:2:3:4:5:6:7:0"}) {
    EXPECT_EQ(to_text(*parse_ip_address(text)), text);
  }
  EXPECT_EQ(to_text(*parse_ip_address("2001:0DB8:0000:0000:0001:0000:0000:0001")),
            "2001:db8::1:0:0:1");
}

}  // namespace
}  // namespace duplex::detail
