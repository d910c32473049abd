#include <duplex/protocol/header_grammar.hpp>

#include <gtest/gtest.h>

#include "support/cost.hpp"

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

std::optional<extension_offers> extensions_of(const std::vector<std::string>& values) {
  headers fields;
  for (const std::string& each : values) fields.add("Sec-WebSocket-Extensions", each);
  return parse_extensions(fields);
}

TEST(header_grammar, extensions_have_parameters_with_and_without_values) {
  EXPECT_EQ(extensions_of({}), extension_offers{});
  EXPECT_EQ(extensions_of({"", ", ,"}), extension_offers{});
  EXPECT_EQ(extensions_of({"a"}), (extension_offers{{"a", {}}}));
  EXPECT_EQ(extensions_of({"a; x; y=1;z = \"t\\o\"\t, b;x=\"1\"", ",c,", "a;x"}),
            (extension_offers{{"a", {{"x", {}}, {"y", "1"}, {"z", "to"}}},
                              {"b", {{"x", "1"}}},
                              {"c", {}},
                              {"a", {{"x", {}}}}}));
}

TEST(header_grammar, extensions_have_tokens_only) {
  for (const std::string wrong : {"a b",          ";",
                                  "a;",           "a;;b",
                                  "a; =1",        "a; x=",
                                  "a; x=, b",     "a; x=1 2",
                                  "a/b",          "a; x=\"",
                                  "a; x=\"1",     "a; x=\"\"",
                                  "a; x=\"1 2\"", "a; x=\"1\"2",
                                  "a; x=\"1\\",   "a; x=\"\\\"\"",
                                  "\"a\"",        "=",
                                  "a=1",          "a; x==1",
                                  "a; \"x\"",     "a; x='1,2'; y z",
                                  "caf\xC3\xA9"}) {
    EXPECT_EQ(extensions_of({wrong}), std::nullopt) << wrong;
    EXPECT_EQ(extensions_of({"good; x=1", wrong}), std::nullopt) << wrong;
  }
}

TEST(header_grammar, extensions_are_bounded_in_number) {
  std::string offers = "a", parameters = "a;b";
  for (int i = 1; i < 64; ++i) {
    offers += ",a";
    parameters += ";b";
  }
  EXPECT_EQ(extensions_of({offers}).value().size(), 64u);
  EXPECT_EQ(extensions_of({parameters}).value()[0].parameters.size(), 64u);
  for (const auto& wrong : {offers + ",a", parameters + ";b"}) {
    EXPECT_EQ(extensions_of({wrong}), std::nullopt);
  }
  EXPECT_EQ(extensions_of({offers, "a"}), std::nullopt);
}

TEST(header_grammar, extensions_are_written_as_they_are_read) {
  const extension_offers offers{{"a", {{"x", {}}, {"y", "1"}}}, {"b", {}}};
  EXPECT_EQ(write_extensions(offers), "a; x; y=1, b");
  EXPECT_EQ(extensions_of({write_extensions(offers)}), offers);
  EXPECT_EQ(write_extensions({}), "");
}

TEST(header_grammar, extensions_take_time_in_proportion_to_their_length) {
  for (const std::string part : {"a", " ", ","}) {
    test::expect_linear(
        [&](int scale) {
          std::string value = "a";
          for (int i = 0; i < 4'000 * scale; ++i) value += part;
          return value + "z";
        },
        [](const std::string& value) {
          parse_extensions(headers{{"Sec-WebSocket-Extensions", value}});
        });
  }
}

}  // namespace
}  // namespace duplex::protocol
