// Connecting through proxies, good ones and bad ones, with either client.
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "both_clients.hpp"
#include "support/certificates.hpp"
#include "support/raw_server.hpp"
#include "support/sockets.hpp"
#include "sync/tls_transport.hpp"
#include "tls/server.hpp"

namespace duplex::test {
namespace {

using namespace std::string_literals;

// Sets a variable of the environment for as long as it lives.
class variable {
 public:
  variable(std::string name, const std::string& value) : name_(std::move(name)) {
    if (const char* before = std::getenv(name_.c_str())) before_ = before;
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() {
    if (before_) {
      ::setenv(name_.c_str(), before_->c_str(), 1);
    } else {
      ::unsetenv(name_.c_str());
    }
  }

 private:
  std::string name_;
  std::optional<std::string> before_;
};

class proxies : public both_clients {};
DUPLEX_WITH_BOTH_CLIENTS(proxies);

// The proxy and the server behind it in one: what a client sees is the same.
void be_server(raw_peer& peer) {
  peer.accept_handshake();
  peer.echo();
}

std::string url_of(const raw_server& proxy, const std::string& scheme,
                   const std::string& credentials = "") {
  return scheme + "://" + credentials + "127.0.0.1:" + std::to_string(proxy.port());
}

std::string proxy_name(const raw_server& proxy) {
  return "proxy 127.0.0.1:" + std::to_string(proxy.port());
}

TEST_P(proxies, of_http_are_asked_for_the_server) {
  std::string head;
  raw_server proxy([&](raw_peer& peer) {
    head = peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 200 OK\r\n\r\n");
    be_server(peer);
  });
  EXPECT_EQ(say_hello("ws://no-such-host.invalid/x",
                      {.user_agent_header = "me", .proxy = url_of(proxy, "http", "a:b@")}),
            "hello");
  proxy.stop();
  EXPECT_EQ(head,
            "CONNECT no-such-host.invalid:80 HTTP/1.1\r\nHost: no-such-host.invalid:80\r\n"
            "User-Agent: me\r\nProxy-Authorization: Basic YTpi\r\n\r\n");
}

TEST_P(proxies, are_asked_for_the_host_and_port_of_the_options) {
  std::string head;
  raw_server proxy([&](raw_peer& peer) {
    head = peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 200 OK\r\n\r\n");
    be_server(peer);
  });
  const auto url = url_of(proxy, "http");
  EXPECT_EQ(say_hello("ws://a.invalid/", {.host = "b.invalid", .port = 9, .proxy = url}), "hello");
  proxy.stop();
  EXPECT_TRUE(head.starts_with("CONNECT b.invalid:9 HTTP/1.1\r\n")) << head;
}

TEST_P(proxies, of_socks_are_told_a_name_or_an_address) {
  const auto asked = [this](const std::string& scheme, const std::string& host,
                            std::size_t request_size) {
    std::string request;
    raw_server proxy([&](raw_peer& peer) {
      if (scheme.starts_with("socks5")) {
        while (request.size() < 3) request += peer.read_some();
        request.clear();
        peer.write("\x05\0"s);
      }
      while (request.size() < request_size) request += peer.read_some();
      peer.write(scheme.starts_with("socks5") ? "\x05\0\0\x01\0\0\0\0\0\0"s
                                              : "\0\x5A\0\0\0\0\0\0"s);
      be_server(peer);
    });
    EXPECT_EQ(say_hello("ws://" + host, {.proxy = url_of(proxy, scheme)}), "hello") << scheme;
    proxy.stop();
    return request;
  };
  EXPECT_EQ(asked("socks5h", "localhost", 16), "\x05\x01\0\x03\x09localhost\0\x50"s);
  EXPECT_EQ(asked("socks4a", "localhost", 19), "\x04\x01\0\x50\0\0\0\x01\0localhost\0"s);
  EXPECT_EQ(asked("socks4", "localhost", 9), "\x04\x01\0\x50\x7F\0\0\x01\0"s);
  EXPECT_EQ(asked("socks5", "127.0.0.1", 10), "\x05\x01\0\x01\x7F\0\0\x01\0\x50"s);
  EXPECT_EQ(asked("socks5", "[::1]", 22),
            "\x05\x01\0\x04"s + std::string(15, '\0') + "\x01\0\x50"s);
}

TEST_P(proxies, that_refuse_are_quoted) {
  raw_server proxy([](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n");
    peer.read_some();
  });
  EXPECT_EQ(say_hello("ws://x", {.proxy = url_of(proxy, "http")}),
            "proxy: " + proxy_name(proxy) + " rejected connection: HTTP 407 Login");
}

TEST_P(proxies, of_https_are_trusted_with_options_of_their_own) {
  const test_authority authority;
  const auto own = authority.issue();
  const auto certificates = tls_server::pem_text(own.certificate, own.key);
  raw_server proxy([&](raw_peer& peer) {
    try {
      auto below = sync::make_plain_transport(sync::descriptor(::dup(peer.socket())));
      auto secured = sync::open_tls(std::move(below), make_tls_engine(certificates), "client",
                                    std::chrono::steady_clock::now() + patience);
      secured->write_some({as_bytes("HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n"), {}});
      peer.read_some();
    } catch (const tls_error&) {  // the client trusts somebody else
    }
  });
  connect_options options;
  const std::string url = url_of(proxy, "https");
  options.proxy = url;
  const std::string stranger = "tls: TLS handshake with " + proxy_name(proxy) +
                               " failed: certificate signed by unknown authority (CN=duplex test "
                               "authority)";
  EXPECT_EQ(say_hello("ws://x", options), stranger);
  options.tls.ca = authority.certificate();
  EXPECT_EQ(say_hello("ws://x", options), stranger) << "it is no server";
  options.tls = {};
  options.proxy_tls.ca = authority.certificate();
  EXPECT_EQ(say_hello("ws://x", options),
            "proxy: " + proxy_name(proxy) + " rejected connection: HTTP 407 Login");
}

TEST_P(proxies, that_leave_are_an_error) {
  raw_server proxy([](raw_peer& peer) {
    peer.read_some();
    peer.half_close();
    peer.read_some();
  });
  EXPECT_EQ(say_hello("ws://x", {.proxy = url_of(proxy, "http")}),
            "proxy: the connection ended before a valid HTTP response from " + proxy_name(proxy));
  EXPECT_EQ(say_hello("ws://x", {.proxy = url_of(proxy, "socks5h")}),
            "proxy: the connection ended before SOCKS " + proxy_name(proxy) + " answered");
}

TEST_P(proxies, that_do_not_answer_are_bounded_by_open_timeout) {
  raw_server silent([](raw_peer& peer) {
    while (!peer.read_some().empty()) continue;
  });
  const auto outcome =
      say_hello("ws://x", {.open_timeout = 50ms, .proxy = url_of(silent, "socks5h")});
  EXPECT_TRUE(outcome.starts_with("timeout: ")) << outcome;
}

TEST_P(proxies, that_drip_are_bounded_by_open_timeout) {
  raw_server drip([](raw_peer& peer) {
    peer.write("HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100'000; ++i) {
      pollfd gone{.fd = peer.socket(), .events = POLLRDHUP, .revents = 0};
      if (::poll(&gone, 1, 1) > 0) return;
      if (::send(peer.socket(), "x", 1, MSG_NOSIGNAL) < 0) return;
    }
  });
  const auto outcome = say_hello("ws://x", {.open_timeout = 50ms, .proxy = url_of(drip, "http")});
  EXPECT_TRUE(outcome.starts_with("timeout: ")) << outcome;
}

TEST_P(proxies, that_send_a_head_without_end_are_left) {
  raw_server endless([](raw_peer& peer) {
    std::string lines = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 10'000; ++i) lines += "X: y\r\n";
    ::send(peer.socket(), lines.data(), lines.size(), MSG_NOSIGNAL);
    while (!peer.read_some().empty()) continue;
  });
  const auto outcome = say_hello("ws://x", {.proxy = url_of(endless, "http")});
  EXPECT_TRUE(outcome.starts_with("proxy: invalid HTTP response from " + proxy_name(endless)))
      << outcome;
}

TEST_P(proxies, that_cannot_be_reached_are_named) {
  std::string port;
  {
    const raw_server gone([](raw_peer&) {});
    port = std::to_string(gone.port());
  }
  EXPECT_EQ(say_hello("ws://x", {.proxy = "http://me:secret@127.0.0.1:" + port}),
            "system: cannot connect to proxy 127.0.0.1:" + port + ": connection refused");
  const auto unknown = say_hello("ws://x", {.proxy = "http://no-such-host.invalid"});
  EXPECT_TRUE(unknown.starts_with("system: cannot resolve proxy no-such-host.invalid:80: "))
      << unknown;
}

TEST_P(proxies, are_in_the_debug_log_with_the_address_they_have) {
  raw_server proxy([&](raw_peer& peer) {
    peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 200 OK\r\n\r\n");
    be_server(peer);
  });
  std::mutex mutex;  // the blocking client's service thread logs, too
  std::vector<std::string> lines;
  const logger sink(
      [&](const log_record& record) {
        const std::lock_guard lock(mutex);
        lines.emplace_back(record.message);
      },
      log_level::debug);
  EXPECT_EQ(say_hello("ws://x", {.proxy = url_of(proxy, "http", "me:secret@"), .logger = &sink}),
            "hello");
  const std::string at = "127.0.0.1:" + std::to_string(proxy.port());
  ASSERT_GE(lines.size(), 2);
  EXPECT_EQ(lines[0], "= connecting to x:80 through proxy " + at);
  EXPECT_TRUE(lines[1].starts_with("= connected to " + at + " from 127.0.0.1:")) << lines[1];
}

TEST_P(proxies, are_refused_at_the_call_where_their_url_makes_no_sense) {
  EXPECT_EQ(say_hello("ws://x", {.proxy = "ftp://me:secret@x"}),
            "invalid proxy: 'ftp://***@x' is not a valid proxy: the scheme is not http, https, "
            "socks4, socks4a, socks5 or socks5h");
}

TEST_P(proxies, of_the_environment_are_used_unless_none_is_chosen) {
  std::atomic<int> asked = 0;
  raw_server proxy([&](raw_peer& peer) {
    ++asked;
    peer.read_until("\r\n\r\n");
    peer.write("HTTP/1.1 200 OK\r\n\r\n");
    be_server(peer);
  });
  raw_server server(be_server);
  const variable none("no_proxy", "");
  const variable set("ws_proxy", url_of(proxy, "http"));
  EXPECT_EQ(say_hello(server.uri()), "hello");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(say_hello(server.uri(), {.proxy = std::nullopt}), "hello");
  const variable no_proxy("no_proxy", "localhost,127.0.0.0/8");
  EXPECT_EQ(say_hello(server.uri()), "hello");
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace duplex::test
