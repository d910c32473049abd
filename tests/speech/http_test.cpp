// What the speech server answers to plain HTTP, and to handshakes it refuses.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "running_server.hpp"
#include "speech/server/http.hpp"
#include "speech/server/web_files.hpp"

namespace duplex::speech {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

struct reply {
  int status = 0;
  std::string head;
  std::string body;

  bool has(const std::string& line) const {
    return head.find("\r\n" + line + "\r\n") != std::string::npos;
  }
};

// A connection of HTTP, which stays open until the end of this.
class plain_connection {
 public:
  explicit plain_connection(const running_server& server)
      : to_(server.connected_socket()), port_(server.port()) {}
  plain_connection(const plain_connection&) = delete;
  plain_connection& operator=(const plain_connection&) = delete;
  ~plain_connection() { ::close(to_); }

  // What is answered, until the server has said all.
  std::string ask(const std::string& target, const std::string& lines = "") {
    const std::string request = "GET " + target +
                                " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) + "\r\n" +
                                lines + "\r\n";
    std::string all;
    if (::send(to_, request.data(), request.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(request.size())) {
      char part[4096];
      for (ssize_t size; (size = ::recv(to_, part, sizeof part, 0)) > 0;)
        all.append(part, static_cast<std::size_t>(size));
    }
    return all;
  }

 private:
  int to_;
  std::uint16_t port_;
};

// A request with these lines after its first, answered and closed.
reply get(const running_server& server, const std::string& target, const std::string& lines = "") {
  const std::string all = plain_connection(server).ask(target, lines);
  const auto end = std::min(all.find("\r\n\r\n"), all.size());
  return {all.size() < 12 ? 0 : std::stoi(all.substr(9, 3)), all.substr(0, end) + "\r\n",
          all.substr(std::min(end + 4, all.size()))};
}

const std::string upgrade =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

// A sample of /metrics.
double sample(const running_server& server, const std::string& name) {
  const std::string text = "\n" + get(server, "/metrics").body;
  const auto at = text.find("\n" + name + " ");
  if (at == std::string::npos) throw std::runtime_error("no " + name + " in\n" + text);
  return std::stod(text.substr(at + name.size() + 2));
}

TEST(http, the_page_is_part_of_the_server) {
  const running_server server(scripted());
  for (const web_file& file : web_files()) {
    const reply found = get(server, std::string(file.path));
    EXPECT_EQ(found.status, 200) << file.path;
    EXPECT_EQ(found.body, file.content);
    EXPECT_TRUE(found.has("Content-Type: " + std::string(file.type))) << found.head;
    EXPECT_TRUE(found.has("ETag: " + std::string(file.etag)));
    EXPECT_NE(found.head.find("default-src 'none'"), std::string::npos);
    EXPECT_TRUE(found.has("X-Content-Type-Options: nosniff"));
    const reply again = get(server, std::string(file.path),
                            "If-None-Match: W/\"x\", " + std::string(file.etag) + "\r\n");
    EXPECT_EQ(again.status, 304);
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(get(server, std::string(file.path), "If-None-Match: \"x\"\r\n").status, 200);
  }
}

TEST(http, paths_that_are_not_there_are_not_found) {
  const running_server server(scripted());
  for (const char* path : {"/nothing", "/../etc/passwd", "/index.html/x", "/v1"}) {
    EXPECT_EQ(get(server, path).status, 404) << path;
    EXPECT_EQ(get(server, path, upgrade).status, 404) << path;
  }
  EXPECT_EQ(get(server, "/v1/stream").status, 426);
}

TEST(http, health_and_models_are_told) {
  const running_server server(
      {scripted({.name = "one"}), scripted({.name = "zwei", .language = "de"})});
  EXPECT_EQ(get(server, "/healthz").status, 200);
  EXPECT_EQ(get(server, "/readyz").status, 200);
  EXPECT_EQ(json::parse(get(server, "/v1/models").body),
            json::parse(R"({"models": [{"name": "one", "lang": "en", "default": true},
                                       {"name": "zwei", "lang": "de", "default": false}]})"));
}

TEST(http, a_server_that_drains_is_alive_and_not_ready) {
  gate stall;
  running_server server(scripted(
      {.before_segment = [&](std::size_t, const std::stop_token& stop) { stall.pass(stop); }}));
  stream_client client(server);
  client.start();
  client.speak(1000ms);
  stall.wait_for_arrivals(1);
  server.drain(60s);
  client.next("draining");
  EXPECT_EQ(get(server, "/healthz").status, 200);
  EXPECT_EQ(get(server, "/readyz").status, 503);
  const reply refused = get(server, "/v1/stream", upgrade);
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.has("Retry-After: 5")) << refused.head;
  EXPECT_EQ(sample(server, "duplex_speech_draining"), 1);
  stall.open();
  client.rest();
}

