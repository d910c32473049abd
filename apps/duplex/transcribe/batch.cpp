#include "transcribe/batch.hpp"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "connect/wakeup.hpp"
#include "speech/audio/reader.hpp"
#include "speech/error.hpp"
#include "transcribe/output.hpp"
#include "transcribe/status_line.hpp"

namespace duplex::cli::transcribe {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::seconds;

enum class stage { waiting, running, done, stopped, failed };

// What the thread that transcribes a recording tells the one that prints.
struct job {
  recording of;
  mutable std::mutex mutex = {};
  transcript result = {};
  stage now = stage::waiting;
  double progress = 0;
  std::int64_t missing_ms = 0;  // done
  std::string problem = {};     // failed
  bool is_unsaved = false;      // failed, with a transcript that could not be saved
};

bool has_ended(stage now) { return now != stage::waiting && now != stage::running; }

class batch {
 public:
  batch(std::vector<recording> recordings, const speech::recognizer& model, form in)
      : model_(model), form_(in), jobs_(recordings.size()) {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      jobs_[i].of = std::move(recordings[i]);
      jobs_[i].result.file = jobs_[i].of.name;
      jobs_[i].result.model = model.name();
      jobs_[i].result.language = model.language();
    }
  }

  bool run(unsigned threads) {
    const signal_watch signals(news_);
    std::vector<std::jthread> workers(std::min<std::size_t>(threads, jobs_.size()));
    for (auto& worker : workers) worker = std::jthread([this] { work(stop_.get_token()); });
    try {
      follow(signals);
    } catch (...) {
      stop_.request_stop();
      throw;
    }
    return all_done_;
  }

 private:
  // The workers' side.
  void work(const std::stop_token& stop);
  void transcribe(job& one, const std::stop_token& stop);
  void conclude(job& one, stage how, std::string problem = {});

  // The printing thread's side.
  void follow(const signal_watch& signals);
  bool print_news();
  void print_lines(const transcript& from);
  void print_end(const job& of);
  void show_progress();
  double progress() const;

  const speech::recognizer& model_;
  const form form_;
  std::vector<job> jobs_;
  std::atomic<std::size_t> next_ = 0;  // the first job that nobody has begun
  std::stop_source stop_;
  wakeup news_;

  status_line status_;
  std::size_t head_ = 0;     // the job being printed
  std::size_t printed_ = 0;  // lines of it
  bool is_first_ = true;     // nothing of any was printed
  std::size_t not_begun_ = 0;
  bool all_done_ = true;
  clock::time_point began_ = clock::now();
};

void batch::work(const std::stop_token& stop) {
  for (auto i = next_++; i < jobs_.size(); i = next_++) {
    auto& one = jobs_[i];
    if (stop.stop_requested()) {
      conclude(one, stage::stopped);
      continue;
    }
    try {
      transcribe(one, stop);
      conclude(one, stage::done);
    } catch (const speech::speech_error& error) {
      const bool is_stopped = error.code() == speech::error_code::cancelled;
      conclude(one, is_stopped ? stage::stopped : stage::failed, error.what());
    } catch (const std::exception& error) {
      conclude(one, stage::failed, error.what());
    }
  }
}

void batch::transcribe(job& one, const std::stop_token& stop) {
  const auto source = one.of.open(stop);
  const auto stream = model_.start(speech::recording_options);
  std::int64_t samples = 0;
  const auto tell = [&] {
    const std::lock_guard lock(one.mutex);
    one.now = stage::running;
    one.progress = source->progress();
    one.result.audio_ms = speech::to_ms(samples);
  };
  const auto decode_ended = [&] {
    speech::throw_if_stopped(stop);
    while (stream->has_final()) {
      auto segment = stream->decode_final(stop);
      const std::lock_guard lock(one.mutex);
      append(one.result, std::move(segment));
      news_.notify();
    }
  };
  for (auto block = source->next(); !block.empty(); block = source->next()) {
    stream->accept(block);
    decode_ended();
    samples += static_cast<std::int64_t>(block.size());
    tell();
  }
  stream->finish();
  decode_ended();
  const std::lock_guard lock(one.mutex);
  one.missing_ms = source->missing_ms();
}

