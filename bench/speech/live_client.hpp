// Somebody who speaks live: a client of the protocol duplex.speech.v1 that sends as fast as time
// passes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <duplex/coro/task.hpp>
#include <string>
#include <vector>

#include "conversation.hpp"

/// What the clients of one round met, in milliseconds.
struct live_results {
  std::vector<double> first_partial;  ///< From the onset of an utterance to its first text.
  std::vector<double> final_text;     ///< From the end of a segment's speech to its final.
  std::vector<double> stop;           ///< From `stop` to `done`.
  std::vector<double> lag;            ///< Of every partial: behind the audio it covers.
  std::vector<double> ping;           ///< Round trips, one a second.
  std::size_t utterances = 0;
  std::size_t silent = 0;  ///< Utterances without any text.
  std::size_t lost = 0;    ///< Segments without a final, or sessions that did not end with `done`.
  std::string problem = {};  ///< The first.
};

struct live_plan {
  std::string uri;
  std::chrono::milliseconds chunk{100};     ///< Audio in one message.
  std::chrono::milliseconds interval{200};  ///< Between partials.
};

/// Connects, says the conversation, stops, and adds what it met. Throws nothing but what memory
/// does.
duplex::task<> speak(const live_plan& plan, const conversation& said, live_results& results);