TEST(http, connections_that_stay_open_do_not_hold_up_the_end) {
  running_server server(scripted(), {.close_timeout = 24h});
  plain_connection silent(server), answered(server);
  EXPECT_TRUE(answered.ask("/healthz").starts_with("HTTP/1.1 200"));
  server.drain(24h);
  server.wait_for_end();
}

TEST(http, a_client_that_does_not_answer_the_close_is_dropped) {
  const running_server server(scripted(),
                              {.streams = {.session = {.farewell = 1ms}}, .close_timeout = 24h});
  const std::string said =
      plain_connection(server).ask("/v1/stream?format=opus&rate=8000", upgrade);
  EXPECT_NE(said.find("unsupported_format"), said.npos);
}

TEST(http, connections_from_one_address_are_bounded_where_that_is_asked_for) {
  const running_server server(scripted(), {.max_connections_per_address = 2});
  stream_client first(server), second(server);
  EXPECT_EQ(get(server, "/healthz").status, 503);
}

TEST(http, sessions_beyond_the_most_are_told_to_come_again) {
  const running_server server(scripted(), {.max_sessions = 2});
  stream_client first(server);
  auto second = server.connect("/");
  for (const char* path : {"/", "/v1/stream"}) {
    const reply refused = get(server, path, upgrade);
    EXPECT_EQ(refused.status, 503) << path;
    EXPECT_TRUE(refused.has("Retry-After: 5"));
  }
  EXPECT_EQ(get(server, "/healthz").status, 200);
  EXPECT_EQ(sample(server, "duplex_speech_errors_total{code=\"too_many_sessions\"}"), 2);
  first.ws().close();
  for (bool served = false; !served;) {  // once the server has seen that end, too
    try {
      stream_client third(server);
      third.start();
      served = third.next()["type"] == "started";
    } catch (const invalid_status& refusal) {
      EXPECT_EQ(refusal.response().status, 503);
    }
  }
}

TEST(http, tokens_are_asked_for_wherever_something_is_to_be_had) {
  const running_server server(scripted(), {.tokens = {"secret", "other/+="}});
  for (const char* path : {"/", "/v1/stream"}) EXPECT_EQ(get(server, path, upgrade).status, 401);
  for (const char* path : {"/metrics", "/v1/models"}) EXPECT_EQ(get(server, path).status, 401);
  for (const char* path : {"/healthz", "/readyz"}) EXPECT_EQ(get(server, path).status, 200);
  EXPECT_TRUE(get(server, "/metrics").has("WWW-Authenticate: Bearer realm=\"duplex-speech\""));
  EXPECT_EQ(get(server, "/metrics", "Authorization: Bearer wrong\r\n").status, 401);
  EXPECT_EQ(get(server, "/metrics", "Authorization: Bearer secret\r\n").status, 200);
  EXPECT_EQ(get(server, "/metrics", "Authorization: bearer other/+=\r\n").status, 200);
  EXPECT_EQ(get(server, "/metrics?x=1&token=other%2F%2B%3d").status, 200);
  EXPECT_EQ(get(server, "/metrics?token=secre").status, 401);
  EXPECT_EQ(get(server, "/metrics?token=secret%").status, 401);

  stream_client client(server, "", {.subprotocols = {"duplex.speech.v1", "bearer.secret"}});
  EXPECT_EQ(client.ws().subprotocol(), "duplex.speech.v1");
  stream_client by_query(server, "?token=secret");
  by_query.start();
  EXPECT_EQ(by_query.next()["type"], "started");
}

TEST(http, a_token_is_never_sent_back) {
  const running_server server(scripted(), {.tokens = {"secret"}});
  for (const char* offer : {"bearer.secret", "bearer.secret, duplex.speech.v1"}) {
    const reply refused = get(server, "/v1/nothing?token=secret",
                              "Sec-WebSocket-Protocol: " + std::string(offer) + "\r\n" + upgrade);
    EXPECT_EQ(refused.status, 404);
    EXPECT_EQ((refused.head + refused.body).find("secret"), std::string::npos);
  }
  stream_client client(server, "", {.subprotocols = {"bearer.secret", "duplex.speech.v1"}});
  EXPECT_EQ(client.ws().subprotocol(), "duplex.speech.v1");
}

