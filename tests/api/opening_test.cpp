// What a server's application decides while a connection opens, as a peer sees it byte by byte.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/server.hpp>

#include "http_answer.hpp"
#include "log_book.hpp"
#include "raw_client.hpp"
#include "support.hpp"

namespace duplex::test {
namespace {

using namespace std::string_literals;

const std::string no_upgrade = "426 Upgrade Required";
const std::string opens = "101 Switching Protocols";

// --- process_request

std::optional<response> health_check(handshake&, const request& request) {
  if (request.path() == "/healthz") return respond(200, "OK\n");
  return std::nullopt;
}

TEST(process_request, answers_plain_http) {
  const auto answer =
      answer_of({.process_request = health_check}, http_request("GET", "/healthz?verbose"));
  EXPECT_EQ(answer.status(), "200 OK");
  EXPECT_EQ(answer.value("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(answer.value("Content-Length"), "3");
  EXPECT_EQ(answer.value("Connection"), "close");
  EXPECT_NE(answer.value("Date"), "missing");
  EXPECT_NE(answer.value("Server"), "missing");
  EXPECT_EQ(answer.body, "OK\n");
}

TEST(process_request, answers_head_without_a_body) {
  const auto answer =
      answer_of({.process_request = health_check}, http_request("HEAD", "/healthz"));
  EXPECT_EQ(answer.status(), "200 OK");
  EXPECT_EQ(answer.value("Content-Length"), "3");
  EXPECT_EQ(answer.body, "");
}

TEST(process_request, leaves_everything_else_to_the_handshake) {
  const serve_options options{.process_request = health_check};
  EXPECT_EQ(answer_of(options, upgrade_request()).status(), opens);
  EXPECT_EQ(answer_of(options, http_request("GET", "/")).status(), no_upgrade);
  EXPECT_EQ(answer_of(options, http_request("HEAD", "/")).status(), "405 Method Not Allowed");
  const auto post = answer_of(options, http_request("POST", "/healthz"));
  EXPECT_EQ(post.status(), "405 Method Not Allowed");
  EXPECT_EQ(post.value("Allow"), "GET, HEAD");
  EXPECT_EQ(answer_of({}, http_request("POST", "/")).value("Allow"), "GET");
}

TEST(process_request, refuses_a_websocket_with_whatever_it_likes) {
  const auto gone = [](handshake&, const request&) {
    response answer = respond(410, "");
    answer.reason = "Moved to the moon";
    answer.headers.add("X-Why", "no air");
    return answer;
  };
  const auto answer = answer_of({.process_request = gone}, upgrade_request());
  EXPECT_EQ(answer.status(), "410 Moved to the moon");
  EXPECT_EQ(answer.value("X-Why"), "no air");
  EXPECT_EQ(answer.value("Content-Length"), "0");
}

TEST(process_request, may_be_a_coroutine) {
  const auto slow = [](handshake&, const request& request) -> task<std::optional<response>> {
    co_await sleep_for(1ms);
    if (request.path() == "/slow") co_return respond(200, "at last\n");
    co_return std::nullopt;
  };
  const serve_options options{.process_request = slow};
  EXPECT_EQ(answer_of(options, http_request("GET", "/slow")).body, "at last\n");
  EXPECT_EQ(answer_of(options, upgrade_request()).status(), opens);
}

TEST(process_request, in_several_steps_takes_the_first_answer) {
  std::vector<int> asked;
  const auto step = [&](int number, std::optional<response> answer) {
    return [&asked, number, answer](handshake&, const request&) {
      asked.push_back(number);
      return answer;
    };
  };
  const auto answer = answer_of(
      {.process_request = {step(1, std::nullopt), health_check, step(2, respond(402, "pay\n")),
                           step(3, respond(200, "never\n"))}},
      upgrade_request());
  EXPECT_EQ(answer.body, "pay\n");
  EXPECT_EQ(asked, (std::vector<int>{1, 2}));
}

TEST(process_request, that_throws_is_logged_and_answered_with_500) {
  log_book book;
  const auto fails = [](handshake&, const request&) -> std::optional<response> {
    throw std::runtime_error("no\nluck");
  };
  const auto fails_later = [](handshake&, const request&) -> task<std::optional<response>> {
    co_await sleep_for(1ms);
    throw std::runtime_error("no\nluck");
  };
  for (const auto& step : {request_step(fails), request_step(fails_later)}) {
    book.lines.clear();
    const auto answer =
        answer_of({.process_request = step, .logger = book.sink()}, upgrade_request());
    EXPECT_EQ(answer.status(), "500 Internal Server Error");
    EXPECT_EQ(answer.body.find("luck"), std::string::npos) << "the peer need not know";
    EXPECT_EQ(book.count_like("error: process_request failed for 127.0.0.1:", ": no\\nluck"), 1u);
  }
}

TEST(process_request, cannot_answer_with_a_status_that_ends_nothing) {
  log_book book;
  for (const int status : {101, 100, 0, 600}) {
    const auto wrong = [&](handshake&, const request&) { return respond(status, ""); };
    const auto answer =
        answer_of({.process_request = wrong, .logger = book.sink()}, upgrade_request());
    EXPECT_EQ(answer.status(), "500 Internal Server Error") << status;
    EXPECT_EQ(book.count_like("error: ", ": its status is " + std::to_string(status)), 1u);
  }
}

TEST(process_request, that_takes_longer_than_open_timeout_is_given_up) {
  struct witness {
    bool& flag;
    ~witness() { flag = true; }
  };
  bool destroyed = false;
  log_book book;
  const auto server =
      serve(echo, "127.0.0.1", 0,
            {.process_request = [&](handshake&, const request&) -> task<std::optional<response>> {
               const witness here{destroyed};
               co_await sleep_for(1h);
               co_return std::nullopt;
             },
             .open_timeout = 500ms,  // for the request to come, even here
             .logger = book.sink()});
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(upgrade_request());
    auto answer = co_await client.read_to_end();
    EXPECT_EQ(answer, "");
  });
  EXPECT_TRUE(destroyed);
  EXPECT_EQ(book.count_like("info: opening handshake with 127.0.0.1:",
                            "failed: process_request took longer than open_timeout"),
            1u);
}

TEST(process_request, under_way_when_the_server_closes_is_answered_with_503) {
  bool asked = false;
  auto server =
      serve(echo, "127.0.0.1", 0,
            {.process_request = [&](handshake&, const request&) -> task<std::optional<response>> {
              asked = true;
              co_await sleep_for(1h);
              co_return std::nullopt;
            }});
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(upgrade_request());
    while (!asked) co_await sleep_for(1ms);
    server.close();
    auto answer = co_await client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    client.half_close();
    co_await server.wait_closed();
  });
}

