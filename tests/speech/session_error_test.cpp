// Every error code of the protocol: how it comes about, how it ends, and that none is forgotten.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "session_client.hpp"
#include "speech/request/handler.hpp"
#include "speech/session/session_link.hpp"

namespace duplex::speech {
namespace {

using namespace test;
using nlohmann::json;

// A way to an error on a connection: what the client and the server do.
struct way {
  int close_code = 0;  // 0: of the one-message request alone
  std::function<void(session_bench&, test_client&)> go = {};
};

void fail_stream(session_bench& bench, test_client& client, error_code code) {
  client.send(plain_start);
  bench.tell(stream_failed{code, "it says why"});
}

void end_at(session_bench& bench, test_client& client, std::chrono::milliseconds time) {
  bench.now += time;
  client.link().advance(bench.now);
  bench.tell(stream_finished{0});
}

const std::map<error_code, way>& ways() {
  static const std::map<error_code, way> all{
      {error_code::bad_json, {1007, [](auto&, auto& client) { client.send("hello"); }}},
      {error_code::bad_state, {1008, [](auto&, auto& client) { client.send_audio(2); }}},
      {error_code::bad_field,
       {1008, [](auto&, auto& client) { client.send(R"({"type":"start"})"); }}},
      {error_code::unsupported_format,
       {1003,
        [](auto&, auto& client) {
          client.send(R"({"type":"start","format":"opus","rate":48000})");
        }}},
      {error_code::invalid_base64, {}},
      {error_code::bad_audio,
       {1003,
        [](auto& bench, auto& client) { fail_stream(bench, client, error_code::bad_audio); }}},
      {error_code::unauthorized,
       {1008,
        [](auto&, auto& client) { client.link().refuse(error_code::unauthorized, "no token"); }}},
      {error_code::forbidden_origin,
       {1008,
        [](auto&, auto& client) {
          client.link().refuse(error_code::forbidden_origin, "origin https://example.com");
        }}},
      {error_code::model_not_found,
       {1008,
        [](auto&, auto& client) {
          client.send(R"({"type":"start","format":"auto","model":"huge"})");
        }}},
      {error_code::too_many_sessions,
       {1013,
        [](auto& bench, auto& client) {
          bench.refusal.emplace(error_code::too_many_sessions, "100 sessions, and 100 is the most");
          client.send(plain_start);
        }}},
      {error_code::overloaded,
       {1013,
        [](auto&, auto& client) {
          client.send(plain_start);
          for (int i = 0; i < 61; ++i) client.send_audio(32'000);
        }}},
      {error_code::message_too_big,
       {1009,
        [](auto&, auto& client) {
          client.send(plain_start);
          client.send_audio((1 << 20) + 1);
        }}},
      {error_code::idle_timeout,
       {1008,
        [](auto& bench, auto& client) {
          client.send(plain_start);
          end_at(bench, client, 60s);
        }}},
      {error_code::session_limit,
       {1008,
        [](auto& bench, auto& client) {
          client.send(plain_start);
          bench.now += 4h;
          client.send(R"({"type":"keepalive"})");
          end_at(bench, client, 0s);
        }}},
      {error_code::resume_unknown,
       {1008,
        [](auto&, auto& client) {
          client.send(R"({"type":"resume","session":"a","token":"b","last_seq":0})");
        }}},
      {error_code::resume_expired,
       {1008,
        [](auto& bench, auto& client) {
          test_client before(bench);
          before.send(resumable_start);
          const json started = before.read_one();
          before.disconnect(1006);
          bench.now += 30s;
          bench.store.advance(bench.now);
          client.send(resume_text(started, 1));
        }}},
      {error_code::engine_failed,
       {1011,
        [](auto& bench, auto& client) { fail_stream(bench, client, error_code::engine_failed); }}},
      {error_code::draining,
       {1012,
        [](auto& bench, auto& client) {
          client.send(plain_start);
          client.link().drain(bench.now + 5s, bench.now);
          bench.tell(stream_finished{0});
        }}},
      {error_code::internal,
       {1011,
        [](auto& bench, auto& client) {
          client.send(plain_start);
          bench.tell(stream_finished{0});  // nobody asked for it
        }}},
      {error_code::cancelled, {}},
  };
  return all;
}

TEST(session_error, every_code_is_reached_and_precedes_its_close) {
  for (const error_code code : all_error_codes) {
    SCOPED_TRACE(to_string(code));
    const auto found = ways().find(code);
    ASSERT_NE(found, ways().end()) << "a code without a test";
    if (found->second.close_code == 0) continue;
    session_bench bench;
    test_client client(bench);
    found->second.go(bench, client);
    EXPECT_EQ(client.close_code(), 0) << "not before the error was sent";
    const auto heard = client.read();
    ASSERT_FALSE(heard.empty());
    const json& error = heard.back();
    EXPECT_EQ(error["type"], "error");
    EXPECT_EQ(error["code"], to_string(code));
    EXPECT_EQ(error["fatal"], true);
    EXPECT_FALSE(error["message"].get<std::string>().empty());
    EXPECT_EQ(error.contains("retry_after_ms"), is_worth_retrying(code));
    EXPECT_EQ(client.close_code(), found->second.close_code);
    EXPECT_EQ(client.close_code(), close_code_of(code));
    EXPECT_TRUE(bench.streams.empty() || bench.stream().is_cancelled);
  }
}

TEST(session_error, codes_of_the_request_alone_are_reached_there) {
  const session_bench bench;
  const request_handler handler(bench.models);
  const auto answer = [&](std::string_view text, const std::stop_token& stop) {
    return json::parse(handler.respond(buffer(as_bytes(text)), stop))["error"]["code"];
  };
  EXPECT_EQ(answer(R"({"audio_base64":"?"})", {}), "invalid_base64");
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(answer(R"({"audio_base64":"AAAA"})", stopped.get_token()), "cancelled");
}

TEST(session_error, before_the_start_every_error_is_fatal) {
  for (const std::string_view text :
       {R"({"type":"flush"})", R"({"type":"stop"})", R"({"type":"cancel"})",
        R"({"type":"keepalive"})", R"({"type":"configure"})", R"({"type":"talk"})", "[]"}) {
    session_bench bench;
    test_client client(bench);
    client.send(text);
    const json error = client.read_one();
    EXPECT_EQ(error["fatal"], true) << text;
    EXPECT_EQ(error["seq"], 0) << text;
    EXPECT_NE(client.close_code(), 0) << text;
    client.send(plain_start);
    EXPECT_EQ(client.read_types(), "") << "nothing begins after the end";
  }
}

TEST(session_error, a_text_of_too_many_bytes_is_not_parsed) {
  session_bench bench;
  test_client client(bench);
  client.send(std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(client.read_one()["code"], "message_too_big");
  EXPECT_EQ(client.close_code(), 1009);
}

TEST(session_error, a_language_the_model_does_not_have_is_named) {
  session_bench bench;
  test_client client(bench);
  client.send(R"({"type":"start","format":"auto","lang":"zh"})");
  EXPECT_EQ(client.read_one()["message"], "lang: model scripted understands en, not zh");
}

}  // namespace
}  // namespace duplex::speech
