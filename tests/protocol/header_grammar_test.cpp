#include <duplex/protocol/header_grammar.hpp>

#include <gtest/gtest.h>

namespace duplex::protocol {
namespace {

using list = std::vector<std::string_view>;

TEST(header_grammar, a_list_goes_over_several_lines) {
  const headers fields{{"X", "a,b ,\tc"}, {"Y", "no"}, {"x", "d"}, {"X", ""}, {"X", ", ,e,"}};
  EXPECT_EQ(parse_list(fields, "x"), (list{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(parse_list(fields, "z"), list{});
}

TEST(header_grammar, a_token_list_has_only_tokens) {
  EXPECT_EQ(parse_token_list(headers{{"X", "chat, superchat.v2"}}, "X"),
            (list{"chat", "superchat.v2"}));
  EXPECT_EQ(parse_token_list(headers{}, "X"), list{});
  for (const std::string wrong : {"a b", "a, b;c", "\"a\"", "a/b", "caf\xC3\xA9", "a, (b)"}) {
    EXPECT_EQ(parse_token_list(headers{{"X", wrong}}, "X"), std::nullopt) << wrong;
  }
}

TEST(header_grammar, a_token_is_found_in_any_case_and_place) {
  const headers fields{{"Connection", "keep-alive, Upgrade"}, {"Connection", "x"}};
  EXPECT_TRUE(lists_token(fields, "connection", "upgrade"));
  EXPECT_TRUE(lists_token(fields, "connection", "X"));
  EXPECT_FALSE(lists_token(fields, "connection", "up"));
  EXPECT_FALSE(lists_token(fields, "upgrade", "websocket"));
}

}  // namespace
}  // namespace duplex::protocol
