#include <duplex/http.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace duplex {
namespace {

TEST(headers, compare_names_without_case_and_keep_their_order) {
  headers fields{{"Host", "a"}, {"X", "1"}, {"x", "2"}};
  EXPECT_EQ(fields.get("HOST"), "a");
  EXPECT_EQ(fields.get("X"), std::nullopt) << "there are two";
  EXPECT_EQ(fields.get("Y"), std::nullopt);
  EXPECT_EQ(fields.all("X"), (std::vector<std::string_view>{"1", "2"}));
  EXPECT_EQ(fields.count("x"), 2U);
  EXPECT_TRUE(fields.contains("host"));
  fields.set("X", "3");
  EXPECT_EQ(fields, (headers{{"Host", "a"}, {"X", "3"}}));
  fields.remove("hOST");
  EXPECT_EQ(fields, (headers{{"X", "3"}}));
  EXPECT_EQ(fields.size(), 1U);
}

TEST(headers, refuse_what_would_break_a_line) {
  headers fields{{"X", "1"}};
  for (const std::string name : {"", "a b", "a:", "a\r\nb", "caf\xC3\xA9", "a\tb"}) {
    EXPECT_THROW(fields.add(name, "x"), std::invalid_argument) << name;
    EXPECT_THROW(fields.set(name, "x"), std::invalid_argument) << name;
  }
  for (const std::string& value :
       {std::string("a\r\nEvil: b"), std::string("a\nb"), std::string("a\rb"),
        std::string("a\0b", 3), std::string("\x7F"), std::string(" a"), std::string("a\t")}) {
    EXPECT_THROW(fields.add("X", value), std::invalid_argument) << value;
    EXPECT_THROW(fields.set("X", value), std::invalid_argument) << value;
    EXPECT_THROW((headers{{"X", value}}), std::invalid_argument) << value;
  }
  EXPECT_EQ(fields, (headers{{"X", "1"}})) << "a refused change changed something";
  fields.add("X-Y", "a\tb caf\xC3\xA9");
}

TEST(headers, never_show_a_refused_value) {
  try {
    headers{{"Authorization", "Basic secret\n"}};
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "invalid value of header Authorization");
  }
}

TEST(request, has_a_path_and_a_query) {
  const auto with_target = [](std::string target) { return request{.target = std::move(target)}; };
  EXPECT_EQ(with_target("/a/b?c=d?e").path(), "/a/b");
  EXPECT_EQ(with_target("/a/b?c=d?e").query(), "c=d?e");
  EXPECT_EQ(with_target("/a").path(), "/a");
  EXPECT_EQ(with_target("/a").query(), "");
  EXPECT_EQ(with_target("/?").query(), "");
}

TEST(tokens, have_the_characters_of_rfc_9110) {
  const std::string allowed =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int c = 0; c < 256; ++c) {
    const std::string text(1, static_cast<char>(c));
    EXPECT_EQ(is_token(text), allowed.find(text) != std::string::npos) << c;
  }
  EXPECT_FALSE(is_token(""));
}

}  // namespace
}  // namespace duplex
