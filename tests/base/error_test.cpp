#include <duplex/error.hpp>

#include <gtest/gtest.h>

#include <string>
#include <typeinfo>

namespace duplex {
namespace {

TEST(close_code, may_be_sent_where_the_rfc_says_so) {
  for (unsigned code = 0; code < 65536; ++code) {
    const bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                         (code >= 3000 && code <= 4999);
    ASSERT_EQ(is_sendable_close_code(static_cast<std::uint16_t>(code)), allowed) << code;
  }
}

TEST(close_code, is_told_in_words) {
  EXPECT_EQ(to_string({1000, ""}), "1000 (OK)");
  EXPECT_EQ(to_string({1001, "bye"}), "1001 (going away) bye");
  EXPECT_EQ(to_string({}), "1005 (no status received [internal])");
  EXPECT_EQ(describe_close_code(1007), "invalid frame payload data");
  EXPECT_EQ(describe_close_code(1012), "service restart");
  EXPECT_EQ(describe_close_code(3000), "registered");
  EXPECT_EQ(describe_close_code(4999), "private use");
  EXPECT_EQ(describe_close_code(5000), "unknown");
  EXPECT_EQ(describe_close_code(1004), "unknown");
}

std::string text_of(std::optional<close_info> rcvd, std::optional<close_info> sent,
                    std::optional<bool> rcvd_then_sent = {}) {
  return connection_closed(rcvd, sent, rcvd_then_sent).what();
}

TEST(connection_closed, reads_as_in_python) {
  const close_info leaving{1001, ""}, fine{1000, "done"};
  EXPECT_EQ(text_of(leaving, leaving, true),
            "received 1001 (going away); then sent 1001 (going away)");
  EXPECT_EQ(text_of(leaving, fine, false), "sent 1000 (OK) done; then received 1001 (going away)");
  EXPECT_EQ(text_of({}, {}), "no close frame received or sent");
  EXPECT_EQ(text_of({}, close_info{1011, "keepalive ping timeout"}),
            "sent 1011 (internal error) keepalive ping timeout; no close frame received");
  EXPECT_EQ(text_of(leaving, {}), "received 1001 (going away); no close frame sent");
}

bool is_ok(std::optional<close_info> rcvd, std::optional<close_info> sent) {
  const bool both = rcvd && sent;
  try {
    std::rethrow_exception(
        make_connection_closed(rcvd, sent, both ? std::optional(true) : std::nullopt));
  } catch (const connection_closed_ok& error) {
    EXPECT_EQ(error.rcvd(), rcvd);
    EXPECT_EQ(error.sent(), sent);
    return true;
  } catch (const connection_closed_error& error) {
    EXPECT_EQ(error.rcvd(), rcvd);
    EXPECT_EQ(error.sent(), sent);
    return false;
  }
}

TEST(connection_closed, is_ok_with_1000_1001_or_no_code_on_both_sides) {
  for (const std::uint16_t rcvd : {1000, 1001, 1005, 1002, 1011, 4000}) {
    for (const std::uint16_t sent : {1000, 1001, 1005, 1002, 1011, 4000}) {
      const bool fine = (rcvd <= 1001 || rcvd == 1005) && (sent <= 1001 || sent == 1005);
      EXPECT_EQ(is_ok(close_info{rcvd, ""}, close_info{sent, ""}), fine) << rcvd << ' ' << sent;
    }
  }
  EXPECT_FALSE(is_ok({}, close_info{1000, ""}));
  EXPECT_FALSE(is_ok(close_info{1000, ""}, {}));
  EXPECT_FALSE(is_ok({}, {}));
}

TEST(errors, quote_nothing_that_a_terminal_obeys) {
  EXPECT_EQ(text_of(close_info{1000, "\x1B[2J\r\n"}, {}),
            "received 1000 (OK) \\x1b[2J\\r\\n; no close frame sent");
  EXPECT_STREQ(invalid_header("A", "b\tc").what(), "invalid A header: b\\tc");
}

TEST(system_error, says_what_was_tried_and_why_it_failed_in_lower_case) {
  const system_error refused(std::make_error_code(std::errc::connection_refused),
                             "cannot connect to \x1B:1");
  EXPECT_STREQ(refused.what(), "cannot connect to \\x1b:1: connection refused");
  EXPECT_EQ(refused.code(), std::errc::connection_refused);
}

TEST(errors, name_what_is_wrong) {
  EXPECT_STREQ(invalid_header("Upgrade").what(), "missing Upgrade header");
  EXPECT_STREQ(invalid_header("Upgrade", "").what(), "empty Upgrade header");
  EXPECT_STREQ(invalid_upgrade("Upgrade", "h2c").what(), "invalid Upgrade header: h2c");
  const invalid_status status(response{.status = 503, .reason = ""});
  EXPECT_STREQ(status.what(), "server rejected WebSocket connection: HTTP 503");
  EXPECT_EQ(status.response().status, 503);
  const auto rejected = [](response answer) { return std::string(invalid_status(answer).what()); };
  const std::string prefix = "server rejected WebSocket connection: HTTP ";
  EXPECT_EQ(rejected({.status = 400, .reason = "Bad Request", .body = "use wss\nor https\n"}),
            prefix + "400 Bad Request: use wss");
  EXPECT_EQ(
      rejected({.status = 403, .reason = "No\x1B", .body = std::string(198, 'x') + "\xC3\xBC!!"}),
      prefix + "403 No\\x1b: " + std::string(198, 'x') + "\xC3\xBC...");
  EXPECT_EQ(rejected({.status = 403, .reason = "", .body = std::string(199, 'x') + "\xC3\xBC!"}),
            prefix + "403: " + std::string(199, 'x') + "...");
  EXPECT_EQ(rejected({.status = 404,
                      .reason = "Not Found",
                      .headers = {{"Content-Type", "text/html"}},
                      .body = "<!DOCTYPE html>"}),
            prefix + "404 Not Found");
  EXPECT_STREQ(
      invalid_proxy_status("proxy p:80", {.status = 407, .reason = "Who?", .body = "log in"})
          .what(),
      "proxy p:80 rejected connection: HTTP 407 Who?: log in");
  EXPECT_STREQ(invalid_uri("x", "y").what(), "'x' is not a valid WebSocket URI: y");
}

}  // namespace
}  // namespace duplex