TEST(process_request, hands_what_it_learnt_to_the_connection) {
  std::string seen;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        seen = ws.username().value_or("nobody") + " " + ws.parameters().at("room") + " " +
               std::to_string(*ws.data<std::unique_ptr<int>>());
        co_return;
      },
      "127.0.0.1", 0,
      {.process_request = [](handshake& peer, const request& request) -> std::optional<response> {
        EXPECT_EQ(peer.remote_address.host, "127.0.0.1");
        peer.username = "ada";
        peer.parameters["room"] = std::string(request.query());
        peer.data = std::make_unique<int>(7);
        return std::nullopt;
      }});
  run_test([&]() -> task<> {
    auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(server.port()) + "/?lab");
    co_await ws.wait_closed();
  });
  EXPECT_EQ(seen, "ada lab 7");
}

// --- create_connection

TEST(create_connection, gives_each_connection_its_own_state) {
  struct visit {
    std::string path;
    int messages = 0;
  };
  std::vector<std::string> seen;
  const auto server = serve(
      [&](connection& ws) -> task<> {
        while (auto message = co_await ws.next()) ++ws.data<visit>().messages;
        const auto& state = ws.data<visit>();
        seen.push_back(state.path + " " + std::to_string(state.messages));
        EXPECT_EQ(failure_now([&] { ws.data<int>(); }),
                  "other: the connection has no data of this type");
      },
      "127.0.0.1", 0, {.create_connection = [](const handshake& peer) {
        return visit{std::string(peer.request.path())};
      }});
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port());
    auto first = co_await connect(uri + "/first");
    auto second = co_await connect(uri + "/second");
    co_await first.send("1");
    co_await first.send("2");
    co_await second.send("1");
    co_await first.close();
    co_await second.close();
    while (seen.size() < 2) co_await sleep_for(1ms);
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"/first 2", "/second 1"}));
}

TEST(create_connection, that_throws_is_logged_and_answered_with_500) {
  log_book book;
  const auto answer = answer_of({.create_connection = [](const handshake&) -> connection_data {
                                   throw std::runtime_error("no state left");
                                 },
                                 .logger = book.sink()},
                                upgrade_request());
  EXPECT_EQ(answer.status(), "500 Internal Server Error");
  EXPECT_EQ(book.count_like("error: create_connection failed for ", ": no state left"), 1u);
}

