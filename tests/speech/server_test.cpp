// The speech server over real connections.
#include "speech/server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <duplex/client.hpp>
#include <duplex/coro/wait.hpp>
#include <duplex/sync/client.hpp>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "recordings.hpp"
#include "running_server.hpp"
#include "sound.hpp"
#include "speech/recognizers/scripted.hpp"
#include "speech/request/base64.hpp"
#include "support/lateness.hpp"
#include "support/sanitizers.hpp"
#include "transcribe.hpp"

namespace duplex::speech {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

std::string request_of(const std::string& file, int id = 0) {
  std::string text = R"({"id":)" + std::to_string(id) + R"(,"audio_base64":")";
  append_base64(text, std::as_bytes(std::span(file)));
  return text + "\"}";
}

json ask(sync::client_connection& ws, const std::string& request) {
  ws.send(request);
  return json::parse(ws.recv(200s).text());  // on a machine that does much else
}

// Loopback has many addresses.
sync::client_connection connect_from(const running_server& server, const char* host) {
  return server.connect("/", {.local_addr = host});
}

std::string second() { return wav_file(tone(1, 16000)); }

// Stalls requests of more than a second until the gate opens.
std::shared_ptr<const recognizer> stalling(gate& stall) {
  return scripted({.before_segment = [&stall](std::size_t n, const std::stop_token& stop) {
    if (n == 1) stall.pass(stop);
  }});
}

TEST(speech_server, the_operator_is_told_why_an_engine_failed) {
  warnings told;
  running_server server(scripted({.before_segment =
                                      [](std::size_t, const std::stop_token&) {
                                        throw std::runtime_error("out of luck");
                                      }}),
                        {.logger = told.log()});
  auto ws = server.connect();
  EXPECT_EQ(ask(ws, request_of(second()))["error"]["code"], "engine_failed");
  ASSERT_EQ(told.all().size(), 1U);
  EXPECT_TRUE(told.all()[0].ends_with(" engine_failed: out of luck")) << told.all()[0];
}

TEST(speech_server, the_reply_is_the_handler_s) {
  const running_server server(scripted({.texts = {"one", "two"}}));
  auto ws = server.connect();
  const std::string request = request_of(wav_file(tone(2.5, 16000)), 7);
  json reply = ask(ws, request);
  json expected = json::parse(request_handler(server.models()).respond(buffer(as_bytes(request))));
  reply.erase("timing"), expected.erase("timing");
  EXPECT_EQ(reply, expected);
  EXPECT_EQ(reply["text"], "one two one");
}

TEST(speech_server, requests_of_a_connection_are_answered_in_order) {
  const running_server server(scripted());
  auto ws = server.connect();
  for (int id = 0; id < 20; ++id) ws.send(request_of(wav_file(tone(id % 3 + 1, 16000)), id));
  for (int id = 0; id < 20; ++id) EXPECT_EQ(json::parse(ws.recv(60s).text())["id"], id);
}

TEST(speech_server, bad_requests_are_answered_and_the_connection_goes_on) {
  const running_server server(scripted());
  auto ws = server.connect();
  EXPECT_EQ(ask(ws, "hello")["error"]["code"], "bad_json");
  EXPECT_EQ(ask(ws, "{}")["error"]["code"], "bad_field");
  EXPECT_EQ(ask(ws, R"({"audio_base64":"x"})")["error"]["code"], "invalid_base64");
  EXPECT_EQ(ask(ws, R"({"audio_base64":""})")["error"]["code"], "bad_audio");
  ws.send(as_bytes("{}"));
  const json reply = json::parse(ws.recv(60s).text());
  EXPECT_EQ(reply["error"]["code"], "bad_json");
  EXPECT_EQ(reply["error"]["message"], "expected JSON in a text message, not binary");
  EXPECT_EQ(ask(ws, request_of(second()))["state"], "success");
}

TEST(speech_server, a_request_too_big_closes_with_1009) {
  const running_server server(scripted(), {.requests = {.max_size = 1000}});
  auto ws = server.connect();
  EXPECT_EQ(ask(ws, std::string(1000, ' '))["error"]["code"], "bad_json");
  ws.send(std::string(1001, ' '));
  EXPECT_THROW(ws.recv(60s), connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1009);
}

void expect_overloaded(sync::client_connection ws, const std::string& request) {
  const json reply = ask(ws, request);
  EXPECT_EQ(reply["error"]["code"], "overloaded");
  EXPECT_EQ(
      reply["error"]["message"],
      "the requests in progress have all the memory they may have, or this address half of it");
  EXPECT_THROW(ws.recv(60s), connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1013);
}

