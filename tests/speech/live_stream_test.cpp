// A live stream's steps with a scripted recogniser and a clock that is set by hand.
#include "speech/stream/live_stream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "sound.hpp"
#include "speech/recognizers/scripted.hpp"
#include "support/memory.hpp"

namespace duplex::speech {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

// A stream whose steps are done here, one after the other.
class stream_at_hand {
 public:
  explicit stream_at_hand(script lines = {}, std::chrono::milliseconds partials = {},
                          const pcm_format& format = {})
      : stream_(
            scripted_recognizer(std::move(lines)).start(), format, partials,
            [this](std::vector<told_event> events) {
              EXPECT_FALSE(events.empty());
              std::ranges::move(events, std::back_inserter(told_));
            },
            [this] { return now_; }) {}

  live_stream& operator*() { return stream_; }
  live_stream* operator->() { return &stream_; }

  void put(std::int64_t ms) { stream_.put(buffer(as_bytes(std::string(bytes(ms), '\1')))); }
  static std::size_t bytes(std::int64_t ms) { return static_cast<std::size_t>(ms) * 32; }
  void pass(std::chrono::milliseconds time) { now_ += time; }

  // Until nothing is wanted; gives what each step was.
  std::vector<urgency> run(const std::stop_token& stop = {}) {
    std::vector<urgency> steps;
    while (const auto wanted = stream_.wants()) {
      steps.push_back(*wanted);
      stream_.step(stop);
      if (steps.size() > 10'000) throw std::runtime_error("steps without an end");
    }
    return steps;
  }

  std::vector<told_event> told() { return std::exchange(told_, {}); }
  template <class Event>
  std::vector<Event> all_of() const {
    std::vector<Event> found;
    for (const told_event& each : told_) {
      if (const auto* event = std::get_if<Event>(&each.what)) found.push_back(*event);
    }
    return found;
  }
  template <class Event>
  std::chrono::milliseconds lag_of_last() const {
    for (auto each = told_.rbegin(); each != told_.rend(); ++each) {
      if (std::holds_alternative<Event>(each->what))
        return std::chrono::duration_cast<std::chrono::milliseconds>(each->lag);
    }
    throw std::runtime_error("no such event");
  }

 private:
  steady::time_point now_{1h};
  std::vector<told_event> told_;
  live_stream stream_;
};

using steps = std::vector<urgency>;

TEST(live_stream, audio_becomes_finals_and_an_end) {
  stream_at_hand stream({.texts = {"one", "two"}});
  EXPECT_EQ(stream->wants(), std::nullopt);
  stream.put(2500);
  stream->finish();
  stream.run();
  const auto finals = stream.all_of<final_transcript>();
  ASSERT_EQ(finals.size(), 3U);
  EXPECT_EQ(finals[0].text, "one");
  EXPECT_EQ(finals[1].text, "two");
  EXPECT_EQ(finals[2].reason, end_reason::stop);
  EXPECT_EQ(stream.told().back().what, stream_event(stream_finished{2500}));
  EXPECT_EQ(stream->wants(), std::nullopt);
}

TEST(live_stream, a_final_is_told_before_more_is_heard) {
  stream_at_hand stream;
  stream.put(2000);
  EXPECT_EQ(stream.run(),
            (steps{urgency::listen, urgency::final, urgency::listen, urgency::final}));
}

TEST(live_stream, a_step_listens_to_little) {
  stream_at_hand stream({.segment_samples = 100 * sample_rate});
  stream.put(10'000);
  EXPECT_EQ(stream.run().size(), 10U);
  EXPECT_EQ(stream->queued_bytes(), 0U);
}

TEST(live_stream, events_do_not_depend_on_how_the_audio_is_cut) {
  const std::string audio(stream_at_hand::bytes(3700) + 1, '\1');
  const auto events = [&](auto&& cut) {
    stream_at_hand stream({.segment_samples = 1000});
    for (std::size_t at = 0; at < audio.size();) {
      const std::size_t size = std::min<std::size_t>(cut(), audio.size() - at);
      stream->put(buffer(as_bytes(audio).subspan(at, size)));
      at += size;
      if (size % 3 == 0) stream.run();
    }
    stream->finish();
    stream.run();
    EXPECT_EQ(stream.all_of<audio_processed>().back().bytes,
              static_cast<std::int64_t>(audio.size()));
    return stream.all_of<final_transcript>();
  };
  const auto whole = events([] { return 1U << 30; });
  EXPECT_GT(whole.size(), 50U);
  std::mt19937 random(5);
  for (int i = 0; i < 20; ++i) {
    const unsigned longest = 1 + random() % 9000;
    EXPECT_EQ(events([&] { return 1 + random() % longest; }), whole) << longest;
  }
}

TEST(live_stream, a_partial_is_due_every_interval_of_audio) {
  stream_at_hand stream({.texts = {"a b c d"}, .segment_samples = 4 * sample_rate}, 200ms);
  steps all;
  for (int i = 0; i < 10; ++i) {
    stream.put(100);
    std::ranges::copy(stream.run(), std::back_inserter(all));
  }
  EXPECT_EQ(std::ranges::count(all, urgency::first) + std::ranges::count(all, urgency::partial), 5);
  EXPECT_EQ(stream.all_of<partial_transcript>().size(), 5U);
}

TEST(live_stream, partials_that_nobody_had_time_for_become_one) {
  stream_at_hand stream({.segment_samples = 4 * sample_rate}, 200ms);
  stream.put(900);
  stream.put(900);
  EXPECT_EQ(stream.run(), (steps{urgency::listen, urgency::listen, urgency::first}));
  EXPECT_EQ(stream.all_of<partial_transcript>().size(), 1U);
}

TEST(live_stream, a_final_takes_the_place_of_a_partial_that_waits) {
  stream_at_hand stream({}, 200ms);
  stream.put(900);
  stream->step({});
  EXPECT_EQ(stream->wants(), urgency::first);
  stream.put(100);
  EXPECT_EQ(stream.run(), (steps{urgency::listen, urgency::final}));
  EXPECT_TRUE(stream.all_of<partial_transcript>().empty());
}

TEST(live_stream, partials_are_urgent_until_a_segment_has_text) {
  stream_at_hand stream({.texts = {"", "said"}, .segment_samples = sample_rate}, 400ms);
  const auto after_400_ms = [&] {
    stream.put(400);
    return stream.run();
  };
  EXPECT_EQ(after_400_ms(), (steps{urgency::listen, urgency::first}));
  EXPECT_EQ(after_400_ms(), (steps{urgency::listen, urgency::first}));
  EXPECT_EQ(after_400_ms(), (steps{urgency::listen, urgency::final, urgency::listen}));
  EXPECT_EQ(after_400_ms(), (steps{urgency::listen, urgency::first}));
  EXPECT_EQ(after_400_ms(), (steps{urgency::listen, urgency::final}));
  EXPECT_EQ(after_400_ms(), (steps{urgency::listen, urgency::first}));
}

TEST(live_stream, partials_of_which_nothing_is_made_are_not_urgent_for_good) {
  stream_at_hand stream({.texts = {""}, .segment_samples = 4 * sample_rate}, 1000ms);
  for (const auto wanted : {urgency::first, urgency::first, urgency::partial}) {
    stream.put(1000);
    EXPECT_EQ(stream.run(), (steps{urgency::listen, wanted}));
  }
}

TEST(live_stream, partials_of_a_segment_with_text_wait) {
  stream_at_hand stream({.texts = {"a b c d"}, .segment_samples = 4 * sample_rate}, 200ms);
  for (const auto wanted : {urgency::first, urgency::partial, urgency::partial}) {
    stream.put(200);
    EXPECT_EQ(stream.run(), (steps{urgency::listen, wanted}));
  }
}

TEST(live_stream, partials_can_be_switched_on_and_off) {
  stream_at_hand stream({.segment_samples = 4 * sample_rate});
  stream.put(900);
  EXPECT_EQ(stream.run(), steps{urgency::listen});
  stream->set_partials(200ms);
  EXPECT_EQ(stream.run(), steps{urgency::first});
  stream->set_partials(0ms);
  stream.put(900);
  EXPECT_EQ(stream.run(), steps{urgency::listen});
}

TEST(live_stream, a_flush_ends_the_segment_where_it_was_asked_for) {
  stream_at_hand stream;
  stream.put(300);
  stream->flush();
  stream.put(300);
  stream->finish();
  stream.run();
  const auto finals = stream.all_of<final_transcript>();
  ASSERT_EQ(finals.size(), 2U);
  EXPECT_EQ(finals[0].reason, end_reason::flush);
  EXPECT_EQ(finals[0].end_ms, 300);
  EXPECT_EQ(finals[1].end_ms, 600);
}

TEST(live_stream, processed_is_what_no_undecoded_segment_holds_back) {
  stream_at_hand stream;
  stream.put(400);
  stream.run();
  EXPECT_EQ(stream.all_of<audio_processed>().back().bytes, 400 * 32);
  stream.put(700);
  stream->step({});  // the segment has ended, and is not decoded
  EXPECT_LT(stream.all_of<audio_processed>().back().bytes, 1000 * 32);
  stream.run();
  EXPECT_EQ(stream.all_of<audio_processed>().back().bytes, 1100 * 32);
  std::int64_t last = 0;
  for (const auto& each : stream.all_of<audio_processed>()) {
    EXPECT_GT(each.bytes, last);
    last = each.bytes;
  }
}

TEST(live_stream, lags_count_from_when_the_audio_came) {
  stream_at_hand stream({}, 200ms);
  for (int i = 0; i < 10; ++i) {  // at the speed of speech, heard late
    stream.put(100);
    stream.pass(100ms);
  }
  stream.pass(1s);
  stream->step({});  // listens
  EXPECT_EQ(stream.lag_of_last<speech_ended>(), 1100ms);
  stream.pass(50ms);
  stream.run();
  EXPECT_EQ(stream.lag_of_last<final_transcript>(), 1150ms);
  stream->finish();
  stream.pass(300ms);
  stream.run();
  EXPECT_EQ(stream.lag_of_last<stream_finished>(), 300ms);
}

TEST(live_stream, audio_faster_than_speech_goes_with_the_files_until_it_is_paid_back) {
  stream_at_hand stream({.segment_samples = 5 * sample_rate});
  stream.put(100'000);
  const auto all = stream.run();
  EXPECT_EQ(all.front(), urgency::listen);
  EXPECT_EQ(std::ranges::count(all, urgency::listen), 30);
  EXPECT_EQ(std::ranges::count(all, urgency::final), 5);
  EXPECT_EQ(std::ranges::count(all, urgency::batch), 70 + 15);
  stream.pass(15s);
  stream.put(100);
  EXPECT_EQ(stream.run(), steps{urgency::batch});
  stream.pass(1s);
  stream.put(100);
  EXPECT_EQ(stream.run(), steps{urgency::listen});
}

TEST(live_stream, audio_at_the_speed_of_speech_is_live_for_ever) {
  stream_at_hand stream({.segment_samples = 5 * sample_rate});
  stream.put(25'000);  // of before it could connect
  for (int i = 0; i < 1000; ++i) {
    stream.put(100);
    stream.pass(100ms);
    for (const urgency each : stream.run()) EXPECT_NE(each, urgency::batch);
  }
}

TEST(live_stream, an_engine_that_fails_is_the_last_event) {
  stream_at_hand stream({.before_segment = [](std::size_t n, const std::stop_token&) {
    if (n == 1) throw std::runtime_error("out of luck");
  }});
  stream.put(3000);
  stream.run();
  EXPECT_EQ(stream.all_of<final_transcript>().size(), 1U);
  EXPECT_EQ(stream.told().back().what,
            stream_event(stream_failed{error_code::engine_failed, "out of luck"}));
  EXPECT_EQ(stream->wants(), std::nullopt);
}

TEST(live_stream, bytes_that_are_no_audio_are_the_last_event) {
  stream_at_hand stream({}, {}, {.encoding = pcm_encoding::automatic});
  stream->put(buffer(as_bytes("fLaC and so on, which is not raw audio")));
  stream.run();
  const auto failures = stream.all_of<stream_failed>();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].code, error_code::unsupported_format);
}

TEST(live_stream, a_stop_between_tokens_is_no_event) {
  std::stop_source stop;
  stream_at_hand stream({.before_segment = [&](std::size_t, const std::stop_token& token) {
    stop.request_stop();
    throw_if_stopped(token);
  }});
  stream.put(1000);
  stream->step(stop.get_token());
  stream.told();
  stream.run(stop.get_token());
  EXPECT_TRUE(stream.told().empty());
  EXPECT_EQ(stream->wants(), std::nullopt);
}

TEST(live_stream, many_tiny_messages_are_kept_as_few) {
  stream_at_hand stream;
  const std::string byte = "x";
  for (int i = 0; i < 100'000; ++i) stream->put(buffer(as_bytes(byte)));
  EXPECT_EQ(stream->queued_bytes(), 100'000U);
  stream->finish();
  stream.run();
  EXPECT_EQ(stream.told().back().what, stream_event(stream_finished{3125}));
}

TEST(live_stream, flushes_cost_little_however_many_wait) {
  stream_at_hand stream;
  const std::string byte = "x";
  stream.put(300);
  test::memory_growth growth;
  for (int i = 0; i < 200'000; ++i) {
    stream->put(buffer(as_bytes(byte)));
    stream->flush();
    stream->flush();
  }
  growth.expect_below(8 * test::mebibyte);
  EXPECT_EQ(stream->queued_bytes(), 300 * 32 + 200'000U);
  stream->finish();
  stream.run();
  const auto finals = stream.all_of<final_transcript>();
  EXPECT_GT(finals.size(), 100U);
  EXPECT_LT(finals.size(), 1000U);
  EXPECT_EQ(stream.told().back().what, stream_event(stream_finished{300 + 6250}));
}

TEST(live_stream, flushes_that_wait_are_each_done) {
  stream_at_hand stream;
  for (int i = 0; i < 400; ++i) {
    stream.put(1);
    stream->flush();
  }
  stream.run();
  const auto finals = stream.all_of<final_transcript>();
  ASSERT_EQ(finals.size(), 400U);
  for (std::size_t i = 0; i < 400; ++i) {
    EXPECT_EQ(finals[i].end_ms, static_cast<std::int64_t>(i + 1));
  }
}

TEST(live_stream, a_step_that_is_stopped_hears_no_more) {
  std::stop_source stop;
  stream_at_hand stream({.segment_samples = 100 * sample_rate});
  stream.put(1000);
  stop.request_stop();
  stream->step(stop.get_token());
  EXPECT_EQ(stream->queued_bytes(), stream_at_hand::bytes(1000));
  EXPECT_EQ(stream->heard_ms(), 0);
  stream->step({});
  EXPECT_EQ(stream->heard_ms(), 1000);
}

TEST(live_stream, what_it_remembers_does_not_grow_with_its_length) {
  stream_at_hand stream({.texts = {""}, .segment_samples = 10 * sample_rate});
  for (int i = 0; i < 3000; ++i) {
    stream.put(100);
    stream.pass(100ms);
    stream.run();
    stream.told();
  }
  stream.put(100);
  stream.pass(100ms);
  stream.run();
  EXPECT_LE(stream.lag_of_last<audio_processed>(), 100ms);
}

}  // namespace
}  // namespace duplex::speech
