// Live streams over real connections, with a scripted engine.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <semaphore>

#include "running_server.hpp"
#include "support/lateness.hpp"
#include "support/memory.hpp"
#include "support/sanitizers.hpp"

namespace duplex::speech {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

std::vector<std::string> texts_of(const std::vector<json>& messages) {
  std::vector<std::string> texts;
  for (const json& each : messages) {
    if (each["type"] == "final") texts.push_back(each["text"]);
  }
  return texts;
}

// Its finals wait until the gate opens.
std::shared_ptr<const recognizer> stalled(gate& stall) {
  return scripted(
      {.before_segment = [&stall](std::size_t, const std::stop_token& stop) { stall.pass(stop); }});
}

TEST(stream_server, speech_becomes_finals_and_done) {
  running_server server(scripted({.texts = {"one", "two"}}));
  stream_client client(server);
  client.start();
  EXPECT_EQ(client.next()["type"], "started");
  client.speak(2500ms);
  client.say({{"type", "stop"}});
  const auto messages = client.rest();
  EXPECT_EQ(texts_of(messages), (std::vector<std::string>{"one", "two", "one"}));
  ASSERT_FALSE(messages.empty());
  EXPECT_EQ(messages.back()["type"], "done");
  EXPECT_EQ(messages.back()["text"], "one two one");
  EXPECT_EQ(messages.back()["audio_ms"], 2500);
  EXPECT_EQ(client.close_code(), 1000);
}

TEST(stream_server, the_query_starts_a_stream_too) {
  running_server server(scripted());
  stream_client client(server, "?format=pcm_s16le&rate=16000");
  EXPECT_EQ(client.next()["type"], "started");
  client.speak(1000ms);
  client.say({{"type", "stop"}});
  EXPECT_EQ(client.rest().back()["segments"], 1);
}

TEST(stream_server, partials_come_while_somebody_speaks) {
  running_server server(scripted({.texts = {"a b c d e f"}, .segment_samples = 10 * sample_rate}));
  stream_client client(server);
  client.start({{"partials", {{"interval_ms", 200}}}});
  client.speak(2000ms);
  const json partial = client.next("partial");
  EXPECT_EQ(partial["seg"], 0);
  EXPECT_TRUE(partial.contains("lag_ms"));
}

TEST(stream_server, the_subprotocol_is_optional) {
  const running_server server(scripted());
  EXPECT_EQ(stream_client(server).ws().subprotocol(), std::nullopt);
  stream_client named(server, "", {.subprotocols = {"duplex.speech.v1"}});
  EXPECT_EQ(named.ws().subprotocol(), "duplex.speech.v1");
  named.start();
  EXPECT_EQ(named.next()["type"], "started");
}

TEST(stream_server, errors_are_told_before_the_close) {
  const running_server server(scripted());
  stream_client client(server);
  client.ws().send("nonsense");
  const auto messages = client.rest();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0]["type"], "error");
  EXPECT_EQ(messages[0]["code"], "bad_json");
  EXPECT_EQ(client.close_code(), 1007);
}

TEST(stream_server, messages_too_big_are_refused_without_being_kept) {
  const running_server server(scripted());
  stream_client client(server);
  client.start();
  client.next();
  test::memory_growth growth;
  try {
    const std::string audio(64 << 20, '\1');
    client.ws().send(as_bytes(audio));
  } catch (const connection_closed&) {
  }
  const auto messages = client.rest();
  EXPECT_EQ(messages.back()["code"], "message_too_big");
  EXPECT_EQ(client.close_code(), 1009);
}

TEST(stream_server, a_session_is_resumed_on_another_connection) {
  running_server server(scripted());
  std::string session, token;
  std::int64_t last_seq = 0;
  {
    stream_client first(server);
    first.start({{"resume", true}});
    const json started = first.next();
    session = started["session"];
    token = started["resume_token"];
    first.speak(1500ms);
    last_seq = first.next("final")["seq"];
    first.ws().abort();
  }
  stream_client second(server);
  second.say({{"type", "resume"}, {"session", session}, {"token", token}, {"last_seq", last_seq}});
  EXPECT_EQ(second.next("resumed")["received"], 1500 * 32);
  second.speak(1000ms);
  second.say({{"type", "stop"}});
  const auto messages = second.rest();
  EXPECT_EQ(messages.back()["audio_ms"], 2500);
  EXPECT_EQ(messages.back()["segments"], 3);
  const json line = server.wait_for_log(1)[0];
  EXPECT_EQ(line["id"], session);
  EXPECT_EQ(line["connections"], 2);
}

TEST(stream_server, a_session_that_ends_is_a_line_of_the_log) {
  running_server server(scripted({.name = "fast"}));
  stream_client client(server);
  client.start();
  const std::string id = client.next()["session"];
  client.speak(1200ms);
  client.say({{"type", "stop"}});
  client.rest();
  const json line = server.wait_for_log(1)[0];
  EXPECT_EQ(line["event"], "session");
  EXPECT_EQ(line["id"], id);
  EXPECT_EQ(line["model"], "fast");
  EXPECT_EQ(line["audio_ms"], 1200);
  EXPECT_EQ(line["segments"], 2);
  EXPECT_EQ(line["close_code"], 1000);
  EXPECT_TRUE(line["peer"].get<std::string>().starts_with("127.0.0.1:")) << line;
  for (const char* figure : {"final_lag_max_ms", "stop_to_done_ms", "duration_ms"}) {
    EXPECT_TRUE(line[figure].is_number()) << figure;
  }
}