TEST(speech_server, requests_share_a_bounded_memory) {
  gate stall;
  const running_server server(stalling(stall), {.threads = 3, .request_memory = 200'000});
  const std::string big = request_of(wav_file(tone(2, 16000)));  // 85 KB
  auto first = connect_from(server, "127.0.0.1");
  auto second = connect_from(server, "127.0.0.2");
  first.send(big);
  second.send(big);
  stall.wait_for_arrivals(2);
  expect_overloaded(connect_from(server, "127.0.0.3"), big);
  auto small = connect_from(server, "127.0.0.3");
  EXPECT_EQ(ask(small, request_of(wav_file(tone(0.5, 16000))))["state"], "success");
  stall.open();
  EXPECT_EQ(json::parse(first.recv(60s).text())["state"], "success");
  EXPECT_EQ(json::parse(second.recv(60s).text())["state"], "success");
  EXPECT_EQ(ask(first, big)["state"], "success") << "what was held is free again";
}

TEST(speech_server, one_address_has_half_of_the_memory_of_requests) {
  gate stall;
  const running_server server(stalling(stall), {.threads = 3, .request_memory = 300'000});
  const std::string big = request_of(wav_file(tone(2, 16000)));  // 85 KB
  auto first = connect_from(server, "127.0.0.1");
  first.send(big);
  stall.wait_for_arrivals(1);
  expect_overloaded(connect_from(server, "127.0.0.1"), big);
  auto other = connect_from(server, "127.0.0.2");
  other.send(big);
  stall.wait_for_arrivals(2);
  stall.open();
  EXPECT_EQ(json::parse(other.recv(60s).text())["state"], "success");
  EXPECT_EQ(json::parse(first.recv(60s).text())["state"], "success");
}

TEST(speech_server, a_request_that_never_fits_is_too_big) {
  const running_server server(scripted(), {.request_memory = 100'000});
  auto ws = server.connect();
  ws.send(request_of(wav_file(tone(2, 16000))));
  EXPECT_THROW(ws.recv(60s), connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1009);
  EXPECT_EQ(ws.close_reason(), "message_too_big");
}

// Reads the beginning of what is answered, and no more.
task<> begin_to_read(const running_server& server, const std::string& request, bool& begun) {
  auto ws = co_await connect("ws://127.0.0.1/", {.sock = server.connected_socket(1 << 16)});
  co_await ws.send(request);
  auto reply = co_await ws.recv_streaming();
  auto part = co_await reply.next();
  begun = part.has_value();
  coro::wait_queue never;
  coro::wait forever(coro::executor::current(), never);
  co_await forever;
}

TEST(speech_server, a_reply_that_is_read_slowly_counts_as_memory_without_its_request) {
  // 10 MB, as its reply, which is more than sockets hold; with the audio on the way 28 MB.
  std::string text = request_of(wav_file(tone(240, 16000)));
  text.insert(1, R"("return_audio":true,)");
  const running_server server(scripted(), {.request_memory = 70'000'000});
  io::loop loop;
  bool begun = false;
  scope reading;
  reading.spawn(begin_to_read(server, text, begun));
  loop.run_until([&] { return begun; });
  auto other = server.connect();
  EXPECT_EQ(ask(other, std::string(15'000'000, ' '))["error"]["code"], "bad_json");
}

TEST(speech_server, nothing_is_compressed) {
  const running_server server(scripted());
  for (const char* path : {"/", "/v1/stream"}) {
    auto ws = server.connect(path);
    EXPECT_FALSE(ws.response().headers.contains("Sec-WebSocket-Extensions")) << path;
  }
}

TEST(speech_server, a_connection_without_requests_ends) {
  const running_server server(scripted(), {.streams = {.session = {.idle = 1s}}});
  auto ws = server.connect();
  const json error = json::parse(ws.recv(60s).text())["error"];
  EXPECT_EQ(error["code"], "idle_timeout");
  EXPECT_EQ(error["message"], "no message came for 1 s");
  EXPECT_THROW(ws.recv(60s), connection_closed_error);
  EXPECT_EQ(ws.close_code(), 1008);
}

TEST(speech_server, other_paths_are_not_found) {
  const running_server server(scripted());
  try {
    server.connect("/v1/nothing?x=1");
    ADD_FAILURE() << "connected";
  } catch (const invalid_status& refusal) {
    EXPECT_EQ(refusal.response().status, 404);
  }
  auto other = server.connect("/?x=1");
  EXPECT_EQ(ask(other, request_of(second()))["state"], "success");
}

TEST(speech_server, pings_and_other_clients_are_served_while_one_decodes) {
  gate stall;
  const running_server server(stalling(stall), {.threads = 2});
  auto busy = server.connect();
  busy.send(request_of(wav_file(tone(2, 16000))));
  stall.wait_for_arrivals(1);
  for (int i = 0; i < 10; ++i) EXPECT_LT(busy.ping(10s), 10s);
  auto other = server.connect();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(other, request_of(second(), i))["id"], i);
  stall.open();
  EXPECT_EQ(json::parse(busy.recv(60s).text())["state"], "success");
}

TEST(speech_server, a_client_that_leaves_stops_its_decoding) {
  std::promise<error_code> stopped;
  gate stall;
  const running_server server(
      scripted({.before_segment = [&](std::size_t n, const std::stop_token& stop) {
        if (n == 0) return;
        try {
          stall.pass(stop);
        } catch (const speech_error& error) {
          stopped.set_value(error.code());
          throw;
        }
      }}));
  {
    auto ws = server.connect();
    ws.send(request_of(wav_file(tone(2, 16000))));
    stall.wait_for_arrivals(1);
    ws.abort();
  }
  auto result = stopped.get_future();
  ASSERT_EQ(result.wait_for(60s), std::future_status::ready);
  EXPECT_EQ(result.get(), error_code::cancelled);
  auto next = server.connect();
  EXPECT_EQ(ask(next, request_of(second()))["state"], "success");
}

TEST(speech_server, its_end_does_not_wait_for_decoding) {
  gate stall;
  auto server = std::make_unique<running_server>(stalling(stall));
  auto ws = server->connect();
  ws.send(request_of(wav_file(tone(2, 16000))));
  stall.wait_for_arrivals(1);
  server.reset();
  EXPECT_THROW(ws.recv(60s), connection_closed);
}

TEST(speech_server, a_drain_answers_what_was_asked_and_closes_with_1012) {
  gate stall;
  running_server server(stalling(stall));
  auto busy = server.connect();
  auto idle = server.connect();
  busy.send(request_of(wav_file(tone(2, 16000)), 1));
  busy.send(request_of(second(), 2));
  stall.wait_for_arrivals(1);
  server.drain(60s);
  EXPECT_THROW(idle.recv(60s), connection_closed);
  EXPECT_EQ(idle.close_code(), 1012);
  stall.open();
  EXPECT_EQ(json::parse(busy.recv(60s).text())["id"], 1);
  EXPECT_THROW(busy.recv(60s), connection_closed);
  EXPECT_EQ(busy.close_code(), 1012);
  server.wait_for_end();
}

TEST(speech_server, an_hour_of_audio_is_one_request) {
  if (test::sanitized) GTEST_SKIP() << "150 MB take too long in a sanitizer's build";
  const running_server server(scripted({.segment_samples = 20 * sample_rate}));
  const auto file = wav_file(std::vector<float>(3600 * sample_rate));
  auto ws = server.connect();
  const json reply = ask(ws, request_of(file));
  EXPECT_EQ(reply["duration_ms"], 3'600'000);
  EXPECT_EQ(reply["segments"].size(), 180U);
}

TEST(speech_server, the_text_through_the_wire_is_the_engine_s_own) {
  const auto directory = recordings_directory();
  if (!directory) GTEST_SKIP() << "no recordings; point DUPLEX_TEST_SPEECH at them";
  const auto model = load_recognizer("tiny");
  const running_server server(model);
  auto ws = server.connect();
  std::size_t compared = 0;
  for (const auto& clip : recordings(*directory, "en")) {
    if (++compared > 3) break;
    const std::string file = read_bytes(clip.file);
    EXPECT_EQ(ask(ws, request_of(file))["text"], text_of(finals_of(*model, samples_of(file))))
        << clip.file;
  }
}

// Eight clients with a real engine, and a ninth that measures what they do to it.
TEST(speech_server, eight_requests_at_once_are_right_and_a_ninth_client_s_pings_are_quick) {
  const auto model = load_recognizer("tiny");
  // A ping is no message, and a slow machine decodes for longer than a client may be silent.
  const running_server server(model, {.threads = std::max(1U, std::thread::hardware_concurrency()),
                                      .streams = {.session = {.idle = std::chrono::hours(1)}}});
  const std::string file = read_bytes(data_directory() / "samples/jfk.wav");
  const std::string expected = text_of(finals_of(*model, samples_of(file)));
  std::vector<std::vector<std::string>> texts(8);
  std::atomic<int> unfinished = 8;
  std::vector<std::jthread> clients;
  const std::size_t rounds = test::sanitized ? 1 : 3;
  for (auto& replies : texts) {
    clients.emplace_back([&] {
      auto ws = server.connect();
      while (replies.size() < rounds) replies.push_back(ask(ws, request_of(file))["text"]);
      --unfinished;
    });
  }
  auto ninth = server.connect();
  test::lateness machine;
  std::vector<std::chrono::microseconds> round_trips;
  while (unfinished > 0) {
    // Pings without a pause would want a core for themselves, and measure that.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    round_trips.push_back(std::chrono::duration_cast<std::chrono::microseconds>(ninth.ping(60s)));
  }
  const double late = std::chrono::duration<double, std::milli>(machine.worst()).count();
  clients.clear();
  for (const auto& replies : texts) EXPECT_EQ(replies, std::vector(rounds, expected));
  std::ranges::sort(round_trips);
  ASSERT_GT(round_trips.size(), 100U);
  const auto at = [&](double part) {
    return static_cast<double>(round_trips[static_cast<std::size_t>(
                                               part * static_cast<double>(round_trips.size() - 1))]
                                   .count()) /
           1000;
  };
  std::printf(
      "%zu pings: median %.2f ms, 99 %% %.2f ms, slowest %.2f ms; a sleeper was up to %.2f ms "
      "late\n",
      round_trips.size(), at(0.5), at(0.99), at(1), late);
  // A round trip needs three threads of this process to run, one after the other.
  EXPECT_LT(at(1), (test::sanitized ? 1000 : 50) + 3 * late);
}

}  // namespace
}  // namespace duplex::speech
