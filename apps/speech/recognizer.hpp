// What turns speech into text: a recognizer is a loaded model, a recognition one stream through it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace duplex::speech {

/// Samples a second that every recogniser takes: mono float32 in [-1, 1].
inline constexpr int sample_rate = 16'000;

/// Milliseconds from the stream's start to sample number `samples`.
constexpr std::int64_t to_ms(std::int64_t samples) { return samples * 1000 / sample_rate; }

/// Where a stream is cut into segments (docs/speech.md has a diagram). The defaults are for live
/// speech.
struct stream_options {
  std::chrono::milliseconds silence{600};     ///< A pause that ends a segment: 200 to 5000.
  std::chrono::milliseconds longest{20'000};  ///< A segment never grows beyond it: 2000 to 25000.
  /// What reaches `longest` is cut at the quietest place of its last `cut_range`, at most half of
  /// `longest`. Words there are not stable before the final.
  std::chrono::milliseconds cut_range{4'000};
  std::chrono::milliseconds preroll{420};  ///< Audio kept from before speech is heard: 0 to 1000.
  /// How much longer than `silence` a pause must be while the segment is younger than 8 s: 0 to
  /// 5000. Models read a few words better together with their neighbours.
  std::chrono::milliseconds patience{900};

  bool operator==(const stream_options&) const = default;
};

/// For recordings, where nobody waits for the end of a sentence.
inline constexpr stream_options recording_options{.silence = std::chrono::milliseconds(800),
                                                  .cut_range = std::chrono::milliseconds(10'000),
                                                  .patience = std::chrono::milliseconds(700)};

/// Throws `speech_error` with `bad_field` that names what is out of its range: `silence_ms`,
/// `max_ms`, `preroll_ms` or `patience_ms`.
void check(const stream_options& options);

/// Speech was heard; not sent for a click. Each is followed by the `speech_ended` of its segment.
struct speech_started {
  std::int64_t at_ms = 0;  ///< From the start of the stream; no later than now.

  bool operator==(const speech_started&) const = default;
};

/// The segment is complete, and waits to be decoded.
struct speech_ended {
  std::int64_t at_ms = 0;

  bool operator==(const speech_ended&) const = default;
};

using speech_mark = std::variant<speech_started, speech_ended>;

/// Why a segment ended where it did.
enum class end_reason {
  silence,  // somebody paused
  max,      // it had reached the longest; the next one follows without a gap
  flush,    // somebody asked for it
  stop,     // the stream ended
};

/// The name of `reason` on the wire: the enumerator's own.
std::string_view to_string(end_reason reason);

/// What an unfinished segment holds as far as it can be told now.
struct partial_transcript {
  std::int64_t segment = 0;
  std::string text;           ///< Valid UTF-8, without white space at either end; may be empty.
  std::size_t stable = 0;     ///< So many bytes of `text` will not change any more: whole words.
  std::int64_t start_ms = 0;  ///< From the start of the stream.
  std::int64_t end_ms = 0;

  bool operator==(const partial_transcript&) const = default;
};

/// A word and when it was said.
struct word {
  std::string text;
  std::int64_t start_ms = 0;  ///< From the start of the stream.
  std::int64_t end_ms = 0;

  bool operator==(const word&) const = default;
};

/// A segment's text, which will not change any more.
struct final_transcript {
  std::int64_t segment = 0;
  std::string text;  ///< As a partial's. It starts with the last partial's stable part.
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  end_reason reason = end_reason::silence;
  std::vector<word> words = {};  ///< Empty where the model does not tell.

  bool operator==(const final_transcript&) const = default;
};

/// One stream of audio on its way to text. Listening is apart from decoding, so that whoever shares
/// processors among streams can listen to all, decode finals first and partials when there is time.
///
/// The stream is cut into segments, numbered 0, 1, ...: stretches of speech which do not overlap
/// and come in the order of their times. Memory is bounded by the longest segment, and grows with
/// the segments that have ended and were not decoded yet.
///
/// Belongs to one caller at a time, on any thread; different recognitions may run in parallel. A
/// model that fails throws `speech_error` with `engine_failed`; the calls that decode look at
/// `stop` between the tokens of the text and throw `cancelled`. After either exception only `reset`
/// and the destructor may be called.
class recognition {
 public:
  virtual ~recognition() = default;

  /// Takes the next `samples`, any number of them. Does not decode: costs about 1 % of the time
  /// that the samples take to be said.
  virtual std::vector<speech_mark> accept(std::span<const float> samples) = 0;

  /// Ends the open segment here, if there is one.
  virtual std::vector<speech_mark> flush() = 0;

  /// Ends the stream, and with it the open segment. Then only decoding finals and `reset` may
  /// follow.
  virtual std::vector<speech_mark> finish() = 0;

  /// Whether an ended segment waits to be decoded.
  virtual bool has_final() const = 0;

  /// Decodes the oldest ended segment. Only where `has_final`. Every segment has exactly one final;
  /// where the model finds no words in it, the text is empty.
  virtual final_transcript decode_final(const std::stop_token& stop) = 0;

  /// Whether a partial of the open segment is due, where `interval` more samples (more than 0) are
  /// wanted in each than in the one before. A model may let the first of a segment come sooner, and
  /// those of a long one later. False without an open segment, and while only silence is added.
  virtual bool partial_due(std::int64_t interval) const = 0;

  /// Decodes the open segment so far. Only while a segment is open: where a partial may be due.
  virtual partial_transcript decode_partial(const std::stop_token& stop) = 0;

  /// Samples, from the start of the stream, that no ended segment is held back by: what a client
  /// is told to have been processed. Never shrinks.
  virtual std::int64_t settled() const = 0;

  /// Forgets everything: the next sample is the first of a new stream.
  virtual void reset() = 0;
};

/// The language of a model whose languages are not known: it is asked for none.
inline constexpr std::string_view any_language = "auto";

/// A model, loaded once and shared by all threads.
class recognizer {
 public:
  virtual ~recognizer() = default;

  /// The name clients ask for, such as `moonshine-tiny`.
  virtual std::string_view name() const = 0;

  /// The language it understands, as an ISO 639-1 code such as `en`; `any_language` where it is
  /// not known.
  virtual std::string_view language() const = 0;

  /// A new stream. It keeps what it needs of the model alive by itself. Throws as
  /// `check(const stream_options&)`.
  virtual std::unique_ptr<recognition> start(const stream_options& options = {}) const = 0;
};

/// Throws `speech_error` with `cancelled` if stop was requested.
void throw_if_stopped(const std::stop_token& stop);

}  // namespace duplex::speech
