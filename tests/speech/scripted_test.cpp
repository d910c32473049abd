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
  const std::vector<transcript_event> expected{
      {"one", 0, 1000}, {"two", 1000, 2000}, {"one", 2000, 2500}};
  for (const std::size_t block : {1U, 160U, 16000U, 100000U})
    EXPECT_EQ(events_of(model, silence, block), expected);
}

TEST(scripted_recognizer, streams_are_apart_and_reset_begins_again) {
  const scripted_recognizer model({});
  const auto first = model.start();
  EXPECT_EQ(first->accept(silence).size(), 2U);
  EXPECT_EQ(model.start()->accept(silence)[0].text, "segment 0");
  first->reset();
  EXPECT_EQ(first->accept(silence)[0], (transcript_event{"segment 0", 0, 1000}));
}

TEST(scripted_recognizer, fails_where_it_was_told_to) {
  const scripted_recognizer model({.before_segment = [](std::size_t n, const std::stop_token&) {
    if (n == 2) throw speech_error(error_code::engine_failed, "told to");
  }});
  const auto stream = model.start();
  EXPECT_EQ(stream->accept(silence).size(), 2U);
  EXPECT_THROW(stream->finish(), speech_error);
}

TEST(scripted_recognizer, stalls_until_it_is_let_through) {
  gate stall;
  std::atomic<bool> done = false;
  const scripted_recognizer model(
      {.before_segment = [&](std::size_t, const std::stop_token& stop) { stall.pass(stop); }});
  std::jthread decoding([&] {
    events_of(model, silence);
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
      model.start()->accept(silence, stop);
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
