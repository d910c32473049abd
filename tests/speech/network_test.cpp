#include "speech/server/network.hpp"

#include <gtest/gtest.h>

namespace duplex::speech {
namespace {

TEST(network, addresses_of_one_ipv6_customer_are_one) {
  EXPECT_EQ(network_of("2001:db8:1:2::3"), "2001:db8:1:2::");
  EXPECT_EQ(network_of("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::");
  EXPECT_EQ(network_of("2001:db8:1:3::3"), "2001:db8:1:3::");
  EXPECT_EQ(network_of("fe80::1%eth0"), "fe80::");
}

TEST(network, other_hosts_are_themselves) {
  for (const char* host : {"192.0.2.1", "::ffff:192.0.2.1", "unix:/run/speech.sock", "unix:", ""})
    EXPECT_EQ(network_of(host), host);
}

}  // namespace
}  // namespace duplex::speech
