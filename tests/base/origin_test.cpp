// Rules for the Origin header.
#include <string>

#include <gtest/gtest.h>

#include <duplex/origin.hpp>

namespace duplex {
namespace {

request asking(std::string host) {
  request result;
  result.headers.add("Host", std::move(host));
  return result;
}

TEST(origin_rule, of_text_allows_that_very_origin) {
  const origin_rule rule = "https://example.com";
  EXPECT_TRUE(rule.allows("https://example.com", {}));
  for (const char* other :
       {"http://example.com", "https://example.com:8443", "https://example.com.evil.net",
        "https://EXAMPLE.com", "https://example.com/", "null", ""}) {
    EXPECT_FALSE(rule.allows(other, {})) << other;
  }
  EXPECT_FALSE(rule.allows({}, {}));
  EXPECT_TRUE(origin_rule("null").allows("null", {}));
}

TEST(origin_rule, refuses_text_that_no_browser_sends) {
  for (const char* wrong : {"https://example.com/", "example.com", "https://", "://x", "https://*",
                            "https://Example.com", "https://a@b", ""}) {
    try {
      const origin_rule rule(wrong);
      ADD_FAILURE() << wrong;
    } catch (const std::invalid_argument& problem) {
      EXPECT_EQ(problem.what(),
                "origins must be like 'https://example.com', without a path and in lower case, "
                "got '" +
                    std::string(wrong) + "'");
    }
  }
}

TEST(same_origin_rule, compares_host_and_port_with_the_requests_host) {
  const origin_rule rule = same_origin;
  EXPECT_TRUE(rule.allows("https://example.com", asking("example.com")));
  EXPECT_TRUE(rule.allows("http://example.com", asking("example.com")));
  EXPECT_TRUE(rule.allows("https://example.com", asking("EXAMPLE.com:443")));
  EXPECT_TRUE(rule.allows("http://example.com:8000", asking("example.com:8000")));
  EXPECT_TRUE(rule.allows("http://[::1]:8000", asking("[::1]:8000")));
  EXPECT_FALSE(rule.allows("http://example.com", asking("example.com:443")));
  EXPECT_FALSE(rule.allows("http://example.com:8001", asking("example.com:8000")));
  EXPECT_FALSE(rule.allows("https://evil.net", asking("example.com")));
  EXPECT_FALSE(rule.allows("https://example.com.evil.net", asking("example.com")));
  EXPECT_FALSE(rule.allows("null", asking("example.com")));
  EXPECT_FALSE(rule.allows("ftp://example.com", asking("example.com")));
  EXPECT_FALSE(rule.allows({}, asking("example.com")));
  EXPECT_FALSE(rule.allows("https://example.com", {}));
}

TEST(no_origin_rule, allows_requests_without_the_header_alone) {
  EXPECT_TRUE(no_origin({}, {}));
  EXPECT_FALSE(no_origin("", {}));
  EXPECT_FALSE(no_origin("null", {}));
}

TEST(origin_matching_rule, matches_from_the_first_to_the_last_character) {
  const origin_rule rule = origin_matching("https://([a-z0-9-]+\\.)?example\\.com");
  EXPECT_TRUE(rule.allows("https://example.com", {}));
  EXPECT_TRUE(rule.allows("https://www.example.com", {}));
  EXPECT_FALSE(rule.allows("https://www.example.com.evil.net", {}));
  EXPECT_FALSE(rule.allows("xhttps://example.com", {}));
  EXPECT_FALSE(rule.allows({}, {}));
}

TEST(origin_matching_rule, allows_nothing_longer_than_512_characters) {
  const origin_rule rule = origin_matching("https://a*");
  EXPECT_TRUE(rule.allows("https://" + std::string(504, 'a'), {}));
  EXPECT_FALSE(rule.allows("https://" + std::string(505, 'a'), {}));
}

TEST(origin_matching_rule, refuses_what_is_no_expression) {
  try {
    origin_matching("https://(");
    ADD_FAILURE();
  } catch (const std::invalid_argument& problem) {
    EXPECT_TRUE(
        std::string(problem.what())
            .starts_with("origin_matching must be given a regular expression, got 'https://(': "))
        << problem.what();
  }
}

}  // namespace
}  // namespace duplex
