#include "speech/recognizers/scripted.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "speech/error.hpp"
#include "transcribe.hpp"

namespace duplex::speech {
namespace {

const std::vector<float> silence(5 * sample_rate / 2);  // 2.5 s

TEST(scripted_recognizer, says_its_lines_second_by_second_whatever_the_blocks) {
  const scripted_recognizer model({.texts = {"one", "two"}});
  const std::vector<final_transcript> expected{{0, "one", 0, 1000, end_reason::max},
                                               {1, "two", 1000, 2000, end_reason::max},
                                               {2, "one", 2000, 2500, end_reason::stop}};
  for (const std::size_t block : {1U, 160U, 16000U, 100000U})
    EXPECT_EQ(finals_of(model, silence, block), expected);
}

TEST(scripted_recognizer, tells_where_segments_begin_and_end) {
  const auto stream = scripted_recognizer({}).start();
  EXPECT_EQ(stream->accept(silence),
            (std::vector<speech_mark>{speech_started{0}, speech_ended{1000}, speech_started{1000},
                                      speech_ended{2000}, speech_started{2000}}));
  EXPECT_EQ(stream->flush(), (std::vector<speech_mark>{speech_ended{2500}}));
  EXPECT_TRUE(stream->finish().empty());
}

TEST(scripted_recognizer, a_partial_has_the_words_heard_so_far) {
  const auto stream = scripted_recognizer({.texts = {"one two three four"}}).start();
  EXPECT_FALSE(stream->partial_due(1));
  stream->accept(std::span(silence).first(8000));
  EXPECT_TRUE(stream->partial_due(8000));
  EXPECT_EQ(stream->decode_partial({}), (partial_transcript{0, "one two three", 7, 0, 500}));
  EXPECT_FALSE(stream->partial_due(1));
  stream->accept(std::span(silence).first(100));
  EXPECT_TRUE(stream->partial_due(100));
  EXPECT_FALSE(stream->partial_due(101));
}

TEST(scripted_recognizer, nothing_is_settled_before_the_segments_that_wait) {
  const auto stream = scripted_recognizer({}).start();
  stream->accept(std::span(silence).first(8000));
  EXPECT_EQ(stream->settled(), 8000);
  stream->accept(silence);
  EXPECT_EQ(stream->settled(), 8000);  // never shrinks
  stream->decode_final({});
  EXPECT_EQ(stream->settled(), 16000);
  stream->decode_final({});
  stream->decode_final({});
  EXPECT_EQ(stream->settled(), 48000);
  EXPECT_FALSE(stream->has_final());
}

TEST(scripted_recognizer, streams_are_apart_and_reset_begins_again) {
  const scripted_recognizer model({});
  const auto first = model.start();
  first->accept(silence);
  EXPECT_EQ(first->decode_final({}).text, "segment 0");
  const auto second = model.start();
  second->accept(silence);
  EXPECT_EQ(second->decode_final({}).text, "segment 0");
  first->reset();
  first->accept(silence);
  EXPECT_EQ(first->decode_final({}), (final_transcript{0, "segment 0", 0, 1000, end_reason::max}));
}

TEST(scripted_recognizer, fails_where_it_was_told_to) {
  const auto fail = [](std::size_t n, const std::stop_token&) {
    if (n == 1) throw speech_error(error_code::engine_failed, "told to");
  };
  const auto stream = scripted_recognizer({.before_segment = fail, .before_partial = fail}).start();
  stream->accept(silence);
  EXPECT_EQ(stream->decode_partial({}).segment, 2);
  EXPECT_EQ(stream->decode_final({}).segment, 0);
  EXPECT_THROW(stream->decode_final({}), speech_error);
  stream->reset();
  stream->accept(std::span(silence).first(3 * sample_rate / 2));
  EXPECT_THROW(stream->decode_partial({}), speech_error);
}

TEST(scripted_recognizer, stalls_until_it_is_let_through) {
  gate stall;
  std::atomic<bool> done = false;
  const scripted_recognizer model(
      {.before_segment = [&](std::size_t, const std::stop_token& stop) { stall.pass(stop); }});
  std::jthread decoding([&] {
    finals_of(model, silence);
    done = true;
  });
  stall.wait_for_arrivals(1);
  EXPECT_FALSE(done);
  stall.open();
  decoding.join();
  EXPECT_TRUE(done);
}

TEST(scripted_recognizer, stop_ends_a_stall) {
  gate stall;
  const scripted_recognizer model(
      {.before_segment = [&](std::size_t, const std::stop_token& stop) { stall.pass(stop); }});
  error_code code{};
  std::jthread decoding([&](const std::stop_token& stop) {
    try {
      const auto stream = model.start();
      stream->accept(silence);
      stream->decode_final(stop);
    } catch (const speech_error& error) {
      code = error.code();
    }
  });
  stall.wait_for_arrivals(1);
  decoding.request_stop();
  decoding.join();
  EXPECT_EQ(code, error_code::cancelled);
}

}  // namespace
}  // namespace duplex::speech
