// Log records: levels, escaping, the default sink.
#include <gtest/gtest.h>

#include <duplex/log.hpp>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using duplex::escaped;
using duplex::log_level;

TEST(Log, LevelsHaveNames) {
  EXPECT_EQ(to_string(log_level::debug), "debug");
  EXPECT_EQ(to_string(log_level::info), "info");
  EXPECT_EQ(to_string(log_level::warning), "warning");
  EXPECT_EQ(to_string(log_level::error), "error");
}

TEST(Log, EveryControlCharacterIsEscaped) {
  for (int c = 0; c < 0x80; ++c) {
    const std::string one(1, static_cast<char>(c));
    const bool plain = c >= 0x20 && c != 0x7F && c != '\\';
    EXPECT_EQ(escaped(one) == one, plain) << c;
    for (const char escape : escaped(one)) EXPECT_TRUE(escape >= 0x20 && escape < 0x7F) << c;
  }
  EXPECT_EQ(escaped("a\r\n\tb\x1b[31m\x7f"), "a\\r\\n\\tb\\x1b[31m\\x7f");
  EXPECT_EQ(escaped("C:\\n"), "C:\\\\n");
  EXPECT_EQ(escaped("\xC2\x9B[31m"), "\\x9b[31m");  // U+009B, one character for ESC [
}

TEST(Log, CharactersThatTurnOrBreakLinesUnseenAreEscaped) {
  EXPECT_EQ(escaped("a\u202Eb\u2028c\u2029"), "a\\u202eb\\u2028c\\u2029");
  EXPECT_EQ(escaped("\u061C\u200E\u200F\u202A\u2066\u2069"),
            "\\u061c\\u200e\\u200f\\u202a\\u2066\\u2069");
}

TEST(Log, OtherTextIsLeftAlone) {
  for (const std::string text : {"", "plain", "na\u00EFve \u00A0", "\u8BED\u97F3",
                                 "\u200D \u2010 \u061B", "\xC2", "\xE2", "\xE2\x80", "\xFF"}) {
    EXPECT_EQ(escaped(text), text);
  }
}

TEST(Log, SinkGetsTheRecordEscaped) {
  std::vector<std::string> seen;
  const duplex::logger sink = [&](const duplex::log_record& record) {
    EXPECT_EQ(record.level, log_level::info);
    seen.emplace_back(record.message);
    seen.emplace_back(record.connection_id);
  };
  duplex::write_log(sink, log_level::info, "one\ntwo", "id");
  EXPECT_EQ(seen, (std::vector<std::string>{"one\\ntwo", "id"}));
}

TEST(Log, SinkThatIsEmptyOrThrowsIsHarmless) {
  duplex::write_log({}, log_level::error, "nobody hears");
  duplex::write_log([](const duplex::log_record&) { throw std::runtime_error("full disk"); },
                    log_level::error, "dropped");
}

TEST(Log, LoggerGivesItsSinkWhatItsLevelAllows) {
  std::vector<std::string> seen;
  const auto sink = [&](const duplex::log_record& record) { seen.emplace_back(record.message); };
  const duplex::logger usual = sink, all(sink, log_level::debug), few(sink, log_level::error);
  EXPECT_FALSE(usual.enabled(log_level::debug));
  EXPECT_TRUE(usual.enabled(log_level::info));
  for (const auto* each : {&usual, &all, &few}) {
    seen.clear();
    for (const auto level :
         {log_level::debug, log_level::info, log_level::warning, log_level::error}) {
      duplex::write_log(*each, level, to_string(level));
    }
    const std::vector<std::string> every = {"debug", "info", "warning", "error"};
    const int without = each == &all ? 0 : each == &usual ? 1 : 3;
    EXPECT_EQ(seen, std::vector<std::string>(every.begin() + without, every.end()));
  }
  EXPECT_FALSE(duplex::logger().enabled(log_level::error));
}

TEST(Log, DefaultSinkWritesOneLineFromItsLevelOn) {
  testing::internal::CaptureStderr();
  const auto sink = duplex::stderr_logger();
  sink({.level = log_level::info, .message = "quiet"});
  sink({.level = log_level::warning, .message = "heard", .connection_id = "7"});
  sink({.level = log_level::error, .message = "loud"});
  const std::string time = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )";
  const auto text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(std::regex_match(text, std::regex(time + R"(duplex: warning: heard \[7\]\n)" + time +
                                                "duplex: error: loud\n")))
      << text;
}

}  // namespace