// Saves at once: what follows may never end.
void batch::conclude(job& one, stage how, std::string problem) {
  one.result.complete = how == stage::done && !speech::is_cut(one.missing_ms);
  const bool is_kept = how == stage::done || (how == stage::stopped && one.result.audio_ms > 0);
  if (is_kept && !one.of.save_as.empty()) {
    try {
      write_file(one.of.save_as, write(one.result, form_));
    } catch (const std::exception& error) {
      how = stage::failed;
      problem = error.what();
      one.is_unsaved = true;
    }
  }
  const std::lock_guard lock(one.mutex);
  one.now = how;
  one.problem = std::move(problem);
  news_.notify();
}

void batch::follow(const signal_watch& signals) {
  while (print_news()) {
    show_progress();
    pollfd waited{news_.descriptor(), POLLIN, 0};
    constexpr int redraw_ms = 200;
    poll(&waited, 1, status_.is_shown_at_all() ? redraw_ms : -1);
    news_.clear();
    if (signals.interrupted()) stop_.request_stop();
  }
  status_.clear();
  if (not_begun_ > 0) complain(std::to_string(not_begun_) + " more were not begun");
}

// False once all has been told.
bool batch::print_news() {
  for (; head_ < jobs_.size(); ++head_, printed_ = 0) {
    auto& one = jobs_[head_];
    const std::lock_guard lock(one.mutex);
    if (form_ == form::text && one.of.save_as.empty()) print_lines(one.result);
    if (!has_ended(one.now)) return true;
    print_end(one);
  }
  return false;
}

void batch::print_lines(const transcript& from) {
  if (printed_ == from.segments.size()) return;
  std::string text;
  if (printed_ == 0 && jobs_.size() > 1) {
    text += (std::exchange(is_first_, false) ? "==> " : "\n==> ") + from.file + " <==\n";
  }
  for (; printed_ < from.segments.size(); ++printed_) text += from.segments[printed_].text + "\n";
  status_.clear();
  print(text);
}

void batch::print_end(const job& of) {
  status_.clear();
  if (of.now != stage::done) all_done_ = false;
  if (of.now == stage::failed) {
    if (of.is_unsaved) print(write(of.result, form_));
    return complain(of.of.name + ": " + of.problem);
  }
  if (of.now == stage::stopped && of.result.audio_ms == 0) {
    ++not_begun_;
    return;
  }
  if (!of.of.save_as.empty()) {
    print(of.of.save_as + "\n");
  } else if (form_ != form::text) {
    print(write(of.result, form_));
  }
  if (of.now == stage::stopped) {
    return complain(of.of.name + ": interrupted after " +
                    write_time(seconds(of.result.audio_ms / 1000)));
  }
  const auto text = remark(of.result.audio_ms, of.missing_ms, !of.result.segments.empty());
  if (!text.empty()) complain(of.of.name + ": " + text);
}

// Once it is clear that it takes a while.
void batch::show_progress() {
  const auto elapsed = std::chrono::duration<double>(clock::now() - began_);
  const double share = progress();
  if (elapsed < seconds(1) || share <= 0) return;
  const auto left = elapsed * (1 - share) / share;
  std::string text;
  if (jobs_.size() > 1) {
    const auto begun = std::min(next_.load(), jobs_.size());
    text = std::to_string(begun) + " of " + std::to_string(jobs_.size()) + " recordings, ";
  }
  text += std::to_string(static_cast<int>(share * 100)) + " %, " +
          write_time(std::chrono::ceil<seconds>(left)) + " left";
  status_.show(text);
}

double batch::progress() const {
  double done = 0, all = 0;
  for (const auto& one : jobs_) {
    const std::lock_guard lock(one.mutex);
    done += one.of.weight * (has_ended(one.now) ? 1 : one.progress);
    all += one.of.weight;
  }
  return done / all;
}

}  // namespace

bool transcribe_all(std::vector<recording> recordings, const speech::recognizer& model, form in,
                    unsigned jobs) {
  return batch(std::move(recordings), model, in).run(jobs);
}

}  // namespace duplex::cli::transcribe
