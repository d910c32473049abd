// Messages on a terminal: harmless, and readable.
#include "connect/display.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "connect/json_layout.hpp"
#include "escape.hpp"

namespace duplex::cli {
namespace {

TEST(printable, text_of_all_scripts_stays) {
  for (const std::string text : {"", "plain \"quoted\" \\", "äöü ☃ 日本語 😀", "a\tb\nc"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(printable, control_characters_are_shown) {
  EXPECT_EQ(printable("\x1b[2J\x07\r\x7f"), "\\x1b[2J\\x07\\x0d\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");
  EXPECT_EQ(printable("\xe2\x80\xae txt.exe \xe2\x81\xa6\xe2\x80\xa8"),
            "\\u202e txt.exe \\u2066\\u2028");
  EXPECT_EQ(printable("\xd8\x9c"), "\\u061c");
}

TEST(printable, bytes_that_are_no_utf8_are_shown) {
  EXPECT_EQ(printable("\x9b\xff"), "\\x9b\\xff");
  EXPECT_EQ(printable("\xc2"), "\\xc2");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");
  EXPECT_EQ(printable("\xc1\x9b"), "\\xc1\\x9b");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(json, is_laid_out_as_it_was_written) {
  EXPECT_EQ(lay_out_json("1"), "1");
  EXPECT_EQ(lay_out_json(" [ ] "), "[]");
  EXPECT_EQ(lay_out_json(R"({"a":{ },"b":[1.0,12345678901234567890123],"a":"x, {\"y\": \\"})"),
            "{\n"
            "  \"a\": {},\n"
            "  \"b\": [\n"
            "    1.0,\n"
            "    12345678901234567890123\n"
            "  ],\n"
            "  \"a\": \"x, {\\\"y\\\": \\\\\"\n"
            "}");
}

TEST(json, other_text_and_deep_nesting_are_left_alone) {
  for (const std::string text : {"", "{", "nul", "[1,]", "\"", "{\"a\":1} x"}) {
    EXPECT_EQ(lay_out_json(text), std::nullopt) << text;
  }
  EXPECT_TRUE(lay_out_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(lay_out_json(std::string(65, '[') + "1" + std::string(65, ']')));
  EXPECT_FALSE(lay_out_json(std::string(1 << 20, '[') + std::string(1 << 20, ']')));
}

TEST(display, lines_of_a_message_are_told_from_those_of_the_program) {
  const message text("one\n> two");
  EXPECT_EQ(show(text, {.interactive = true, .terminal = true}), "< one\n  > two\n");
  EXPECT_EQ(show(text, {}), "one\n> two\n");
}

TEST(printable_json, means_the_same) {
  EXPECT_EQ(printable_json("{\n\t\"é☃😀 \\n\"}"), "{\n\t\"é☃😀 \\n\"}");
  EXPECT_EQ(printable_json("\"\x7f\xc2\x80\xc2\x9f\xe2\x80\xae\""),
            R"("\u007f\u0080\u009f\u202e")");
  EXPECT_EQ(printable_json("\"\xff\""), R"("\ufffd")");
}

TEST(display, lines_of_a_message_on_a_terminal_are_indented_unless_laid_out_here) {
  EXPECT_EQ(show(message("one\ntwo"), {.terminal = true}), "one\n  two\n");
  EXPECT_EQ(show(message("one\n[1]"), {.terminal = true, .json = true}), "one\n  [1]\n");
  EXPECT_EQ(show(message("[1]"), {.terminal = true, .json = true}), "[\n  1\n]\n");
  EXPECT_EQ(show(message("[1]"), {.interactive = true, .terminal = true, .json = true}),
            "< [\n    1\n  ]\n");
}

TEST(display, control_characters_go_to_pipes_only) {
  const message text("\x1b[2J");
  EXPECT_EQ(show(text, {.terminal = true}), "\\x1b[2J\n");
  EXPECT_EQ(show(text, {}), "\x1b[2J\n");
}

TEST(typed_message, is_text_or_hexadecimal) {
  EXPECT_EQ(typed_message("@00", false).text(), "@00");
  EXPECT_TRUE(typed_message("00", false).is_text());
  const auto bytes = typed_message("00 fF\t1b", true);
  EXPECT_TRUE(bytes.is_binary());
  EXPECT_EQ(hexadecimal(bytes.bytes()), "00ff1b");
  EXPECT_THROW(typed_message("\xff", false), std::invalid_argument);
  EXPECT_THROW(typed_message("0", true), std::invalid_argument);
  EXPECT_THROW(typed_message("0x00", true), std::invalid_argument);
  EXPECT_THROW(typed_message("@/nonexistent", true), std::system_error);
}

}  // namespace
}  // namespace duplex::cli
