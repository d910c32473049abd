// International names, as browsers and Python write them in ASCII.
#include "base/idna.hpp"

#include <gtest/gtest.h>

#include <string>

namespace duplex::detail {
namespace {

TEST(idna, writes_labels_in_punycode) {
  const std::pair<std::string_view, std::string_view> names[] = {
      {"localhost", "localhost"},
      {"bücher.example", "xn--bcher-kva.example"},
      {"BÜCHER.example", "xn--bcher-kva.example"},
      {"mañana.com", "xn--maana-pta.com"},
      {"例え.テスト", "xn--r8jz45g.xn--zckzah"},
      {"例え。テスト", "xn--r8jz45g.xn--zckzah"},
      {"правда.рф", "xn--80aafi6cg.xn--p1ai"},
      {"ПРАВДА.РФ", "xn--80aafi6cg.xn--p1ai"},
      {"ü", "xn--tda"},
      {"💩.la", "xn--ls8h.la"},
      // RFC 3492 section 7.1, (B) and (I), in lower case as names are
      {"他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"},
      {"почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"},
      {"a.b.", "a.b."},
  };
  for (const auto& [name, ascii] : names) EXPECT_EQ(idna_to_ascii(name), ascii) << name;
}

TEST(idna, refuses_what_is_no_utf_8_or_too_long) {
  for (const std::string_view name : {"\x80", "a\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
                                      "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xFF"}) {
    EXPECT_EQ(idna_to_ascii(name), std::nullopt);
  }
  EXPECT_EQ(idna_to_ascii(std::string(64, 'a')), std::nullopt);
  std::string long_label;
  for (int i = 0; i < 60; ++i) long_label += "ü";
  EXPECT_EQ(idna_to_ascii(long_label), std::nullopt);
  std::string long_name;
  for (int i = 0; i < 1'000; ++i) long_name += "ü.";
  EXPECT_EQ(idna_to_ascii(long_name), std::nullopt);
}

}  // namespace
}  // namespace duplex::detail
