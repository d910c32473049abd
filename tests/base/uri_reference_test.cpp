// References against the examples of RFC 3986 and the cases of redirects.
#include "base/uri_reference.hpp"

#include <gtest/gtest.h>

namespace duplex::detail {
namespace {

// RFC 3986 section 5.4, at ws://a/b/c/d;p?q instead of http; fragments are dropped.
TEST(uri_reference, is_resolved_as_the_examples_of_the_rfc) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"g:h", "g:h"},
      {"g", "ws://a/b/c/g"},
      {"./g", "ws://a/b/c/g"},
      {"g/", "ws://a/b/c/g/"},
      {"/g", "ws://a/g"},
      {"//g", "ws://g"},
      {"?y", "ws://a/b/c/d;p?y"},
      {"g?y", "ws://a/b/c/g?y"},
      {"#s", "ws://a/b/c/d;p?q"},
      {"g#s", "ws://a/b/c/g"},
      {"g?y#s", "ws://a/b/c/g?y"},
      {";x", "ws://a/b/c/;x"},
      {"g;x", "ws://a/b/c/g;x"},
      {"", "ws://a/b/c/d;p?q"},
      {".", "ws://a/b/c/"},
      {"./", "ws://a/b/c/"},
      {"..", "ws://a/b/"},
      {"../", "ws://a/b/"},
      {"../g", "ws://a/b/g"},
      {"../..", "ws://a/"},
      {"../../", "ws://a/"},
      {"../../g", "ws://a/g"},
      {"../../../g", "ws://a/g"},
      {"../../../../g", "ws://a/g"},
      {"/./g", "ws://a/g"},
      {"/../g", "ws://a/g"},
      {"g.", "ws://a/b/c/g."},
      {".g", "ws://a/b/c/.g"},
      {"g..", "ws://a/b/c/g.."},
      {"..g", "ws://a/b/c/..g"},
      {"./../g", "ws://a/b/g"},
      {"./g/.", "ws://a/b/c/g/"},
      {"g/./h", "ws://a/b/c/g/h"},
      {"g/../h", "ws://a/b/c/h"},
      {"g;x=1/./y", "ws://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "ws://a/b/c/y"},
      {"g?y/./x", "ws://a/b/c/g?y/./x"},
      {"g?y/../x", "ws://a/b/c/g?y/../x"},
      {"http:g", "ws:g"},
      {"http:/.//g", "ws:/.//g"},  // no host
  };
  const uri base("ws://a/b/c/d;p?q");
  for (const auto& [reference, wanted] : rows) {
    EXPECT_EQ(resolve_reference(base, reference), wanted) << reference;
  }
}

TEST(uri_reference, keeps_scheme_and_port_and_maps_those_of_http) {
  const uri base("wss://user:pw@[::1]:8443/?x");
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"/y", "wss://[::1]:8443/y"},
      {"?", "wss://[::1]:8443/?"},
      {"//other:1/z", "wss://other:1/z"},
      {"https://other/z", "wss://other/z"},
      {"HTTP://other", "ws://other"},
      {"ws://other?q", "ws://other?q"},
      {"1http://x", "wss://[::1]:8443/1http://x"},
  };
  for (const auto& [reference, wanted] : rows) {
    EXPECT_EQ(resolve_reference(base, reference), wanted) << reference;
  }
}

TEST(uri_reference, is_below_a_path_that_begins_with_two_slashes) {
  const uri base("ws://host//a/b?q");
  EXPECT_EQ(resolve_reference(base, "c"), "ws://host//a/c");
  EXPECT_EQ(resolve_reference(base, "?y"), "ws://host//a/b?y");
  EXPECT_EQ(resolve_reference(base, "/.//c"), "ws://host//c");
}

TEST(uri_reference, has_the_origin_of_its_scheme_host_and_port) {
  const auto same = [](std::string_view a, std::string_view b) {
    return same_origin(uri(a), uri(b));
  };
  EXPECT_TRUE(same("ws://A/x", "ws://a:80/y"));
  EXPECT_TRUE(same("wss://u:p@a", "wss://a:443/"));
  EXPECT_FALSE(same("ws://a", "wss://a:80"));
  EXPECT_FALSE(same("ws://a", "ws://b"));
  EXPECT_FALSE(same("ws://a", "ws://a:81"));
}

}  // namespace
}  // namespace duplex::detail