TEST(stream_server, the_operator_is_told_why_an_engine_failed) {
  const auto failing = scripted({.before_segment = [](std::size_t, const std::stop_token&) {
    throw std::runtime_error("no\nmemory");
  }});
  warnings told;
  running_server server(failing, {.logger = told.log()});
  stream_client client(server);
  client.start();
  const std::string session = client.next()["session"];
  client.speak(1000ms);
  client.say({{"type", "stop"}});
  EXPECT_EQ(client.rest().back()["code"], "engine_failed");
  EXPECT_EQ(told.all(), std::vector{session + " engine_failed: no\\nmemory"});
}

TEST(stream_server, a_client_that_leaves_stops_its_decoding) {
  std::atomic<bool> stopped = false;
  gate stall;
  running_server server(scripted({.before_segment = [&](std::size_t, const std::stop_token& stop) {
    try {
      stall.pass(stop);
    } catch (const speech_error&) {
      stopped = true;
      throw;
    }
  }}));
  {
    stream_client client(server);
    client.start();
    client.speak(1000ms);
    stall.wait_for_arrivals(1);
    client.ws().abort();
  }
  const json line = server.wait_for_log(1)[0];
  EXPECT_EQ(line["close_code"], 1006);
  stream_client next(server);
  next.start();
  next.speak(1000ms);
  stall.wait_for_arrivals(2);  // by the only thread
  EXPECT_TRUE(stopped);
}

TEST(stream_server, with_a_stalled_engine_the_pings_of_200_clients_are_quick) {
  const std::size_t count = test::sanitized ? 50 : 200;
  constexpr int rounds = 10;
  gate stall;
  running_server server(stalled(stall), {.threads = 2, .max_sessions = count + 1});
  test::memory_growth growth;
  std::vector<stream_client> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back(server);
    clients.back().start();
    clients.back().speak(1000ms);
  }
  stall.wait_for_arrivals(2);  // of its two threads
  test::lateness machine;
  std::vector<std::chrono::steady_clock::duration> times;
  for (int i = 1; i < rounds; ++i) {
    for (auto& each : clients) {
      each.speak(1000ms);
      times.push_back(each.ws().ping(60s));
    }
  }
  const std::chrono::duration<double, std::milli> late = machine.worst();
  growth.expect_below(300 * test::mebibyte);  // of 64 MB of audio, and of these clients too
  std::ranges::sort(times);
  const auto at = [&](std::size_t i) {
    return std::chrono::duration<double, std::milli>(times[i]).count();
  };
  std::printf(
      "%zu pings: median %.2f ms, 99 %% %.2f ms, slowest %.2f ms; a sleeper was up to "
      "%.2f ms late\n",
      times.size(), at(times.size() / 2), at(times.size() * 99 / 100), at(times.size() - 1),
      late.count());
  // A round trip needs three threads of this process to run, one after the other.
  EXPECT_LT(at(times.size() - 1), (test::sanitized ? 1000 : 50) + 3 * late.count());
  stall.open();
  for (auto& each : clients) each.say({{"type", "stop"}});
  for (auto& each : clients) EXPECT_EQ(each.next("done")["segments"], rounds);
}

TEST(stream_server, one_that_floods_does_not_hold_up_the_others) {
  std::atomic<int> flooded = 0;
  std::counting_semaphore<> turns(40);  // of the one that floods
  const auto wait_for_turn = [&](std::size_t, const std::stop_token& stop) {
    ++flooded;
    while (!turns.try_acquire_for(10ms) && !stop.stop_requested()) continue;
  };
  running_server server(
      {scripted({.name = "quiet"}), scripted({.name = "flood", .before_segment = wait_for_turn})});
  stream_client flood(server);
  flood.start({{"model", "flood"}, {"acks", false}});
  std::jthread sender([&](const std::stop_token& stop) {
    try {
      while (!stop.stop_requested()) flood.speak(10s);
    } catch (const connection_closed&) {
    }
  });
  while (flooded <= 40) std::this_thread::yield();  // it has used up what a live stream may
  stream_client quiet(server);
  quiet.start({{"model", "quiet"}});
  quiet.speak(1000ms);
  quiet.say({{"type", "stop"}});
  quiet.ws().ping(60s);  // all of that has come
  turns.release(5);      // and no more, however long this takes
  EXPECT_EQ(quiet.next("done")["segments"], 1);
  sender.request_stop();
  flood.ws().abort();
}

