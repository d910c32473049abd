// Clients of `duplex.speech.v1` without a network, on a store whose streams are played by the test.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "speech/recognizers/scripted.hpp"
#include "speech/session/session_link.hpp"
#include "speech/session/session_store.hpp"

namespace duplex::speech::test {

using namespace std::chrono_literals;

inline constexpr std::string_view plain_start =
    R"({"type":"start","format":"pcm_s16le","rate":16000})";
inline constexpr std::string_view resumable_start =
    R"({"type":"start","format":"pcm_s16le","rate":16000,"resume":true})";

/// What a session put into its stream, as words: "audio 320", "flush", "finish", "partials 200".
struct recorded_stream {
  start_message start;
  std::weak_ptr<session> owner;
  std::vector<std::string> inputs = {};
  bool is_cancelled = false;  ///< Or over: its session has let go of it.
};

/// A store with one scripted model, and the streams that its sessions began.
class session_bench {
 public:
  explicit session_bench(store_limits limits = {})
      : store(
            models,
            [this](const recognizer&, const start_message& start, std::weak_ptr<session> owner) {
              return begin(start, owner);
            },
            limits,
            [this](error_code code, std::string_view, const std::string&) {
              errors.push_back(code);
            },
            [this](std::byte* to, std::size_t count) { fill(to, count); }) {}

  std::unique_ptr<stream_port> begin(const start_message& start, std::weak_ptr<session> owner) {
    if (refusal) throw speech_error(*refusal);
    streams.push_back(std::make_shared<recorded_stream>(recorded_stream{start, std::move(owner)}));
    return std::make_unique<port>(streams.back());
  }

  recorded_stream& stream() { return *streams.back(); }

  /// An event of the last stream.
  void tell(const stream_event& event, std::chrono::milliseconds lag = 0ms) {
    if (const auto owner = stream().owner.lock()) owner->handle(event, lag, now);
  }

  std::vector<error_code> errors;       ///< That clients were told of.
  std::optional<speech_error> refusal;  ///< Of streams that want to begin.
  std::vector<std::shared_ptr<recorded_stream>> streams;
  time_point now{};
  model_set models{{std::make_shared<scripted_recognizer>(script{})}};
  session_store store;

 private:
  class port : public stream_port {
   public:
    explicit port(std::shared_ptr<recorded_stream> to) : to_(std::move(to)) {}
    ~port() override { to_->is_cancelled = true; }
    void audio(buffer bytes) override { note("audio " + std::to_string(bytes.size())); }
    void flush() override { note("flush"); }
    void finish() override { note("finish"); }
    void set_partials(std::chrono::milliseconds interval) override {
      note("partials " + std::to_string(interval.count()));
    }

   private:
    void note(std::string what) { to_->inputs.push_back(std::move(what)); }
    std::shared_ptr<recorded_stream> to_;
  };

  // Names that can be had again.
  void fill(std::byte* to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      to[i] = static_cast<std::byte>((random_ = random_ * 1103515245U + 12345U) >> 16);
    }
  }

  unsigned random_ = 1;
};

/// One connection and what it heard.
class test_client {
 public:
  explicit test_client(session_bench& bench, std::string peer = "127.0.0.1")
      : bench_(bench),
        link_(
            bench.store, std::move(peer), [this] { ++wakes_; }, bench.now) {}

  void send(std::string_view text) { link_.receive_text(text, bench_.now); }
  void send_audio(std::size_t bytes) { link_.receive_audio(buffer(bytes), bench_.now); }
  void disconnect(std::uint16_t code) { link_.disconnected(code, bench_.now); }

  /// What is to be sent, as text.
  std::vector<std::string> read_texts() {
    std::vector<std::string> texts;
    while (auto text = link_.next_message()) texts.push_back(std::move(*text));
    return texts;
  }
  std::vector<nlohmann::json> read() {
    std::vector<nlohmann::json> messages;
    for (const std::string& text : read_texts()) messages.push_back(nlohmann::json::parse(text));
    return messages;
  }
  /// The types of all that is to be sent, such as "started ack".
  std::string read_types() {
    std::string types;
    for (const auto& message : read()) {
      types += (types.empty() ? "" : " ") + message["type"].get<std::string>();
    }
    return types;
  }
  /// The only message that is to be sent; null if there is none, or another.
  nlohmann::json read_one() {
    const auto messages = read();
    return messages.size() == 1 ? messages.front() : nlohmann::json();
  }
  /// The code that closes the connection once all was read; 0: it goes on.
  int close_code() const { return link_.close() ? link_.close()->code : 0; }

  session_link& link() { return link_; }
  int wakes() const { return wakes_; }

 private:
  session_bench& bench_;
  int wakes_ = 0;
  session_link link_;
};

inline std::string resume_text(const nlohmann::json& started, std::int64_t last_seq) {
  return nlohmann::json{{"type", "resume"},
                        {"session", started["session"]},
                        {"token", started["resume_token"]},
                        {"last_seq", last_seq}}
      .dump();
}

inline partial_transcript partial(std::int64_t segment, std::string text, std::size_t stable = 0) {
  return {.segment = segment,
          .text = std::move(text),
          .stable = stable,
          .start_ms = segment * 1000,
          .end_ms = segment * 1000 + 500};
}

inline final_transcript final_of(std::int64_t segment, std::string text) {
  return {.segment = segment,
          .text = std::move(text),
          .start_ms = segment * 1000,
          .end_ms = segment * 1000 + 900};
}

}  // namespace duplex::speech::test
