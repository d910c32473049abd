// Texts of addresses, against the system's own reader.
#include "base/ip_address.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace duplex::detail {
namespace {

std::optional<ip_address> by_the_system(const std::string& text) {
  if (text.find('\0') != std::string::npos) return std::nullopt;
  ip_address result;
  if (inet_pton(AF_INET, text.c_str(), result.bytes.data()) == 1) return result;
  result.size = 16;
  if (inet_pton(AF_INET6, text.c_str(), result.bytes.data()) == 1) return result;
  return std::nullopt;
}

constexpr std::string_view texts[] = {"127.0.0.1",
                                      "0.0.0.0",
                                      "255.255.255.255",
                                      "256.0.0.1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.",
                                      ".1.2.3",
                                      "01.2.3.4",
                                      "1.2.3.04",
                                      "",
                                      "::",
                                      "::1",
                                      "1::",
                                      ":::",
                                      "::1::",
                                      "1::2::3",
                                      "1:2:3:4:5:6:7:8",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7::",
                                      "::2:3:4:5:6:7:8",
                                      "2001:DB8::aBcD",
                                      "12345::",
                                      "g::",
                                      "::ffff:1.2.3.4",
                                      "1:2:3:4:5:6:1.2.3.4",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "::1.2.3.4:5",
                                      "1:",
                                      ":1",
                                      "fe80::1%eth0",
                                      "[::1]"};

TEST(ip_address, is_read_as_the_system_reads_it) {
  for (const auto text : texts) {
    EXPECT_EQ(parse_ip_address(text), by_the_system(std::string(text))) << text;
  }
}

TEST(ip_address, is_read_as_the_system_reads_it_when_mutated) {
  std::mt19937 random(7);
  constexpr std::string_view letters = ":.0123456789afg";
  for (int i = 0; i < 50'000; ++i) {
    std::string text(texts[random() % std::size(texts)]);
    for (unsigned changes = random() % 3 + 1; changes > 0; --changes) {
      const auto at = random() % (text.size() + 1);
      if (random() % 2 == 0) {
        text.insert(at, 1, letters[random() % letters.size()]);
      } else if (at < text.size()) {
        text.erase(at, 1);
      }
    }
    ASSERT_EQ(parse_ip_address(text), by_the_system(text)) << text;
  }
}

TEST(ip_address, is_in_the_networks_that_share_its_first_bits) {
  const auto share = [](std::string_view a, std::string_view b, std::size_t prefix) {
    return same_prefix(*parse_ip_address(a), *parse_ip_address(b), prefix);
  };
  EXPECT_TRUE(share("10.1.2.3", "10.0.0.0", 8));
  EXPECT_FALSE(share("11.1.2.3", "10.0.0.0", 8));
  EXPECT_TRUE(share("10.1.255.3", "10.1.128.0", 17));
  EXPECT_FALSE(share("10.1.127.3", "10.1.128.0", 17));
  EXPECT_TRUE(share("10.1.2.3", "10.1.2.3", 32));
  EXPECT_FALSE(share("10.1.2.3", "10.1.2.2", 32));
  EXPECT_TRUE(share("1.2.3.4", "5.6.7.8", 0));
  EXPECT_FALSE(share("1.2.3.4", "1.2.3.4", 33));
  EXPECT_TRUE(share("fe80::1", "fe80::", 10));
  EXPECT_FALSE(share("fec0::1", "fe80::", 10));
  EXPECT_FALSE(share("::1", "0.0.0.0", 0));
}

}  // namespace
}  // namespace duplex::detail
