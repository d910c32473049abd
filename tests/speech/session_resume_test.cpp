#include <gtest/gtest.h>

#include <array>

#include "session_client.hpp"
#include "speech/session/session_store.hpp"

namespace duplex::speech {
namespace {

using namespace test;
using nlohmann::json;

// A client whose session may be resumed.
struct session_resume : testing::Test {
  explicit session_resume(store_limits limits = {}) : bench(limits) {}

  void SetUp() override {
    client.send(resumable_start);
    started = client.read_one();
    ASSERT_EQ(started["resume_token"].get<std::string>().size(), 48U);
  }

  session_bench bench;
  test_client client{bench};
  test_client next{bench};
  json started;
};

TEST_F(session_resume, audio_goes_on_where_it_was_received) {
  client.send_audio(1001);
  client.disconnect(1006);
  EXPECT_FALSE(bench.stream().is_cancelled);
  next.send(resume_text(started, 1));
  EXPECT_EQ(next.read_one(),
            (json{{"type", "resumed"}, {"seq", 0}, {"received", 1001}, {"replay_from_seq", 2}}));
  next.send_audio(7);
  EXPECT_EQ(bench.stream().inputs, (std::vector<std::string>{"audio 1001", "audio 7"}));
  EXPECT_EQ(bench.store.kept(), 0U);
}

TEST_F(session_resume, events_go_on_after_the_last_that_arrived) {
  for (int i = 0; i < 3; ++i) bench.tell(final_of(i, "text"));
  client.read();
  client.disconnect(1006);
  bench.tell(final_of(3, "while nobody listened"));
  next.send(resume_text(started, 3));
  const auto heard = next.read();
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(heard[0]["type"], "resumed");
  EXPECT_EQ(heard[1]["seq"], 4);
  EXPECT_EQ(heard[2]["seq"], 5);
  EXPECT_EQ(heard[2]["text"], "while nobody listened");
  bench.tell(final_of(4, "again"));
  EXPECT_EQ(next.read_one()["seq"], 6);
}

TEST_F(session_resume, what_was_said_after_stop_is_not_lost_with_the_connection) {
  client.send(R"({"type":"stop"})");
  bench.tell(final_of(0, "the end"));
  bench.tell(stream_finished{900});
  client.read();
  EXPECT_EQ(client.close_code(), 1000);
  client.disconnect(1006);
  next.send(resume_text(started, 1));
  EXPECT_EQ(next.read_types(), "resumed final stats done");
  EXPECT_EQ(next.close_code(), 1000);
  next.disconnect(1000);
  test_client third(bench);
  third.send(resume_text(started, 1));
  EXPECT_EQ(third.read_one()["code"], "resume_unknown") << "once it has arrived it is forgotten";
}

TEST_F(session_resume, a_close_by_the_client_is_the_end) {
  for (const std::uint16_t code : {1000, 1001}) {
    test_client first(bench), second(bench);
    first.send(resumable_start);
    const json about = first.read_one();
    first.disconnect(code);
    EXPECT_TRUE(bench.stream().is_cancelled);
    second.send(resume_text(about, 1));
    EXPECT_EQ(second.read_one()["code"], "resume_unknown");
  }
}

TEST_F(session_resume, sessions_that_did_not_ask_are_not_kept) {
  test_client plain(bench);
  plain.send(plain_start);
  EXPECT_FALSE(plain.read_one().contains("resume_token"));
  plain.disconnect(1006);
  EXPECT_TRUE(bench.stream().is_cancelled);
  EXPECT_EQ(bench.store.kept(), 0U);
}

TEST_F(session_resume, a_wrong_token_is_as_no_session) {
  client.disconnect(1006);
  json wrong = started;
  auto token = started["resume_token"].get<std::string>();
  token.back() = token.back() == '0' ? '1' : '0';
  wrong["resume_token"] = token;
  next.send(resume_text(wrong, 1));
  const json said = next.read_one();
  wrong["session"] = "nobody";
  test_client third(bench), fourth(bench);
  third.send(resume_text(wrong, 1));
  EXPECT_EQ(said, third.read_one());
  EXPECT_EQ(said["code"], "resume_unknown");
  fourth.send(resume_text(started, 1));
  EXPECT_EQ(fourth.read_types(), "resumed") << "the right one still works";
}

TEST_F(session_resume, tokens_differ) {
  test_client other(bench);
  other.send(resumable_start);
  const json about = other.read_one();
  EXPECT_NE(about["resume_token"], started["resume_token"]);
  EXPECT_NE(about["session"], started["session"]);
}

TEST_F(session_resume, a_second_connection_takes_the_session_from_the_first) {
  client.send_audio(100);
  next.send(resume_text(started, 1));
  EXPECT_EQ(next.read_types(), "resumed");
  EXPECT_EQ(client.close_code(), 0);
  const json error = client.read_one();
  EXPECT_EQ(error["code"], "bad_state");
  EXPECT_EQ(error["seq"], 0);
  EXPECT_EQ(client.close_code(), 1008);
  client.send_audio(50);
  client.send(R"({"type":"cancel"})");
  client.disconnect(1008);
  EXPECT_EQ(bench.stream().inputs, std::vector<std::string>{"audio 100"});
  bench.tell(final_of(0, "for the second"));
  EXPECT_EQ(next.read_types(), "final");
  EXPECT_EQ(client.read_types(), "");
}

TEST_F(session_resume, a_resume_that_fails_leaves_the_first_connection_alone) {
  next.send(resume_text(started, 99));
  EXPECT_EQ(next.read_one()["message"], "last_seq must be at most 1, not 99");
  bench.tell(final_of(0, "still here"));
  EXPECT_EQ(client.read_types(), "final");
}

TEST_F(session_resume, a_session_is_kept_for_thirty_seconds) {
  client.disconnect(1006);
  EXPECT_EQ(bench.store.deadline(), bench.now + 30s);
  bench.now += 29'999ms;
  bench.store.advance(bench.now);
  EXPECT_FALSE(bench.stream().is_cancelled);
  bench.now += 1ms;
  bench.store.advance(bench.now);
  EXPECT_TRUE(bench.stream().is_cancelled);
  EXPECT_EQ(bench.store.deadline(), std::nullopt);
  next.send(resume_text(started, 1));
  EXPECT_EQ(next.read_one()["code"], "resume_expired");
}

TEST_F(session_resume, each_break_begins_the_thirty_seconds_anew) {
  client.disconnect(1006);
  bench.now += 20s;
  next.send(resume_text(started, 1));
  next.disconnect(1006);
  bench.now += 20s;
  bench.store.advance(bench.now);
  test_client third(bench);
  third.send(resume_text(started, 1));
  EXPECT_EQ(third.read_types(), "resumed");
}

TEST_F(session_resume, events_beyond_the_bound_are_not_replayed) {
  for (int i = 0; i < 600; ++i) {
    bench.tell(final_of(i, std::string(1000, 'x')));
    client.read();
  }
  client.disconnect(1006);
  next.send(resume_text(started, 10));
  EXPECT_EQ(next.read_one()["message"], "events after 10 are not kept any more");
  EXPECT_EQ(next.close_code(), 1008);
  test_client third(bench);
  third.send(resume_text(started, 600));
  EXPECT_EQ(third.read_types(), "resumed final");
}

TEST_F(session_resume, events_beyond_the_bound_end_a_session_without_a_connection) {
  client.disconnect(1006);
  for (int i = 0; i < 1000; ++i) bench.tell(final_of(i, std::string(1000, 'x')));
  EXPECT_TRUE(bench.stream().is_cancelled);
  next.send(resume_text(started, 1));
  const auto heard = next.read();
  EXPECT_EQ(heard.back()["code"], "overloaded");
  EXPECT_EQ(next.close_code(), 1013);
}

TEST_F(session_resume, a_drain_ends_sessions_without_a_connection) {
  client.disconnect(1006);
  bench.store.drain();
  EXPECT_TRUE(bench.stream().is_cancelled);
  next.send(resume_text(started, 1));
  EXPECT_EQ(next.read_one()["code"], "draining");
}

TEST_F(session_resume, a_link_that_is_destroyed_ends_its_session) {
  {
    test_client gone(bench);
    gone.send(resumable_start);
  }
  EXPECT_TRUE(bench.stream().is_cancelled);
  bench.tell(final_of(0, "to nobody"));
}

TEST(session_store, the_oldest_of_too_many_gives_way) {
  session_bench bench({.kept_sessions = 3});
  std::array<json, 5> about;
  for (json& each : about) {
    test_client client(bench);
    client.send(resumable_start);
    each = client.read_one();
    client.disconnect(1006);
  }
  EXPECT_EQ(bench.store.kept(), 3U);
  for (std::size_t i = 0; i < about.size(); ++i) {
    EXPECT_EQ(bench.streams[i]->is_cancelled, i < 2);
    test_client client(bench);
    client.send(resume_text(about[i], 1));
    EXPECT_EQ(client.read_types(), i < 2 ? "error" : "resumed");
    client.disconnect(1000);
  }
}

// A session from there that is left behind.
recorded_stream& leave(session_bench& bench, const std::string& peer, std::size_t audio = 0) {
  test_client client(bench, peer);
  client.send(resumable_start);
  client.send_audio(audio);
  client.disconnect(1006);
  return bench.stream();
}

TEST(session_store, who_leaves_ever_more_behind_loses_his_own) {
  session_bench bench({.kept_sessions = 4});
  leave(bench, "10.0.0.1");
  leave(bench, "10.0.0.2");
  for (int i = 0; i < 20; ++i) leave(bench, "10.0.0.3");
  leave(bench, "10.0.0.4");
  EXPECT_EQ(bench.store.kept(), 4U);
  EXPECT_FALSE(bench.streams.front()->is_cancelled);
  EXPECT_FALSE(bench.streams[1]->is_cancelled);
  EXPECT_FALSE(bench.streams[21]->is_cancelled);
  EXPECT_FALSE(bench.stream().is_cancelled);
}

TEST(session_store, who_leaves_the_most_audio_behind_loses_his_own) {
  session_bench bench({.kept_bytes = 100'000});
  leave(bench, "10.0.0.1", 20'000);
  leave(bench, "10.0.0.2", 40'000);
  leave(bench, "10.0.0.2", 45'000);
  EXPECT_EQ(bench.store.kept(), 2U);
  EXPECT_FALSE(bench.streams[0]->is_cancelled);
  EXPECT_TRUE(bench.streams[1]->is_cancelled);
}

TEST(session_store, names_of_expired_sessions_are_bounded_too) {
  session_bench bench({.kept_sessions = 2});
  json first;
  for (int i = 0; i < 6; ++i) {
    test_client client(bench);
    client.send(resumable_start);
    if (i == 0) first = client.read_one();
    client.disconnect(1006);
  }
  test_client client(bench);
  client.send(resume_text(first, 1));
  EXPECT_EQ(client.read_one()["code"], "resume_unknown");
}

TEST(session_store, the_oldest_gives_way_where_memory_is_short) {
  session_bench bench({.kept_bytes = 100'000});
  for (int i = 0; i < 4; ++i) {
    test_client client(bench);
    client.send(resumable_start);
    client.send_audio(40'000);
    client.disconnect(1006);
  }
  EXPECT_EQ(bench.store.kept(), 2U);
  EXPECT_TRUE(bench.streams[0]->is_cancelled);
  EXPECT_TRUE(bench.streams[1]->is_cancelled);
  EXPECT_FALSE(bench.streams[3]->is_cancelled);
}

}  // namespace
}  // namespace duplex::speech
