#include "transcribe/live.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "connect/wakeup.hpp"
#include "speech/audio/pcm_decoder.hpp"
#include "speech/audio/reader.hpp"
#include "speech/error.hpp"
#include "transcribe/audio_source.hpp"
#include "transcribe/batch.hpp"
#include "transcribe/output.hpp"
#include "transcribe/status_line.hpp"

namespace duplex::cli::transcribe {
namespace {

// Standard input, until its end or a signal.
class audio_input {
 public:
  audio_input() : signals_(woken_) {
#ifdef F_SETPIPE_SZ
    // A microphone's program is not to lose audio while a segment is decoded. Where it is no pipe,
    // or none that may be so long, it has to do.
    fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);
#endif
  }

  /// What has come; empty at the end. None: nothing has come for now, where not to `wait`.
  std::optional<std::span<const std::byte>> read(bool wait) {
    pollfd waited[] = {{STDIN_FILENO, POLLIN, 0}, {woken_.descriptor(), POLLIN, 0}};
    const int ready = poll(waited, std::size(waited), wait ? -1 : 0);
    if (signals_.interrupted()) return std::span<const std::byte>();
    if (ready < 0 && errno == EINTR) return std::nullopt;
    woken_.clear();
    if (waited[0].revents == 0) return std::nullopt;
    const auto count = ::read(STDIN_FILENO, block_.data(), block_.size());
    if (count < 0) {
      if (errno == EAGAIN || errno == EINTR) return std::nullopt;
      throw std::system_error(errno, std::generic_category(), "cannot read standard input");
    }
    return std::span<const std::byte>(block_).first(static_cast<std::size_t>(count));
  }

  /// Whether a signal was its end.
  bool interrupted() const { return signals_.interrupted(); }

  /// Waits for more; false at the end.
  bool append_to(std::vector<std::byte>& bytes) {
    const auto more = read(true);
    if (!more) return true;
    check_pipe(bytes.size() + more->size());
    bytes.insert(bytes.end(), more->begin(), more->end());
    return !more->empty();
  }

 private:
  wakeup woken_;
  signal_watch signals_;
  std::array<std::byte, 1 << 15> block_;
};

// Its segments are those of recordings, which models read better: what is being said is shown
// long before they end.
class live_transcription {
 public:
  live_transcription(const speech::recognizer& model, const speech::pcm_format& format, form in)
      : form_(in), decoder_(format), stream_(model.start(speech::recording_options)) {
    result_.file = "-";
    result_.model = model.name();
    result_.language = model.language();
  }

  void accept(std::span<const std::byte> bytes) { hear(decoder_.decode(bytes)); }

  void finish(bool interrupted) {
    hear(decoder_.finish());
    if (samples_ == 0) {
      throw speech::speech_error(speech::error_code::bad_audio, "no audio on standard input");
    }
    stream_->finish();
    print_finals();
    const auto missing_ms = interrupted ? 0 : decoder_.missing_ms();
    result_.complete = !speech::is_cut(missing_ms);
    if (form_ != form::text) print(write(result_, form_));
    const auto text = remark(result_.audio_ms, missing_ms, has_speech_);
    if (!text.empty()) complain(result_.file + ": " + text);
  }

  /// Whether enough was said for another look.
  bool wants_to_show() const {
    constexpr std::int64_t step = speech::sample_rate * 2 / 5;
    return status_.is_shown_at_all() && stream_->partial_due(step);
  }

  void show() {
    const auto said = stream_->decode_partial({});
    status_.show(said.text, said.stable);
  }

 private:
  void hear(std::span<const float> samples) {
    samples_ += static_cast<std::int64_t>(samples.size());
    result_.audio_ms = speech::to_ms(samples_);
    stream_->accept(samples);
    print_finals();
  }

  void print_finals() {
    while (stream_->has_final()) {
      const auto before = result_.segments.size();
      append(result_, stream_->decode_final({}));
      has_speech_ = has_speech_ || !result_.segments.empty();
      status_.clear();
      if (form_ != form::text) continue;
      for (auto i = before; i < result_.segments.size(); ++i)
        print(result_.segments[i].text + "\n");
      result_.segments.clear();  // may go on for days
    }
  }

  const form form_;
  speech::pcm_decoder decoder_;
  std::unique_ptr<speech::recognition> stream_;
  std::int64_t samples_ = 0;
  transcript result_;
  bool has_speech_ = false;
  status_line status_;
};

void follow(audio_input& input, live_transcription& live) {
  for (;;) {
    const auto bytes = input.read(!live.wants_to_show());
    if (!bytes) {
      if (live.wants_to_show()) live.show();
    } else if (bytes->empty()) {
      return;
    } else {
      live.accept(*bytes);
    }
  }
}

}  // namespace

bool transcribe_input(const speech::recognizer& model, const speech::pcm_format& format, form in) {
  std::vector<std::byte> start;
  std::optional<audio_input> input(std::in_place);
  while (start.size() < speech::container_mark_size && input->append_to(start)) continue;
  if (format.encoding == speech::pcm_encoding::automatic &&
      !speech::foreign_container(start).empty()) {
    while (input->append_to(start)) continue;
    input.reset();  // whoever transcribes takes the signals
    return transcribe_all({{"-", [&](const auto&) { return open_bytes(std::move(start)); }}}, model,
                          in, 1);
  }
  live_transcription live(model, format, in);
  live.accept(start);
  follow(*input, live);
  live.finish(input->interrupted());
  return true;
}

}  // namespace duplex::cli::transcribe
