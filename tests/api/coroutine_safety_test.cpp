// The shapes of code that users write, on compilers that get coroutines wrong.
//
// GCC 12 destroys temporaries of awaited expressions twice where they are aggregates that own
// something, and crashes on std::initializer_list there. Everything below is what a user may write
// all the same; run it with AddressSanitizer, which sees the second destruction.
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/duplex.hpp>

namespace {

using namespace duplex;
using namespace std::chrono_literals;

// What may be written with braces inside an awaited expression owns nothing; what owns something
// has constructors.
static_assert(std::is_trivially_destructible_v<connect_options>);
static_assert(std::is_trivially_destructible_v<send_options>);
static_assert(std::is_trivially_destructible_v<header_view>);
static_assert(std::is_trivially_destructible_v<water_marks>);
static_assert(std::is_trivially_destructible_v<payload>);
static_assert(std::is_trivially_destructible_v<view_list<std::string_view>>);
static_assert(std::is_trivially_destructible_v<view_list<header_view>>);
static_assert(!std::is_aggregate_v<message>);
static_assert(!std::is_aggregate_v<payload>);
static_assert(!std::is_aggregate_v<connection>);
static_assert(!std::is_aggregate_v<server>);
static_assert(!std::is_aggregate_v<limit>);
static_assert(!std::is_aggregate_v<uri>);
static_assert(!std::is_aggregate_v<task<>>);
static_assert(!std::is_aggregate_v<task<message>>);
static_assert(!std::is_aggregate_v<view_list<std::string_view>>);

// Long enough to be on the heap.
const std::string long_text(100, 'x');

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

std::string uri_of(const server& server) {
  return "ws://127.0.0.1:" + std::to_string(server.port()) + "/path?query";
}

task<> close(server& server) {
  server.close();
  co_await server.wait_closed();
}

std::string text_of(const request& request, std::string_view name) {
  return std::string(request.headers.get(name).value_or("absent"));
}

// --- connecting

task<> connect_with_some_options() {
  auto server = serve(echo, "127.0.0.1", 0, {.subprotocols = {"v1", "v2"}});
  const auto uri = uri_of(server);
  {
    auto ws = co_await connect(uri, {.subprotocols = {"v2", "v1"}, .ping_interval = 5s});
    EXPECT_EQ(ws.subprotocol(), "v1");
    co_await ws.send("hi", {.text = false});
    auto reply = co_await ws.recv(20s);
    EXPECT_TRUE(reply.is_binary());
    EXPECT_EQ(reply.text(), "hi");
  }
  co_await close(server);
}

TEST(awaited_connect, takes_some_options_in_braces) { run(connect_with_some_options()); }

task<> connect_with_every_option() {
  request seen;
  auto server = serve(
      [&](connection& ws) -> task<> {
        seen = ws.request();
        co_await echo(ws);
      },
      "127.0.0.1", 0, {.subprotocols = {"v2"}});
  const logger log = [](const log_record&) {};
  auto ws = co_await connect("ws://nowhere.invalid:1/path",
                             {.origin = "https://example.com",
                              .subprotocols = {"v3", "v2", "v1"},
                              .additional_headers = {{"X-One", "1"}, {"X-Two", long_text}},
                              .user_agent_header = "tests",
                              .open_timeout = 20s,
                              .ping_interval = 30s,
                              .ping_timeout = std::nullopt,
                              .close_timeout = 5s,
                              .max_size = 1000,
                              .max_queue = {16, 4},
                              .read_limit = 4096,
                              .write_limit = std::nullopt,
                              .host = "127.0.0.1",
                              .port = server.port(),
                              .family = address_family::ipv4,
                              .tls = {.server_name = long_text + ".example",
                                      .alpn = {"http/1.1", "another"},
                                      .minimum_version = tls_version::tls_1_3,
                                      .insecure_skip_verification = true},
                              .logger = &log});
  co_await ws.send(long_text);
  auto reply = co_await ws.recv();
  EXPECT_EQ(reply.text(), long_text);
  EXPECT_EQ(text_of(seen, "Origin"), "https://example.com");
  EXPECT_EQ(text_of(seen, "Sec-WebSocket-Protocol"), "v3, v2, v1");
  EXPECT_EQ(text_of(seen, "X-One"), "1");
  EXPECT_EQ(text_of(seen, "X-Two"), long_text);
  EXPECT_EQ(text_of(seen, "User-Agent"), "tests");
  EXPECT_EQ(text_of(seen, "Host"), "nowhere.invalid:1");
  co_await ws.close();
  co_await close(server);
}

TEST(awaited_connect, takes_every_option_in_braces) { run(connect_with_every_option()); }

task<> connect_with_temporaries() {
  request seen;
  auto server = serve(
      [&](connection& ws) -> task<> {
        seen = ws.request();
        co_await echo(ws);
      },
      "127.0.0.1");
  std::string token = "secret ";
  auto ws = co_await connect("ws://127.0.0.1:" + std::to_string(server.port()) + "/" + long_text,
                             {.origin = token + long_text,
                              .additional_headers = {{"Authorization", "Bearer " + token + "x"}},
                              .user_agent_header = std::string("agent ") + long_text});
  co_await ws.close(1000, "bye " + token);
  EXPECT_EQ(seen.target, "/" + long_text);
  EXPECT_EQ(text_of(seen, "Origin"), token + long_text);
  EXPECT_EQ(text_of(seen, "Authorization"), "Bearer secret x");
  EXPECT_EQ(text_of(seen, "User-Agent"), "agent " + long_text);
  EXPECT_EQ(ws.close_reason(), "bye " + token);
  co_await close(server);
}

TEST(awaited_connect, takes_temporary_strings) { run(connect_with_temporaries()); }

task<> connect_with_lists_of_any_length() {
  request seen;
  auto server = serve(
      [&](connection& ws) -> task<> {
        seen = ws.request();
        co_await echo(ws);
      },
      "127.0.0.1");
  const auto uri = uri_of(server);
  const std::vector<header_view> headers(12, header_view{"X-Many", "yes"});
  {
    auto ws = co_await connect(uri, {.additional_headers = std::span(headers)});
    co_await ws.close();
    EXPECT_EQ(seen.headers.count("X-Many"), 12u);
  }
  {
    auto ws = co_await connect(uri, {.additional_headers = {{"A", "1"},
                                                            {"B", "2"},
                                                            {"C", "3"},
                                                            {"D", "4"},
                                                            {"E", "5"},
                                                            {"F", "6"},
                                                            {"G", "7"},
                                                            {"H", "8"}}});
    co_await ws.close();
    EXPECT_EQ(text_of(seen, "A") + text_of(seen, "H"), "18");
  }
  {
    auto ws = co_await connect(uri, {.additional_headers = {{"X-Only", "one"}}});
    co_await ws.close();
    EXPECT_EQ(text_of(seen, "X-Only"), "one");
  }
  co_await close(server);
}

TEST(awaited_connect, takes_lists_of_any_length) { run(connect_with_lists_of_any_length()); }

task<> connect_in_every_place() {
  auto server = serve(echo, "127.0.0.1");
  const auto uri = uri_of(server);
  const connect_options options = {.subprotocols = {}, .ping_interval = std::nullopt};
  auto defaults = co_await connect(uri);
  auto empty = co_await connect(uri, {});
  auto named = co_await connect(uri, options);
  auto later = connect(uri, {.origin = "https://" + long_text});
  auto awaited_later = co_await std::move(later);
  std::optional<client_connection> kept;
  kept.emplace(co_await connect(uri, {.close_timeout = 5s}));
  EXPECT_EQ(text_of(awaited_later.request(), "Origin"), "https://" + long_text);
  co_await kept->send(long_text);
  auto reply = co_await kept->recv();
  EXPECT_EQ(reply.text(), long_text);
  named = co_await connect(uri, {.close_timeout = 5s});
  co_await named.close();
  co_await close(server);
}

TEST(awaited_connect, stands_in_every_place) { run(connect_in_every_place()); }

// --- sending and receiving

task<> send_everything() {
  auto server = serve(echo, "127.0.0.1");
  const auto uri = uri_of(server);
  auto ws = co_await connect(uri);
  const std::vector<std::byte> bytes(100, std::byte{'b'});
  const std::string_view view = long_text;
  std::stop_source stop;

  co_await ws.send("literal");
  co_await ws.send(view);
  co_await ws.send(long_text);
  co_await ws.send(long_text + "temporary");
  co_await ws.send(std::to_string(1) + long_text, {.text = false});
  co_await ws.send(bytes);
  co_await ws.send(std::vector<std::byte>(100, std::byte{'t'}), {.text = true});
  co_await ws.send("limited", {.text = true}, 20s);
  co_await ws.send("stoppable", {}, stop.get_token());
  co_await ws.send(message(long_text), {}, {20s, stop.get_token()});

  std::string all;
  for (int i = 0; i < 10; ++i) {
    auto message = co_await ws.recv({20s, stop.get_token()});
    all += message.is_text() ? "text " : "binary ";
    all += message.text();
    all += '\n';
  }
  EXPECT_EQ(all, "text literal\ntext " + long_text + "\ntext " + long_text + "\ntext " + long_text +
                     "temporary\nbinary 1" + long_text + "\nbinary " + std::string(100, 'b') +
                     "\ntext " + std::string(100, 't') + "\ntext limited\ntext stoppable\ntext " +
                     long_text + '\n');
  co_await ws.close();
  co_await close(server);
}

TEST(awaited_send, takes_whatever_can_be_sent) { run(send_everything()); }

task<> receive_in_every_place() {
  auto server = serve(
      [](connection& ws) -> task<> {
        for (int i = 0; i < 6; ++i) co_await ws.send(std::to_string(i) + long_text);
      },
      "127.0.0.1");
  const auto uri = uri_of(server);
  auto ws = co_await connect(uri);
  std::stop_source stop;

  auto first = co_await ws.recv();
  EXPECT_EQ(first.text(), "0" + long_text);
  if (auto second = co_await ws.next()) {
    EXPECT_EQ(second->text(), "1" + long_text);
  } else {
    ADD_FAILURE() << "there is a second message";
  }
  auto third = co_await ws.next(20s);
  EXPECT_EQ(third->text(), "2" + long_text);
  first = co_await ws.recv(stop.get_token());
  EXPECT_EQ(first.text(), "3" + long_text);
  int rest = 0;
  while (auto message = co_await ws.next({20s, stop.get_token()})) {
    EXPECT_EQ(message->text(), std::to_string(4 + rest++) + long_text);
  }
  EXPECT_EQ(rest, 2);
  co_await close(server);
}

TEST(awaited_receive, stands_in_every_place) { run(receive_in_every_place()); }

task<> give_up_and_go_on() {
  auto server = serve(echo, "127.0.0.1");
  const auto uri = uri_of(server);
  auto ws = co_await connect(uri, {.ping_interval = std::nullopt});
  std::stop_source stop;
  stop.request_stop();
  int given_up = 0;
  try {
    auto message = co_await ws.recv(1ms);
  } catch (const timeout&) {
    ++given_up;
  }
  try {
    auto message = co_await ws.next(stop.get_token());
  } catch (const std::system_error& stopped) {
    EXPECT_EQ(stopped.code(), std::errc::operation_canceled);
    ++given_up;
  }
  try {
    auto message = co_await ws.recv({20s, stop.get_token()});
  } catch (const std::system_error&) {
    ++given_up;
  }
  EXPECT_EQ(given_up, 3);
  co_await ws.send("unharmed");
  auto message = co_await ws.recv(20s);
  EXPECT_EQ(message.text(), "unharmed");
  co_await ws.ping(20s);
  const auto data = as_bytes(long_text);
  const auto round_trip = co_await ws.ping(data, {20s, std::stop_token()});
  EXPECT_GE(round_trip, 0s);
  co_await ws.close(4000, "reason");
  co_await ws.wait_closed(20s);
  EXPECT_EQ(ws.close_code(), 4000);
  co_await close(server);
}

TEST(awaited_receive, may_be_given_up) { run(give_up_and_go_on()); }

// --- handlers that own something

TEST(handler, with_captures_is_destroyed_once) {
  auto shared = std::make_shared<std::string>(long_text);
  auto session = [&]() -> task<> {
    auto server = serve(
        [shared, suffix = long_text](connection& ws) -> task<> {
          while (auto message = co_await ws.next()) {
            co_await ws.send(std::string(message->text()) + *shared + suffix);
          }
        },
        "127.0.0.1", 0,
        {.subprotocols = {"v1", long_text},
         .additional_headers = {{"X-One", "1"}, {"X-Two", long_text}},
         .server_header = "tests " + long_text,
         .logger = [shared](const log_record&) {}});
    EXPECT_EQ(shared.use_count(), 3);
    const auto uri = uri_of(server);
    auto ws = co_await connect(uri, {.subprotocols = {long_text}});
    EXPECT_EQ(ws.subprotocol(), long_text);
    EXPECT_EQ(ws.response().headers.get("X-Two"), long_text);
    EXPECT_EQ(ws.response().headers.get("Server"), "tests " + long_text);
    co_await ws.send("a");
    auto reply = co_await ws.recv();
    EXPECT_EQ(reply.text(), "a" + long_text + long_text);
    co_await ws.close();
    co_await close(server);
  };
  run(session());
  EXPECT_EQ(shared.use_count(), 1);
}

// --- blocking work

std::string shout() { return long_text + "!"; }

task<> block_in_every_safe_way() {
  auto shared = std::make_shared<std::string>(long_text);
  int calls = 0;
  co_await run_blocking([&] { ++calls; });
  auto number = co_await run_blocking([&calls] { return ++calls; });
  EXPECT_EQ(number, 2);
  auto plus = co_await run_blocking([number] { return number + 1; });
  EXPECT_EQ(plus, 3);
  auto text = co_await run_blocking(shout);
  EXPECT_EQ(text, shout());
  {
    auto work = [shared, copy = long_text] { return *shared + copy; };
    auto both = co_await run_blocking(std::move(work));
    EXPECT_EQ(both, long_text + long_text);
  }
  EXPECT_EQ(shared.use_count(), 1);
  auto owner = std::make_unique<std::string>(long_text);
  auto work = [owner = std::move(owner)] { return owner->size(); };
  auto size = co_await run_blocking(std::move(work));
  EXPECT_EQ(size, long_text.size());
  try {
    co_await run_blocking([&] { throw std::runtime_error(long_text); });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& thrown) {
    EXPECT_EQ(thrown.what(), long_text);
  }
}

TEST(run_blocking, takes_the_safe_shapes) { run(block_in_every_safe_way()); }

// --- tasks of the user's own

task<std::string> decorated(std::string text, std::string_view with = "default") {
  co_return text + '/' + std::string(with);
}
task<message> whole(std::string text) { co_return message(text + long_text); }
task<std::optional<message>> maybe(bool there) {
  if (there) co_return message(long_text);
  co_return std::nullopt;
}
task<std::unique_ptr<std::string>> owned(std::string text) {
  co_return std::make_unique<std::string>(std::move(text));
}
task<std::vector<std::string>> listed(std::vector<std::string> texts) { co_return texts; }
task<std::string> passed_on(std::string text) { co_return co_await decorated(std::move(text)); }
task<std::string> failing(std::string text) {
  co_await sleep_for(0ms);
  throw std::invalid_argument(text + long_text);
}

task<> await_tasks_of_every_kind() {
  const std::vector<std::string> texts = {long_text, "b"};
  auto literal = co_await decorated("literal");
  EXPECT_EQ(literal, "literal/default");
  auto temporary = co_await decorated(long_text + "1", long_text + "2");
  EXPECT_EQ(temporary, long_text + "1/" + long_text + "2");
  auto passed = co_await passed_on(long_text);
  EXPECT_EQ(passed, long_text + "/default");
  auto received = co_await whole("a");
  EXPECT_EQ(received.text(), "a" + long_text);
  if (auto there = co_await maybe(true)) {
    EXPECT_EQ(there->text(), long_text);
  } else {
    ADD_FAILURE() << "nothing is there";
  }
  auto absent = co_await maybe(false);
  EXPECT_FALSE(absent);
  auto pointer = co_await owned(long_text);
  EXPECT_EQ(*pointer, long_text);
  auto list = co_await listed(texts);
  EXPECT_EQ(list, texts);
  try {
    auto never = co_await failing("because ");
    ADD_FAILURE() << never;
  } catch (const std::invalid_argument& thrown) {
    EXPECT_EQ(thrown.what(), "because " + long_text);
  }
}

TEST(task, gives_values_and_exceptions_of_every_kind) {
  run(await_tasks_of_every_kind());
  EXPECT_EQ(run(decorated(long_text)), long_text + "/default");
  EXPECT_EQ(run(whole("a")).text(), "a" + long_text);
  EXPECT_EQ(*run(owned(long_text)), long_text);
  EXPECT_THROW(run(failing("")), std::invalid_argument);
}

task<> spawn_tasks_with_state() {
  auto server = serve(echo, "127.0.0.1");
  const auto uri = uri_of(server);
  std::vector<std::string> replies(3);
  auto ask = [&](std::size_t index, std::string text) -> task<> {
    auto ws = co_await connect(uri, {.additional_headers = {{"X-Index", std::to_string(index)}}});
    co_await ws.send(text);
    auto reply = co_await ws.recv(20s);
    replies[index] = reply.text();
  };
  scope tasks;
  for (std::size_t i = 0; i < replies.size(); ++i) tasks.spawn(ask(i, long_text + "spawned"));
  co_await tasks.join(20s);
  EXPECT_EQ(replies, std::vector<std::string>(3, long_text + "spawned"));
  co_await close(server);
}

TEST(scope, runs_tasks_with_state_of_their_own) { run(spawn_tasks_with_state()); }

// --- exceptions through all of it

task<> fail_in_every_way() {
  std::vector<std::string> logged;
  auto server = serve(
      [](connection& ws) -> task<> {
        auto message = co_await ws.recv(20s);
        throw std::runtime_error("told to: " + std::string(message.text()));
      },
      "127.0.0.1", 0, {.subprotocols = {"v1"}, .logger = [&](const log_record& record) {
                         if (record.level == log_level::error) logged.emplace_back(record.message);
                       }});
  const auto uri = uri_of(server);
  try {
    auto ws = co_await connect(uri, {.additional_headers = {{"X-Text", long_text}}});
    ADD_FAILURE() << "a client without a subprotocol was accepted";
  } catch (const invalid_status& refused) {
    EXPECT_EQ(refused.response().status, 400);
  }
  try {
    auto ws = co_await connect("ftp://" + long_text, {.origin = long_text});
    ADD_FAILURE() << "an ftp URI was accepted";
  } catch (const invalid_uri& problem) {
    EXPECT_EQ(problem.uri(), "ftp://" + long_text);
  }
  try {
    auto ws = co_await connect(uri, {.subprotocols = {"v1"}});
    co_await ws.send(long_text);
    while (auto message = co_await ws.next(20s)) ADD_FAILURE() << message->text();
    ADD_FAILURE() << "1011 is no good end";
  } catch (const connection_closed_error& closed) {
    EXPECT_EQ(closed.rcvd()->code, 1011);
  }
  EXPECT_EQ(logged, std::vector<std::string>{"connection handler failed: told to: " + long_text});
  co_await close(server);
  try {
    auto ws = co_await connect(uri, {.subprotocols = {"v1"}, .open_timeout = 20s});
    ADD_FAILURE() << "nobody listens any more";
  } catch (const std::system_error& problem) {
    EXPECT_EQ(problem.code(), std::errc::connection_refused);
  }
}

TEST(exception, goes_through_all_of_it) { run(fail_in_every_way()); }

}  // namespace
