// Clients of duplex.speech.v1 send bytes, recognisers say what they like, connections break and
// time passes: what the protocol promises holds, memory is bounded and the end is the end.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>

#include "property.hpp"
#include "speech/session/session_link.hpp"
#include "speech/session_listener.hpp"

using namespace duplex;
using namespace duplex::speech;
using namespace std::chrono_literals;
using fuzz::require;
using test::session_listener;

namespace {

class silent_recognizer : public recognizer {
 public:
  std::string_view name() const override { return "silent"; }
  std::string_view language() const override { return "en"; }
  std::unique_ptr<recognition> start(const stream_options&) const override { return nullptr; }
};

// What is put into it is in order; what comes out is the fuzzer's affair.
class checked_port : public stream_port {
 public:
  void audio(buffer bytes) override {
    require(!finished_ && bytes.size() > 0, "audio comes before the finish, and is some");
  }
  void flush() override { require(!finished_, "a flush comes before the finish"); }
  void finish() override { require(!std::exchange(finished_, true), "one finish"); }
  void set_partials(std::chrono::milliseconds interval) override {
    require(!finished_ && interval >= 0ms, "partials are changed before the finish");
  }

 private:
  bool finished_ = false;
};

constexpr store_limits limits{.session = {.window = {.window = 1s, .cap = 3s, .cap_bytes = 100'000},
                                          .message_max = 50'000,
                                          .idle = 10s,
                                          .longest = 300s,
                                          .finish = 5s,
                                          .kept = 30s,
                                          .events_max = 3'000},
                              .kept_sessions = 3,
                              .kept_bytes = 50'000};

constexpr std::array<std::string_view, 16> texts{
    R"({"type":"start","format":"pcm_s16le","rate":16000,"resume":true})",
    R"({"type":"start","format":"pcm_s16le","rate":8000})",
    R"({"type":"start","format":"auto","acks":false,"resume":true,"words":true})",
    R"({"type":"start","format":"pcm_f32le","rate":192000,"channels":8,"partials":false})",
    R"({"type":"start","format":"pcm_s16le","rate":16000,"endpoint":{"max_ms":1}})",
    R"({"type":"configure","partials":{"interval_ms":500},"words":true})",
    R"({"type":"configure","partials":false})",
    R"({"type":"configure","rate":1})",
    R"({"type":"flush"})",
    R"({"type":"stop"})",
    R"({"type":"cancel"})",
    R"({"type":"keepalive"})",
    R"({"type":"resume","session":"x","token":"y","last_seq":0})",
    R"({"type":"start"})",
    R"({"type":)",
    "[]"};

class conversations {
 public:
  explicit conversations(fuzz::input in) : in_(in) {
    for (party& each : parties_) connect(each);
  }

  void run() {
    for (int step = 0; step < 2000 && !in_.empty(); ++step) {
      const unsigned choice = in_.byte();
      act(parties_[choice % 2], choice / 2 % 16);
      for (party& each : parties_) check(each);
    }
    for (party& each : parties_) finish(each);
  }

 private:
  // A connection, the stream its session has had, and whom its messages are told.
  struct party {
    std::unique_ptr<session_link> link;
    std::shared_ptr<session_listener> listener;
  };

  void connect(party& who) {
    who.link = std::make_unique<session_link>(
        store_, "127.0.0.1", [] {}, now_);
    who.listener = std::make_shared<session_listener>();
  }

  void act(party& who, unsigned choice) {
    switch (choice) {
      case 0:
        return who.link->receive_text(in_.line(), now_);
      case 1:
        return who.link->receive_text(texts[in_.byte() % texts.size()], now_);
      case 2:
      case 3:
        return who.link->receive_audio(buffer(in_.number(80'000)), now_);
      case 4:
        return tell(who, random_mark());
      case 5:
        return tell(who, random_partial());
      case 6:
        return tell(who, random_final());
      case 7:
        return tell(who, audio_processed{static_cast<std::int64_t>(in_.number(65'535)) * 4});
      case 8:
        return tell(who, random_end());
      case 9:
      case 10:
        now_ += std::chrono::milliseconds(in_.number(choice == 9 ? 1'000 : 60'000));
        return pass_time();
      case 11:
        return read(who, in_.number(20));
      case 12:
        who.link->disconnected(static_cast<std::uint16_t>(1000 + in_.byte() % 16), now_);
        return connect(who);
      case 13:
        return resume(who);
      case 14:
        if (in_.byte() % 16 == 0) store_.drain();
        return who.link->drain(now_ + std::chrono::milliseconds(in_.number(5'000)), now_);
      default:
        return who.link->receive_query(in_.line(), now_);
    }
  }

  stream_event random_mark() {
    const auto at = static_cast<std::int64_t>(in_.number(60'000));
    if (in_.byte() % 2 == 0) return speech_started{at};
    return speech_ended{at};
  }

  partial_transcript random_partial() {
    partial_transcript it;
    it.segment = in_.byte() % 8;
    it.stable = in_.byte() % 32;
    it.start_ms = static_cast<std::int64_t>(in_.number(60'000));
    it.end_ms = it.start_ms + static_cast<std::int64_t>(in_.number(2'000)) - 10;
    it.text = in_.take(in_.byte() % 64);
    return it;
  }

  final_transcript random_final() {
    partial_transcript like = random_partial();
    return {.segment = like.segment,
            .text = std::move(like.text),
            .start_ms = like.start_ms,
            .end_ms = like.end_ms,
            .reason = static_cast<end_reason>(in_.byte() % 4),
            .words = {{"w", like.start_ms, like.end_ms}}};
  }

  stream_event random_end() {
    if (in_.byte() % 2 == 0) return stream_finished{static_cast<std::int64_t>(in_.number(60'000))};
    return stream_failed{error_code::engine_failed, std::string(in_.line())};
  }

  void tell(party& who, const stream_event& event) {
    if (who.link->current() == nullptr) return;
    who.link->current()->handle(event, std::chrono::milliseconds(in_.byte()), now_);
  }

  void pass_time() {
    store_.advance(now_);
    require(!store_.deadline() || *store_.deadline() > now_, "what is due in the store is done");
    for (party& each : parties_) {
      each.link->advance(now_);
      require(!each.link->deadline() || *each.link->deadline() > now_, "what is due is done");
    }
  }

  // The connection resumes one of the sessions that there have been.
  void resume(party& who) {
    if (known_.empty()) return;
    const auto& [id, listener] =
        *std::next(known_.begin(), static_cast<std::ptrdiff_t>(in_.byte() % known_.size()));
    const unsigned choice = in_.byte();
    std::string token = listener->started()["resume_token"];
    if (choice % 8 == 1) token.back() ^= 1;
    const auto session_before = who.link->current();
    who.link->receive_text(
        nlohmann::json{{"type", "resume"},
                       {"session", id},
                       {"token", token},
                       {"last_seq", listener->last_seq() + (choice % 8 == 2 ? 1000 : 0)}}
            .dump(),
        now_);
    if (session_before != nullptr || who.link->current() == nullptr) return;
    require(choice % 8 != 1 && choice % 8 != 2, "who resumes has the token and a number that was");
    for (party& each : parties_) {
      if (each.listener == listener) each.listener = std::make_shared<session_listener>();
    }
    who.listener = listener;
  }

  void read(party& who, std::size_t count) {
    for (; count > 0; --count) {
      const auto text = who.link->next_message();
      if (!text) return;
      const auto& it = who.link->current();
      const auto problem = who.listener->hear(*text, it == nullptr ? 0 : it->audio().received());
      require(problem.empty(), problem.c_str());
      const auto& message = who.listener->message();
      if (message["type"] == "started" && message.contains("resume_token")) {
        known_[message["session"]] = who.listener;
      }
    }
  }

  void check(const party& who) {
    if (const auto& it = who.link->current()) {
      require(it->memory() <= 200'000, "a session's memory is bounded");
      require(it->audio().processed() <= it->audio().received(), "processed is received");
    }
    require(store_.kept() <= limits.kept_sessions, "few sessions are kept");
  }

  // Whatever was said, the connection ends in bounded time, as the protocol has it.
  void finish(party& who) {
    for (int i = 0; i < 5 && who.link->deadline(); ++i) {
      now_ = std::max(now_, *who.link->deadline());
      who.link->advance(now_);
      tell(who, stream_finished{0});
    }
    require(!who.link->deadline(), "every connection ends");
    read(who, ~std::size_t{0});
    require(who.link->close().has_value(), "the end has a code");
    const auto problem = who.listener->hear_close(who.link->close()->code);
    require(problem.empty(), problem.c_str());
    who.link->disconnected(who.link->close()->code, now_);
  }

  fuzz::input in_;
  time_point now_{};
  unsigned random_ = 1;
  model_set models_{{std::make_shared<silent_recognizer>()}};
  session_store store_{
      models_,
      [](const recognizer&, const start_message&, const std::weak_ptr<session>&) {
        return std::make_unique<checked_port>();
      },
      limits, [](error_code, std::string_view, const std::string&) {},
      [this](std::byte* to, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
          to[i] = static_cast<std::byte>((random_ = random_ * 1103515245U + 12345U) >> 16);
        }
      }};
  std::map<std::string, std::shared_ptr<session_listener>> known_;  // that may be resumed
  std::array<party, 2> parties_;
};

}  // namespace

// An input is a list of steps: a byte for who does what, then what that takes.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  conversations(fuzz::input(data, size)).run();
  return 0;
}
