// Following redirects, with either client.
#include <fcntl.h>

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/protocol/http1.hpp>
#include <duplex/server.hpp>

#include "both_clients.hpp"
#include "support/certificates.hpp"
#include "support/raw_server.hpp"
#include "support/sockets.hpp"

namespace duplex::test {
namespace {

class redirects : public both_clients {};
DUPLEX_WITH_BOTH_CLIENTS(redirects);

std::string redirect_to(const std::string& location, int status = 302) {
  return "HTTP/1.1 " + std::to_string(status) + " Elsewhere\r\nLocation: " + location +
         "\r\nContent-Length: 0\r\n\r\n";
}

// Answers the first requests with these texts and then speaks WebSocket; keeps the heads.
class redirector {
 public:
  explicit redirector(std::vector<std::string> answers)
      : answers_(std::move(answers)), server_([this](raw_peer& peer) { serve(peer); }) {}

  std::string uri(std::string_view target = "/") const { return server_.uri(target); }
  std::uint16_t port() const { return server_.port(); }
  /// Those of the requests so far, the last one too: no more are answered.
  const std::vector<std::string>& heads() {
    server_.stop();
    return heads_;
  }

 private:
  void serve(raw_peer& peer) {
    if (heads_.size() < answers_.size()) {
      heads_.push_back(peer.read_until("\r\n\r\n"));
      peer.write(answers_[heads_.size() - 1]);
      peer.read_some();
    } else {
      peer.accept_handshake();
      heads_.push_back(protocol::write_request(peer.request()));
      peer.echo();
    }
  }

