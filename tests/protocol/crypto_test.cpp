#include "protocol/crypto.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include <duplex/buffer.hpp>
#include <duplex/protocol/types.hpp>

namespace duplex::protocol {
namespace {

TEST(base64, equals_the_vectors_of_rfc_4648) {
  const std::array<std::pair<std::string, std::string>, 7> vectors{{{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}}};
  for (const auto& [text, encoded] : vectors) EXPECT_EQ(base64_encode(as_bytes(text)), encoded);
}

TEST(base64, gives_back_what_was_encoded_and_nothing_for_what_was_not) {
  for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xFF\x00\xFE"}) {
    EXPECT_EQ(base64_decode(base64_encode(as_bytes(bytes))), bytes);
  }
  EXPECT_EQ(base64_decode("AAA="), std::string(2, '\0'));
  for (const char* wrong : {"Z", "Zg", "Zg=", "Zg===", "====", "=g==", "Z===", "Zg=a", "Zm 8",
                            "Zm\n8", "Zm8\t", " Zg==", "Zg== ", "Zm-_", "Zm8=Zm8=", "\xC3\xA9=="}) {
    EXPECT_EQ(base64_decode(wrong), std::nullopt) << wrong;
  }
}

TEST(constant_time_comparison, tells_equal_from_different) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secreT"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secre"));
  EXPECT_FALSE(equal_in_constant_time("", "secret"));
}

TEST(accept_key, equals_the_example_of_rfc_6455) {
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(system_random, fills_any_count_with_bytes_never_repeated) {
  const random_source random = system_random();
  std::set<std::array<std::byte, 16>> seen;
  for (int i = 0; i < 2000; ++i) {
    std::array<std::byte, 16> bytes{};
    random(bytes.data(), bytes.size());
    EXPECT_TRUE(seen.insert(bytes).second);
  }
  // More than a block at once; no part of it stays untouched.
  std::array<std::byte, 10000> bytes{};
  random(bytes.data(), bytes.size());
  for (std::size_t at = 0; at < bytes.size(); at += 100) {
    EXPECT_NE(std::count(&bytes[at], &bytes[at] + 100, std::byte{0}), 100) << at;
  }
}

}  // namespace
}  // namespace duplex::protocol
