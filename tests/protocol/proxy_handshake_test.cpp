// Conversations with proxies, at every chop of what they say.
#include "protocol/proxy_handshake.hpp"

#include <gtest/gtest.h>

#include <duplex/buffer.hpp>
#include <duplex/error.hpp>

namespace duplex::protocol {
namespace {

using namespace std::string_literals;

// What a proxy hears, and what it says to it.
struct line {
  std::string heard, said;
};
using conversation = std::vector<line>;

std::string describe(const std::exception_ptr& failure) {
  if (!failure) return "none";
  try {
    std::rethrow_exception(failure);
  } catch (const invalid_proxy_status& problem) {
    return "status: "s + problem.what() + " / " + problem.response().body;
  } catch (const invalid_proxy_message& problem) {
    return "message: "s + problem.what();
  } catch (const proxy_error& problem) {
    return (problem.transient() ? "transient: "s : "fatal: "s) + problem.what();
  }
}

struct target {
  std::string proxy, host = "example.com";
  std::uint16_t port = 8765;
};

std::unique_ptr<proxy_handshake> start(const target& to) {
  return make_proxy_handshake(detail::parse_proxy(to.proxy), to.host, to.port, "duplex/test");
}

// Holds the conversation in pieces of `chop` bytes; gives the failure, "done" or "waits".
std::string hold(const target& to, const conversation& lines, std::size_t chop, bool eof = false) {
  const auto handshake = start(to);
  for (const auto& [heard, said] : lines) {
    EXPECT_EQ(handshake->take_data_to_send(), heard) << to.proxy;
    for (std::size_t at = 0; at < said.size(); at += chop) {
      EXPECT_FALSE(handshake->done()) << to.proxy;
      handshake->receive_data(as_bytes(std::string_view(said).substr(at, chop)));
      if (handshake->failure()) return describe(handshake->failure());
    }
  }
  EXPECT_EQ(handshake->take_data_to_send(), "") << to.proxy;
  if (eof) handshake->receive_eof();
  if (handshake->failure()) return describe(handshake->failure());
  return handshake->done() ? "done" : "waits";
}

void expect_at_every_chop(const target& to, const conversation& lines, const std::string& outcome) {
  for (const std::size_t chop : {1, 2, 3, 5, 7, 1'000'000}) {
    EXPECT_EQ(hold(to, lines, chop), outcome) << to.proxy << ", pieces of " << chop;
  }
}

const std::string connect_request =
    "CONNECT example.com:8765 HTTP/1.1\r\nHost: example.com:8765\r\nUser-Agent: "
    "duplex/test\r\n\r\n";

TEST(http_proxy, is_asked_with_connect) {
  expect_at_every_chop({"http://p"}, {{connect_request, "HTTP/1.1 200 OK\r\n\r\n"}}, "done");
  expect_at_every_chop(
      {"http://p", "::1", 80},
      {{"CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\nUser-Agent: duplex/test\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n"}},
      "done");
  expect_at_every_chop(
      {"https://user:p%20w@p"},
      {{"CONNECT example.com:8765 HTTP/1.1\r\nHost: example.com:8765\r\n"
        "User-Agent: duplex/test\r\nProxy-Authorization: Basic dXNlcjpwIHc=\r\n\r\n",
        "HTTP/1.1 299 Fine\r\n\r\n"}},
      "done");
}

TEST(http_proxy, that_agrees_has_no_body_whatever_it_says) {
  expect_at_every_chop(
      {"http://p"},
      {{connect_request,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"}},
      "done");
}

TEST(http_proxy, may_send_interim_responses) {
  expect_at_every_chop({"http://p"},
                       {{connect_request,
                         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\n"
                         "HTTP/1.1 200 OK\r\n\r\n"}},
                       "done");
  std::string flood;
  for (int i = 0; i < 17; ++i) flood += "HTTP/1.1 100 Continue\r\n\r\n";
  expect_at_every_chop({"http://p"}, {{connect_request, flood}},
                       "message: proxy p:80 sends interim responses without end");
}

TEST(http_proxy, that_refuses_is_quoted) {
  expect_at_every_chop({"http://p"},
                       {{connect_request, "HTTP/1.1 407 Auth\r\nContent-Length: 5\r\n\r\nlogin"}},
                       "status: proxy p:80 rejected connection: HTTP 407 Auth: login / login");
  expect_at_every_chop(
      {"http://p"},
      {{connect_request,
        "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n"}},
      "status: proxy p:80 rejected connection: HTTP 503 No: no! / no!");
  EXPECT_EQ(hold({"http://p"}, {{connect_request, "HTTP/1.0 403 No\r\n\r\nwhy"}}, 1, true),
            "status: proxy p:80 rejected connection: HTTP 403 No: why / why");
  EXPECT_EQ(hold({"http://p"}, {{connect_request, "HTTP/1.1 101 Switching Protocols\r\n\r\n"}}, 9),
            "status: proxy p:80 rejected connection: HTTP 101 Switching Protocols / ");
  const auto refusal =
      hold({"http://p"}, {{connect_request, "HTTP/1.0 403 No\r\n\r\n" + std::string(100'000, 'x')}},
           4096);
  EXPECT_EQ(refusal, "status: proxy p:80 rejected connection: HTTP 403 No: " +
                         std::string(200, 'x') + "... / " + std::string(16'384, 'x'));
}

TEST(http_proxy, that_speaks_no_http_fails) {
  const std::string status = "message: invalid HTTP response from proxy p:80: invalid status line";
  expect_at_every_chop({"http://p"}, {{connect_request, "HTTP/2 200\r\n\r\n"}}, status);
  expect_at_every_chop({"http://p"}, {{connect_request, "SSH-2.0-OpenSSH\r\n"}}, status);
  expect_at_every_chop({"http://p"}, {{connect_request, "\x05\x01\r\n\r\n"}}, status);
  EXPECT_TRUE(hold({"http://p"}, {{connect_request, std::string(10'000, 'x')}}, 100)
                  .starts_with("message: invalid HTTP response from proxy p:80: "));
  std::string endless = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 200; ++i) endless += "X: y\r\n";
  EXPECT_TRUE(hold({"http://p"}, {{connect_request, endless}}, 100)
                  .starts_with("message: invalid HTTP response from proxy p:80: "));
}

TEST(any_proxy, that_says_more_than_its_answer_fails) {
  const std::string more = " sent more than its answer";
  const std::string answer = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(hold({"http://p"}, {{connect_request, answer + "x"}}, 1'000),
            "fatal: proxy p:80" + more);
  const std::string socks4_request = "\x04\x01\x22\x3D\x7F\0\0\x01\0"s;
  const std::string granted = "\0\x5A\0\0\0\0\0\0"s;
  EXPECT_EQ(hold({"socks4://p", "127.0.0.1"}, {{socks4_request, granted + "x"}}, 1'000),
            "fatal: proxy p:1080" + more);
}

const std::string socks5_greeting = "\x05\x01\0"s;
const std::string name_request = "\x05\x01\0\x03\x0B"s + "example.com\x22\x3D";
const std::string socks5_reply = "\x05\0\0\x01\x7F\0\0\x01\x12\x34"s;

TEST(socks5_proxy, is_asked_for_a_name) {
  for (const std::string& reply :
       {socks5_reply, "\x05\0\0\x04"s + std::string(18, 'x'), "\x05\0\0\x03\x03"s + "abc\x12\x34",
        "\x05\0\0\x03\0\x12\x34"s}) {
    expect_at_every_chop({"socks5h://p"}, {{socks5_greeting, "\x05\0"s}, {name_request, reply}},
                         "done");
  }
}

TEST(socks5_proxy, is_asked_for_an_address) {
  expect_at_every_chop(
      {"socks5://p", "127.0.0.1"},
      {{socks5_greeting, "\x05\0"s}, {"\x05\x01\0\x01\x7F\0\0\x01\x22\x3D"s, socks5_reply}},
      "done");
  expect_at_every_chop({"socks5h://p", "::1"},
                       {{socks5_greeting, "\x05\0"s},
                        {"\x05\x01\0\x04"s + std::string(15, '\0') + "\x01\x22\x3D", socks5_reply}},
                       "done");
}

TEST(socks5_proxy, is_told_user_and_password_where_it_wants_them) {
  const target to{"socks5h://me:p%3Aw@p"};
  const std::string greeting = "\x05\x02\0\x02"s;
  const std::string login = "\x01\x02me\x03p:w";
  expect_at_every_chop(to, {{greeting, "\x05\0"s}, {name_request, socks5_reply}}, "done");
  expect_at_every_chop(
      to, {{greeting, "\x05\x02"}, {login, "\x01\0"s}, {name_request, socks5_reply}}, "done");
  expect_at_every_chop(to, {{greeting, "\x05\x02"}, {login, "\x01\x01"}},
                       "fatal: SOCKS proxy p:1080 rejected the user name or the password");
  expect_at_every_chop(to, {{greeting, "\x05\xFF"}},
                       "fatal: SOCKS proxy p:1080 accepts no user name and password");
  expect_at_every_chop(to, {{greeting, "\x05\x02"}, {login, "\x05\0"s}},
                       "fatal: proxy p:1080 does not speak SOCKS 5");
}

TEST(socks5_proxy, that_refuses_is_quoted) {
  const std::string prefix = "SOCKS proxy p:1080 rejected connection: ";
  const std::pair<char, std::string> rows[] = {
      {1, "transient: " + prefix + "general SOCKS server failure"},
      {2, "fatal: " + prefix + "connection not allowed by ruleset"},
      {3, "transient: " + prefix + "network unreachable"},
      {4, "transient: " + prefix + "host unreachable"},
      {5, "transient: " + prefix + "connection refused"},
      {6, "transient: " + prefix + "TTL expired"},
      {7, "fatal: " + prefix + "command not supported"},
      {8, "fatal: " + prefix + "address type not supported"},
      {'\xFE', "fatal: " + prefix + "unknown reply 254"},
  };
  for (const auto& [code, outcome] : rows) {
    expect_at_every_chop({"socks5h://p"},
                         {{socks5_greeting, "\x05\0"s}, {name_request, "\x05"s + code}}, outcome);
  }
  expect_at_every_chop({"socks5h://p"}, {{socks5_greeting, "\x05\xFF"}},
                       "fatal: SOCKS proxy p:1080 requires authentication");
}

TEST(socks5_proxy, that_breaks_the_rules_fails) {
  expect_at_every_chop({"socks5h://p"}, {{socks5_greeting, "HTTP/1.1 400 Bad Request\r\n"}},
                       "fatal: proxy p:1080 does not speak SOCKS 5");
  expect_at_every_chop(
      {"socks5h://p"}, {{socks5_greeting, "\x05\x01"}},
      "fatal: SOCKS proxy p:1080 chose a method of authentication that was not offered");
  expect_at_every_chop(
      {"socks5h://p"}, {{socks5_greeting, "\x05\x02"}},
      "fatal: SOCKS proxy p:1080 chose a method of authentication that was not offered");
  expect_at_every_chop({"socks5h://p"},
                       {{socks5_greeting, "\x05\0"s}, {name_request, "\x05\0\0\x02"s}},
                       "fatal: SOCKS proxy p:1080 answered with an unknown type of address");
  EXPECT_THROW(start({"socks5h://p", std::string(256, 'a')}), proxy_error);
}

TEST(socks4_proxy, is_asked_for_an_address_or_a_name) {
  const std::string granted = "\0\x5A\x12\x34\x7F\0\0\x01"s;
  expect_at_every_chop({"socks4://p", "127.0.0.1"}, {{"\x04\x01\x22\x3D\x7F\0\0\x01\0"s, granted}},
                       "done");
  expect_at_every_chop({"socks4://me:secret@p", "127.0.0.1"},
                       {{"\x04\x01\x22\x3D\x7F\0\0\x01me\0"s, granted}}, "done");
  expect_at_every_chop({"socks4a://p"}, {{"\x04\x01\x22\x3D\0\0\0\x01\0example.com\0"s, granted}},
                       "done");
  EXPECT_THROW(start({"socks4://p", "::1"}), proxy_error);
}

TEST(socks4_proxy, that_refuses_or_breaks_the_rules_fails) {
  const std::string request = "\x04\x01\x22\x3D\x7F\0\0\x01\0"s;
  const std::string prefix = "SOCKS proxy p:1080 rejected connection: ";
  const std::pair<std::string, std::string> rows[] = {
      {"\0\x5B"s, "transient: " + prefix + "request rejected or failed"},
      {"\0\x5C"s, "fatal: " + prefix + "the proxy cannot reach the client's identd"},
      {"\0\x5D"s, "fatal: " + prefix + "the client's identd names another user"},
      {"\0\x01"s, "fatal: " + prefix + "unknown reply 1"},
      {"\x05\0"s, "fatal: proxy p:1080 does not speak SOCKS 4"},
  };
  for (const auto& [said, outcome] : rows) {
    expect_at_every_chop({"socks4://p", "127.0.0.1"}, {{request, said}}, outcome);
  }
}

// The end after each byte of what a proxy would say.
TEST(any_proxy, that_ends_too_early_fails) {
  const auto expect = [](const target& to, const conversation& whole, const std::string& outcome) {
    for (std::size_t last = 0; last < whole.size(); ++last) {
      for (std::size_t size = 0; size < whole[last].said.size(); ++size) {
        conversation part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(last) + 1);
        part.back().said.resize(size);
        EXPECT_EQ(hold(to, part, 1'000, true), outcome) << size;
      }
    }
  };
  expect({"http://p"}, {{connect_request, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n"}},
         "message: the connection ended before a valid HTTP response from proxy p:80");
  const std::string ended = "transient: the connection ended before SOCKS proxy p:1080 answered";
  expect({"socks5h://p"}, {{socks5_greeting, "\x05\0"s}, {name_request, socks5_reply}}, ended);
  expect({"socks4://p", "127.0.0.1"},
         {{"\x04\x01\x22\x3D\x7F\0\0\x01\0"s, "\0\x5A\x12\x34\x7F\0\0\x01"s}}, ended);
}

}  // namespace
}  // namespace duplex::protocol