  std::vector<std::string> answers_, heads_;
  raw_server server_;
};

TEST_P(redirects, are_followed_to_relative_places) {
  for (const int status : {301, 302, 303, 307, 308}) {
    redirector server({redirect_to("/a/b/c?x", status), redirect_to("../d", status)});
    EXPECT_EQ(say_hello(server.uri("/start")), "hello") << status;
    ASSERT_EQ(server.heads().size(), 3);
    EXPECT_TRUE(server.heads()[0].starts_with("GET /start HTTP/1.1\r\n")) << server.heads()[0];
    EXPECT_TRUE(server.heads()[1].starts_with("GET /a/b/c?x HTTP/1.1\r\n")) << server.heads()[1];
    EXPECT_TRUE(server.heads()[2].starts_with("GET /a/d HTTP/1.1\r\n")) << server.heads()[2];
  }
}

TEST_P(redirects, may_name_http_for_ws) {
  redirector to({});
  redirector from({redirect_to("http://127.0.0.1:" + std::to_string(to.port()) + "/x#fragment")});
  EXPECT_EQ(say_hello(from.uri()), "hello");
  EXPECT_TRUE(to.heads()[0].starts_with("GET /x HTTP/1.1\r\n")) << to.heads()[0];
}

TEST_P(redirects, of_other_kinds_are_the_answer) {
  for (const std::string& answer :
       {redirect_to("/x", 300), redirect_to("/x", 304), redirect_to("/x", 305),
        std::string("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
        std::string("HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: "
                    "0\r\n\r\n")}) {
    redirector server({answer});
    const auto outcome = say_hello(server.uri());
    EXPECT_TRUE(outcome.starts_with("invalid status: ")) << outcome;
  }
}

TEST_P(redirects, are_bounded) {
  redirector server(std::vector<std::string>(11, redirect_to("/again")));
  EXPECT_EQ(say_hello(server.uri()), "security: more than 10 redirects");
  EXPECT_EQ(server.heads().size(), 11);
  redirector three(std::vector<std::string>(3, redirect_to("/again")));
  EXPECT_EQ(say_hello(three.uri(), {.max_redirects = 3}), "hello");
  redirector none({redirect_to("/again")});
  EXPECT_EQ(say_hello(none.uri(), {.max_redirects = 0}),
            "invalid status: server rejected WebSocket connection: HTTP 302 Elsewhere");
}

TEST_P(redirects, leave_credentials_with_their_origin) {
  redirector to({});
  redirector from({redirect_to("/same"), redirect_to(to.uri("/other"))});
  const connect_options options = {.additional_headers = {{"Cookie", "secret"},
                                                          {"Authorization", "secret"},
                                                          {"Host", "secret.example"},
                                                          {"X-Public", "kept"}}};
  EXPECT_EQ(say_hello(from.uri(), options), "hello");
  EXPECT_NE(from.heads()[1].find("Cookie: secret\r\n"), std::string::npos) << from.heads()[1];
  EXPECT_NE(from.heads()[1].find("Authorization: secret\r\n"), std::string::npos);
  EXPECT_NE(from.heads()[1].find("Host: secret.example\r\n"), std::string::npos);
  EXPECT_EQ(to.heads()[0].find("secret"), std::string::npos) << to.heads()[0];
  EXPECT_NE(to.heads()[0].find("X-Public: kept\r\n"), std::string::npos) << to.heads()[0];
}

TEST_P(redirects, leave_the_userinfo_with_its_origin) {
  redirector to({});
  redirector from({redirect_to("/same"), redirect_to(to.uri())});
  const auto uri = "ws://me:secret@127.0.0.1:" + std::to_string(from.port());
  EXPECT_EQ(say_hello(uri), "hello");
  EXPECT_NE(from.heads()[1].find("Authorization: Basic "), std::string::npos) << from.heads()[1];
  EXPECT_EQ(to.heads()[0].find("Authorization"), std::string::npos) << to.heads()[0];
}

TEST_P(redirects, leave_the_certificate_with_its_origin) {
  const test_authority authority;
  const auto own = authority.issue();
  const auto alice = authority.issue({.common_name = "alice", .names = {}});
  std::vector<std::string> seen;  // who asked for what, on this thread
  using redirection = std::function<std::optional<response>(const std::string& target)>;
  const auto serve_tls = [&](const std::string& name, const redirection& redirect) {
    const auto ask = [&seen, name, redirect](handshake& peer,
                                             const request& asked) -> std::optional<response> {
      const auto& identity = peer.tls->peer;
      seen.push_back((identity ? identity->common_name : "nobody") + " at " + name + asked.target);
      return redirect(asked.target);
    };
    return serve(echo, "127.0.0.1", 0,
                 {.process_request = ask,
                  .tls = tls_server::pem_text(own.certificate, own.key,
                                              {.client = client_certificate::optional,
                                               .client_ca = authority.certificate()})});
  };
  const auto uri_of = [](const server& server, const std::string& target) {
    return "wss://127.0.0.1:" + std::to_string(server.port()) + target;
  };
  std::string back;
  const auto found = [](const std::string& at) -> std::optional<response> {
    auto answer = respond(302, "elsewhere\n");
    answer.headers.set("Location", at);
    return answer;
  };
  const auto to = serve_tls("b", [&](const std::string& target) -> std::optional<response> {
    return target == "/back" ? found(back) : std::nullopt;
  });
  const auto from = serve_tls("a", [&](const std::string& target) -> std::optional<response> {
    if (target == "/start") return found("/same");
    return target == "/same" ? found(uri_of(to, "/back")) : std::nullopt;
  });
  back = uri_of(from, "/end");
  std::string answer;
  bool done = false;
  std::thread client([&, loop = io::loop::current().handle()] {
    answer = say_hello(uri_of(from, "/start"), {.tls = {.ca = authority.certificate(),
                                                        .certificate = alice.certificate,
                                                        .key = alice.key}});
    loop.post([&] { done = true; });
  });
  EXPECT_TRUE(run_loop_until([&] { return done; }));
  client.join();
  EXPECT_EQ(answer, "hello");
  EXPECT_EQ(seen, (std::vector<std::string>{"alice at a/start", "alice at a/same",
                                            "nobody at b/back", "nobody at a/end"}));
}

TEST_P(redirects, to_nowhere_are_an_error) {
  redirector server({redirect_to("ftp://me:secret@x/")});
  EXPECT_EQ(say_hello(server.uri()), "invalid header: invalid Location header: ftp://***@x/");
}

TEST_P(redirects, across_origins_need_the_destination_of_the_uri) {
  redirector server({redirect_to("ws://elsewhere.invalid/")});
  EXPECT_EQ(say_hello("ws://a.invalid/", {.host = "127.0.0.1", .port = server.port()}),
            "security: cannot follow cross-origin redirect to ws://elsewhere.invalid/ with an "
            "explicit host or port");
  redirector same({redirect_to("/there")});
  EXPECT_EQ(say_hello("ws://a.invalid/", {.host = "127.0.0.1", .port = same.port()}), "hello");
}

TEST_P(redirects, with_a_socket_are_refused) {
  redirector server({redirect_to("/there")});
  const auto connected = raw_socket::connected({"127.0.0.1", server.port()});
  const int given = ::fcntl(connected.number(), F_DUPFD_CLOEXEC, 0);
  EXPECT_EQ(say_hello("ws://a.invalid/", {.sock = given}),
            "security: cannot follow redirect to ws://a.invalid/there with a preexisting socket");
}

TEST_P(redirects, share_the_limit_of_opening) {
  raw_server server([](raw_peer& peer) {
    const auto head = peer.read_until("\r\n\r\n");
    if (head.starts_with("GET / ")) peer.write(redirect_to("/slow"));
    while (!peer.read_some().empty()) continue;
  });
  const auto outcome = say_hello(server.uri(), {.open_timeout = 50ms});
  EXPECT_TRUE(outcome.starts_with("timeout: ")) << outcome;
}

}  // namespace
}  // namespace duplex::test