TEST(http, pages_of_other_sites_are_refused) {
  const running_server server(scripted(), {.origins = {"https://example.com"}});
  const std::string own = "http://127.0.0.1:" + std::to_string(server.port());
  const auto status_for = [&](const std::string& origin) {
    return get(server, "/v1/stream", "Origin: " + origin + "\r\n" + upgrade).status;
  };
  EXPECT_EQ(status_for("https://evil.example"), 403);
  EXPECT_EQ(status_for("null"), 403);
  EXPECT_EQ(sample(server, "duplex_speech_errors_total{code=\"forbidden_origin\"}"), 2);
  stream_client(server, "", {.origin = "https://example.com"}).start();
  stream_client(server, "", {.origin = own}).start();
  stream_client(server).start();
  const running_server open(scripted(), {.origins = {"*"}});
  stream_client(open, "", {.origin = "https://evil.example"}).start();
}

TEST(http, metrics_count_what_happened) {
  running_server server(scripted());
  stream_client client(server);
  client.start({{"partials", {{"interval_ms", 100}}}});
  client.speak(500ms);
  client.next("partial");
  client.speak(1000ms);
  client.say({{"type", "stop"}});
  client.rest();
  server.wait_for_log(1);
  EXPECT_EQ(sample(server, "duplex_speech_sessions"), 0);
  EXPECT_EQ(sample(server, "duplex_speech_sessions_total"), 1);
  EXPECT_EQ(sample(server, "duplex_speech_finals_total"), 2);
  EXPECT_GE(sample(server, "duplex_speech_partials_total"), 1);
  EXPECT_EQ(sample(server, "duplex_speech_audio_seconds_total"), 1.5);
  EXPECT_GE(sample(server, "duplex_speech_received_bytes_total"), 1500 * 32);
  EXPECT_GT(sample(server, "duplex_speech_sent_bytes_total"), 0);
  for (const char* figure : {"first_partial", "stop"}) {
    const std::string name = "duplex_speech_" + std::string(figure) + "_seconds";
    EXPECT_GE(sample(server, name + "_count"), 1) << name;
    EXPECT_EQ(sample(server, name + "_bucket{le=\"+Inf\"}"), sample(server, name + "_count"));
  }
  EXPECT_EQ(sample(server, "duplex_speech_final_lag_seconds_count"), 2);
  EXPECT_EQ(sample(server, "duplex_speech_decode_seconds_count{work=\"final\"}"), 2);
  EXPECT_EQ(sample(server, "duplex_speech_queue_length{work=\"final\"}"), 0);
  EXPECT_GT(sample(server, "process_resident_memory_bytes"), 1e6);
}

TEST(http, metrics_count_audio_and_errors_of_sessions_that_did_not_finish) {
  running_server server(scripted());
  {
    stream_client client(server);
    client.start({{"format", "auto"}});
    client.say({{"type", "configure"}, {"words", 7}});
    EXPECT_EQ(client.next("error")["fatal"], false);
    client.speak(3000ms);
    client.next("final"), client.next("final"), client.next("final");
    EXPECT_EQ(sample(server, "duplex_speech_audio_seconds_total"), 3);
    EXPECT_EQ(sample(server, "duplex_speech_errors_total{code=\"bad_field\"}"), 1);
    client.ws().abort();
  }
  EXPECT_EQ(server.wait_for_log(1)[0]["audio_ms"], 3000);
  EXPECT_EQ(sample(server, "duplex_speech_audio_seconds_total"), 3);
}

TEST(http, metrics_are_what_prometheus_reads) {
  const running_server server(scripted());
  const reply page = get(server, "/metrics");
  EXPECT_TRUE(page.has("Content-Type: text/plain; version=0.0.4; charset=utf-8")) << page.head;
  std::istringstream lines(page.body);
  std::string family;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
    } else if (!line.starts_with("# TYPE " + family + " ")) {
      EXPECT_TRUE(line.starts_with(family)) << line;
      EXPECT_NO_THROW(std::stod(line.substr(line.rfind(' ') + 1))) << line;
    }
  }
}

}  // namespace
}  // namespace duplex::speech