TEST(stream_server, limits_of_time_are_kept) {
  server_options brief;
  brief.streams.session.idle = 50ms;
  const running_server impatient(scripted(), brief);
  stream_client never_started(impatient);
  EXPECT_EQ(never_started.rest().back()["code"], "idle_timeout");
  stream_client silent(impatient);
  silent.start();
  EXPECT_EQ(silent.rest().back()["code"], "idle_timeout");
  EXPECT_EQ(silent.close_code(), 1008);

  server_options short_lived;
  short_lived.streams.session.longest = 500ms;
  const running_server server(scripted(), short_lived);
  stream_client client(server);
  client.start();
  client.speak(1000ms);
  const auto messages = client.rest();
  EXPECT_EQ(texts_of(messages).size(), 1U);
  EXPECT_EQ(messages.back()["code"], "session_limit");
}

TEST(stream_server, a_client_without_acks_is_read_as_fast_as_it_is_heard) {
  const running_server server(scripted({.segment_samples = 10 * sample_rate}), {.threads = 2});
  stream_client client(server);
  client.start({{"acks", false}, {"partials", {{"interval_ms", 0}}}});
  test::memory_growth growth;
  for (int i = 0; i < 100; ++i) client.speak(20s);
  client.say({{"type", "stop"}});
  EXPECT_EQ(client.next("done")["audio_ms"], 2'000'000);
  growth.expect_below(64 * test::mebibyte);
}

TEST(stream_server, a_drain_loses_no_final) {
  gate stall;
  running_server server(stalled(stall), {.max_sessions = 30});
  std::vector<stream_client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(server);
    clients.back().start();
    clients.back().speak(2500ms);
  }
  // All that was sent has arrived where its pong has.
  for (auto& each : clients) each.ws().ping(60s);
  stall.wait_for_arrivals(1);
  server.drain(60s);
  for (auto& each : clients) each.next("draining");
  stall.open();
  for (auto& each : clients) {
    const auto messages = each.rest();
    EXPECT_EQ(texts_of(messages).size(), 3U);
    ASSERT_FALSE(messages.empty());
    EXPECT_EQ(messages.back()["code"], "draining");
    EXPECT_EQ(each.close_code(), 1012);
  }
  server.wait_for_end();
  EXPECT_EQ(server.wait_for_log(20).size(), 20U);
}

TEST(stream_server, a_drain_ends_in_time_where_the_engine_does_not) {
  gate stall;
  running_server server(stalled(stall));
  stream_client client(server);
  client.start();
  client.speak(2500ms);
  stall.wait_for_arrivals(1);
  server.drain(50ms);
  EXPECT_EQ(client.rest().back()["code"], "draining");
  EXPECT_EQ(client.close_code(), 1012);
  server.wait_for_end();
}

TEST(stream_server, a_drain_ends_connections_that_never_started) {
  running_server server(scripted());
  stream_client client(server);
  server.drain(60s);
  EXPECT_EQ(client.rest().back()["code"], "draining");
  server.wait_for_end();
}

TEST(stream_server, a_drain_ends_sessions_that_wait_to_be_resumed_and_logs_them) {
  running_server server(scripted());
  for (int i = 0; i < 10; ++i) {
    stream_client client(server);
    client.start({{"resume", true}});
    client.next("started");
    client.ws().abort();
  }
  server.drain(60s);
  server.wait_for_end();
  EXPECT_EQ(server.wait_for_log(10).size(), 10U);
}

TEST(stream_server, clients_may_vanish_at_any_moment) {
  running_server server(scripted(), {.threads = 2});
  using act = std::function<void(stream_client&)>;
  const std::vector<act> acts{
      [](stream_client&) {},
      [](stream_client& it) {
        it.start({{"resume", true}});
      },
      [](stream_client& it) { it.next("started"); },
      [](stream_client& it) { it.speak(500ms); },
      [](stream_client& it) { it.speak(700ms); },
      [](stream_client& it) { it.next("final"); },
      [](stream_client& it) {
        it.say({{"type", "flush"}});
      },
      [](stream_client& it) { it.speak(2000ms); },
      [](stream_client& it) {
        it.say({{"type", "stop"}});
      },
      [](stream_client& it) { it.next("done"); },
  };
  for (std::size_t last = 0; last < acts.size(); ++last) {
    stream_client client(server);
    for (std::size_t i = 0; i <= last; ++i) acts[i](client);
    client.ws().abort();
  }
  stream_client after(server);
  after.start();
  after.speak(1000ms);
  after.say({{"type", "stop"}});
  EXPECT_EQ(after.rest().back()["type"], "done");
}

TEST(stream_server, connecting_and_leaving_for_long_takes_no_memory) {
  running_server server(scripted(), {.threads = 2});
  const auto cycles = [&](int count) {
    for (int i = 0; i < count; ++i) {
      stream_client client(server);
      client.start({{"resume", i % 2 == 0}});
      client.speak(300ms);
      if (i % 3 == 0) client.next("started");
      client.ws().abort();
    }
  };
  cycles(test::sanitized ? 20 : 100);
  test::memory_growth growth;
  cycles(test::sanitized ? 50 : 500);
  growth.expect_below(16 * test::mebibyte);
}

}  // namespace
}  // namespace duplex::speech