// --- process_response and additional_headers

TEST(process_response, adds_to_what_opens_a_connection_and_to_what_refuses_one) {
  const auto cookie = [](handshake&, const request&, const response& answer) {
    auto changed = answer;
    changed.headers.add("Set-Cookie", "seen=" + std::to_string(answer.status));
    return changed;
  };
  const serve_options options{.process_response = cookie};
  const auto opened = answer_of(options, upgrade_request());
  EXPECT_EQ(opened.status(), opens);
  EXPECT_EQ(opened.value("Set-Cookie"), "seen=101");
  EXPECT_EQ(opened.value("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(answer_of(options, http_request("GET", "/")).value("Set-Cookie"), "seen=426");
}

TEST(process_response, may_refuse_what_would_have_opened_but_open_nothing) {
  const auto refuse = [](handshake&, const request&, const response& answer) {
    return respond(answer.status == 101 ? 403 : 101, "no\n");
  };
  log_book book;
  const serve_options options{.process_response = refuse, .logger = book.sink()};
  EXPECT_EQ(answer_of(options, upgrade_request()).status(), "403 Forbidden");
  EXPECT_EQ(answer_of(options, http_request("GET", "/")).status(), "500 Internal Server Error");
}

TEST(process_response, in_several_steps_shows_each_what_the_one_before_made) {
  const auto step = [](std::string name) {
    return [name](handshake&, const request&,
                  const response& answer) -> task<std::optional<response>> {
      auto changed = answer;
      changed.headers.add("X-Step", name);
      co_return changed;
    };
  };
  const auto none = [](handshake&, const request&, const response&) { return std::nullopt; };
  const auto answer =
      answer_of({.process_response = {step("first"), none, step("second")}}, upgrade_request());
  EXPECT_NE(answer.head.find("X-Step: first\r\nX-Step: second\r\n"), std::string::npos)
      << answer.head;
}

TEST(additional_headers, may_be_a_function_of_the_request) {
  const serve_options options{.additional_headers = [](const request& request) {
    return headers{{"X-Path", std::string(request.path())}};
  }};
  EXPECT_EQ(answer_of(options, upgrade_request()).value("X-Path"), "/chat");
}

TEST(additional_headers, that_are_the_handshakes_own_are_logged_and_answered_with_500) {
  log_book book;
  const auto answer = answer_of({.additional_headers =
                                     [](const request&) {
                                       return headers{{"Upgrade", "h2c"}};
                                     },
                                 .logger = book.sink()},
                                upgrade_request());
  EXPECT_EQ(answer.status(), "500 Internal Server Error");
  EXPECT_EQ(book.count_like("error: additional_headers failed for ",
                            ": header Upgrade is the handshake's own"),
            1u);
}

TEST(process_request, is_logged_without_what_it_answers_unless_it_refuses) {
  log_book book;
  const serve_options options{
      .process_request = {[](handshake&, const request& asked) {
        return std::optional(respond(asked.path() == "/metrics" ? 200 : 404, "figures\n"));
      }},
      .logger = book.sink()};
  EXPECT_EQ(answer_of(options, http_request("GET", "/metrics")).body, "figures\n");
  EXPECT_EQ(book.count_like("info: request answered (200 OK) for 127.0.0.1:", ""), 1u);
  EXPECT_EQ(book.count_like("info: ", "figures"), 0u);
  EXPECT_EQ(answer_of(options, http_request("GET", "/else")).body, "figures\n");
  EXPECT_EQ(
      book.count_like("info: connection rejected (404 Not Found) for 127.0.0.1:", ": figures"), 1u);
}

// --- origins

TEST(origins, that_no_rule_allows_are_refused_with_403_and_logged_with_the_address) {
  log_book book;
  const serve_options options{.origins = {"https://example.com", same_origin},
                              .logger = book.sink()};
  const auto answer_to = [&](const std::string& headers) {
    return answer_of(options, upgrade_request(headers)).status();
  };
  EXPECT_EQ(answer_to("Origin: https://example.com\r\n"), opens);
  EXPECT_EQ(answer_to("Origin: http://server.example.com\r\n"), opens);
  EXPECT_EQ(answer_to("Origin: https://evil.net\r\n"), "403 Forbidden");
  EXPECT_EQ(book.count_like("info: connection rejected (403 Forbidden) for 127.0.0.1:",
                            ": the origin 'https://evil.net' is not allowed"),
            1u);
  EXPECT_EQ(answer_to(""), "403 Forbidden");
}

TEST(origins, may_allow_requests_without_one) {
  const serve_options options{.origins = {"https://example.com", no_origin}};
  EXPECT_EQ(answer_of(options, upgrade_request()).status(), opens);
}

TEST(origins, that_are_not_set_are_missed_once_where_a_page_brings_cookies) {
  const auto warnings = [](serve_options options, const std::vector<std::string>& requests) {
    log_book book;
    options.logger = book.sink();
    const auto server = serve(echo, "127.0.0.1", 0, std::move(options));
    for (const auto& each : requests) answer_of(server, each);
    return book.count_like("warning: a page of 'https://example.com' has connected", "(said once)");
  };
  const auto cookie = "Cookie: session=1\r\n"s, origin = "Origin: https://example.com\r\n"s;
  const auto page = upgrade_request(cookie + origin);
  EXPECT_EQ(warnings({}, {page, page}), 1u);
  EXPECT_EQ(warnings({}, {upgrade_request(cookie), upgrade_request(origin)}), 0u);
  EXPECT_EQ(warnings({}, {http_request("GET", "/", cookie + origin)}), 0u);
  EXPECT_EQ(warnings({.origins = {"https://example.com"}}, {page}), 0u);
}

TEST(origins, may_not_be_two_even_where_any_is_allowed) {
  const auto answer =
      answer_of({}, upgrade_request("Origin: https://a.net\r\nOrigin: https://b.net\r\n"));
  EXPECT_EQ(answer.status(), "400 Bad Request");
  EXPECT_EQ(answer.body, "more than one Origin header\n");
}

// --- select_subprotocol

TEST(select_subprotocol, chooses_among_what_is_offered) {
  std::vector<std::string> seen;
  const serve_options options{
      .select_subprotocol = [&](const handshake&, std::span<const std::string> offered) {
        seen.assign(offered.begin(), offered.end());
        return offered.empty() ? std::nullopt : std::optional(offered.back());
      }};
  const auto answer = answer_of(options, upgrade_request("Sec-WebSocket-Protocol: v1, v2\r\n"
                                                         "Sec-WebSocket-Protocol: v3\r\n"));
  EXPECT_EQ(answer.value("Sec-WebSocket-Protocol"), "v3");
  EXPECT_EQ(seen, (std::vector<std::string>{"v1", "v2", "v3"}));
  const auto none = answer_of(options, upgrade_request());
  EXPECT_EQ(none.status(), opens);
  EXPECT_EQ(none.value("Sec-WebSocket-Protocol"), "missing");
}

TEST(select_subprotocol, may_refuse_with_400) {
  const auto answer = answer_of(
      {.select_subprotocol = [](const handshake&, std::span<const std::string>)
           -> std::optional<std::string> { throw negotiation_error("only v9 is spoken here"); }},
      upgrade_request("Sec-WebSocket-Protocol: v1\r\n"));
  EXPECT_EQ(answer.status(), "400 Bad Request");
  EXPECT_EQ(answer.body, "only v9 is spoken here\n");
}

TEST(select_subprotocol, cannot_choose_what_is_not_offered) {
  log_book book;
  const auto answer = answer_of({.select_subprotocol =
                                     [](const handshake&, std::span<const std::string>) {
                                       return std::optional<std::string>("v2");
                                     },
                                 .logger = book.sink()},
                                upgrade_request("Sec-WebSocket-Protocol: v1\r\n"));
  EXPECT_EQ(answer.status(), "500 Internal Server Error");
  EXPECT_EQ(book.count_like("error: select_subprotocol failed for ",
                            ": 'v2' is not among what the client offers"),
            1u);
}

TEST(opening_options, that_make_no_sense_are_refused) {
  const auto failure = [](serve_options options) {
    return failure_now([&] { serve(echo, "127.0.0.1", 0, std::move(options)); });
  };
  EXPECT_EQ(failure({.process_request = request_step::plain()}),
            "invalid argument: process_request must be a function, got an empty one");
  EXPECT_EQ(failure({.process_response = response_step::plain()}),
            "invalid argument: process_response must be a function, got an empty one");
  EXPECT_EQ(failure({.subprotocols = {"v1"},
                     .select_subprotocol =
                         [](const handshake&, std::span<const std::string>) {
                           return std::optional<std::string>();
                         }}),
            "invalid argument: subprotocols and select_subprotocol exclude each other, got both");
}

}  // namespace
}  // namespace duplex::test
