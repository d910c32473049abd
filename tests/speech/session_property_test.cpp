// What the protocol promises, on random audio, chops, orders of messages, delays and disconnects.
#include <gtest/gtest.h>

#include <deque>
#include <duplex/message.hpp>
#include <functional>
#include <random>

#include "session_client.hpp"
#include "session_listener.hpp"
#include "speech/audio/pcm_decoder.hpp"
#include "speech/recognizers/scripted.hpp"
#include "speech/session/session_link.hpp"
#include "speech/stream/live_stream.hpp"

namespace duplex::speech {
namespace {

using namespace std::chrono_literals;
using test::session_listener;

// A stream whose steps and events come when they are called for.
struct stepped_stream {
  std::unique_ptr<live_stream> stream;
  std::deque<told_event> events = {};
  std::weak_ptr<session> owner = {};
};

class stepped_port : public stream_port {
 public:
  explicit stepped_port(std::shared_ptr<stepped_stream> to) : to_(std::move(to)) {}
  ~stepped_port() override { to_->owner.reset(); }
  void audio(buffer bytes) override { to_->stream->put(std::move(bytes)); }
  void flush() override { to_->stream->flush(); }
  void finish() override { to_->stream->finish(); }
  void set_partials(std::chrono::milliseconds interval) override {
    to_->stream->set_partials(interval);
  }

 private:
  std::shared_ptr<stepped_stream> to_;
};

// One session from start to done. Everything follows from the seed.
class conversation {
 public:
  explicit conversation(unsigned seed)
      : random_(seed),
        audio_(number(0, 120'000), std::byte{1}),
        lines_{.texts = {"one two three four", "", "five six", "seven"},
               .segment_samples = number(2'000, 16'000)},
        models_({std::make_shared<scripted_recognizer>(lines_)}),
        store_(models_,
               [this](const recognizer& model, const start_message& start,
                      std::weak_ptr<session> owner) { return begin(model, start, owner); }) {}

  void run() {
    connect();
    link_->receive_text(
        R"({"type":"start","format":"pcm_s16le","rate":16000,"resume":true,"partials":{"interval_ms":100}})",
        now_);
    read(1);
    // Long enough for any order of things: each either brings the end nearer or is rare.
    for (int step = 0; step < 200'000 && !is_closed() && problem_.empty(); ++step) act();
    EXPECT_EQ(problem_, "");
    ASSERT_TRUE(listener_.is_done());
    EXPECT_EQ(link_->close()->code, 1000);
    compare();
  }

 private:
  std::size_t number(std::size_t min, std::size_t max) {
    return std::uniform_int_distribution<std::size_t>(min, max)(random_);
  }

  std::unique_ptr<stream_port> begin(const recognizer& model, const start_message& start,
                                     std::weak_ptr<session> owner) {
    stream_ = std::make_shared<stepped_stream>();
    stream_->owner = std::move(owner);
    stream_->stream = std::make_unique<live_stream>(
        model.start(start.cuts), start.format, start.partials,
        [to = stream_.get()](std::vector<told_event> events) {
          for (auto& each : events) to->events.push_back(std::move(each));
        },
        [this] { return now_; });
    return std::make_unique<stepped_port>(stream_);
  }

  void connect() {
    link_ = std::make_unique<session_link>(
        store_, "127.0.0.1", [] {}, now_);
  }

  bool is_closed() const { return link_->close().has_value() && listener_.is_over(); }

  void act() {
    now_ += std::chrono::milliseconds(number(0, 20));
    link_->advance(now_);
    store_.advance(now_);
    switch (number(0, 9)) {
      case 0:
      case 1:
        return send();
      case 2:
      case 3:
        return arrive();
      case 4:
      case 5:
        if (stream_->stream->wants()) stream_->stream->step({});
        return;
      case 6:
      case 7:
        return tell();
      case 8:
        return read(number(0, 10));
      default:
        if (number(0, 30) == 0) break_connection();
    }
  }

  // The client puts something on its way.
  void send() {
    const std::size_t choice = number(0, 19);
    if (choice < 15) {
      if (sent_ == audio_.size()) {
        if (!stop_sent_) on_its_way_.emplace_back(R"({"type":"stop"})");
        stop_sent_ = true;
        return;
      }
      const std::size_t size =
          std::min(number(0, choice == 0 ? 40'000 : 3'000), audio_.size() - sent_);
      on_its_way_.emplace_back(std::span(audio_).subspan(sent_, size));
      sent_ += size;
      sent_ever_ = std::max(sent_ever_, sent_);
      return;
    }
    static constexpr std::string_view texts[] = {
        R"({"type":"flush"})", R"({"type":"keepalive"})",
        R"({"type":"configure","partials":{"interval_ms":200}})",
        R"({"type":"configure","partials":{"interval_ms":20}})",
        R"({"type":"start","format":"auto"})"};
    on_its_way_.emplace_back(texts[choice - 15]);
  }

  // The first thing on its way arrives.
  void arrive() {
    if (on_its_way_.empty()) return;
    message next = std::move(on_its_way_.front());
    on_its_way_.pop_front();
    if (next.is_binary()) return link_->receive_audio(std::move(next).take(), now_);
    if (next.text().find("flush") != next.text().npos && link_->current() != nullptr) {
      flushes_.push_back(static_cast<std::size_t>(link_->current()->audio().received()));
    }
    link_->receive_text(next.text(), now_);
  }

  // The first event reaches the session.
  void tell() {
    if (stream_->events.empty()) return;
    const told_event event = std::move(stream_->events.front());
    stream_->events.pop_front();
    if (const auto owner = stream_->owner.lock()) {
      owner->handle(event.what, std::chrono::duration_cast<std::chrono::milliseconds>(event.lag),
                    now_);
    }
  }

  void read(std::size_t count) {
    for (; count > 0 && problem_.empty(); --count) {
      const auto text = link_->next_message();
      if (!text) return;
      problem_ = listener_.hear(*text, static_cast<std::int64_t>(sent_ever_));
      if (!problem_.empty()) problem_ += ": " + *text;
    }
  }

  // What is on its way is lost, in both directions, and the client comes again; sometimes while the
  // server still believes in the first connection.
  void break_connection() {
    if (listener_.is_over()) return;
    for (std::size_t lost = number(0, 5); lost > 0; --lost) link_->next_message();
    on_its_way_.clear();
    const auto before = std::move(link_);
    const bool known = number(0, 3) != 0;
    if (known) before->disconnected(1006, now_);
    now_ += std::chrono::milliseconds(number(0, 29'000));
    store_.advance(now_);
    for (std::size_t i = number(0, 20); i > 0; --i) tell();
    connect();
    link_->receive_text(nlohmann::json{{"type", "resume"},
                                       {"session", listener_.started()["session"]},
                                       {"token", listener_.started()["resume_token"]},
                                       {"last_seq", listener_.last_seq()}}
                            .dump(),
                        now_);
    if (!known) before->disconnected(1006, now_);
    read(1);
    if (listener_.message()["type"] != "resumed") problem_ = "resumed comes first";
    if (!problem_.empty()) return;
    sent_ = listener_.message()["received"].get<std::size_t>();
    stop_sent_ = false;
  }

  // The finals are those of the same audio, recognised at once.
  void compare() {
    const auto recognition = models_.default_model().start();
    pcm_decoder decoder({.encoding = pcm_encoding::s16le, .rate = 16000, .channels = 1});
    std::size_t at = 0;
    for (const std::size_t flush : flushes_) {
      recognition->accept(decoder.decode(std::span(audio_).subspan(at, flush - at)));
      recognition->flush();
      at = flush;
    }
    recognition->accept(decoder.decode(std::span(audio_).subspan(at)));
    recognition->finish();
    std::vector<std::string> expected, heard;
    while (recognition->has_final()) {
      const auto final = recognition->decode_final({});
      expected.push_back(std::to_string(final.start_ms) + "-" + std::to_string(final.end_ms) + " " +
                         final.text);
    }
    for (const auto& final : listener_.finals()) {
      heard.push_back(final["start_ms"].dump() + "-" + final["end_ms"].dump() + " " +
                      final["text"].get<std::string>());
    }
    EXPECT_EQ(heard, expected);
  }

  std::mt19937 random_;
  std::vector<std::byte> audio_;
  script lines_;
  model_set models_;
  time_point now_{};
  session_store store_;
  std::shared_ptr<stepped_stream> stream_;
  std::unique_ptr<session_link> link_;
  session_listener listener_;
  std::deque<message> on_its_way_;
  std::vector<std::size_t> flushes_;  // where in the audio one arrived
  std::size_t sent_ = 0, sent_ever_ = 0;
  bool stop_sent_ = false;
  std::string problem_;
};

TEST(session_property, every_order_of_things_gives_every_final_once) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    conversation(seed).run();
    if (testing::Test::HasFailure()) return;
  }
}

// A session may hold `most` bytes of events, the limit's warning is due, and one thing happens.
// Then it is stopped and ends.
void overflow(std::size_t most,
              const std::function<void(test::test_client&, test::session_bench&)>& happen) {
  test::session_bench bench({.session = {.longest = 10s, .events_max = most}});
  test::test_client client(bench);
  client.send(test::resumable_start);
  bench.now += 9'500ms;
  happen(client, bench);
  client.send(R"({"type":"stop"})");
  bench.tell(stream_finished{10});
  session_listener listener;
  for (const std::string& text : client.read_texts()) {
    EXPECT_EQ(listener.hear(text, 320), "") << text;
  }
  EXPECT_TRUE(listener.is_over());
  EXPECT_EQ(listener.hear_close(client.close_code()), "");
}

TEST(session_property, whatever_fills_its_events_ends_it_once) {
  using test::session_bench;
  using test::test_client;
  std::vector<std::function<void(test_client&, session_bench&)>> things{
      [](auto& client, auto&) { client.send_audio(320); },
      [](auto& client, auto& bench) { client.link().drain(bench.now + 1s, bench.now); },
      [](auto&, auto& bench) { bench.tell(test::final_of(0, "one")); },
      [](auto&, auto& bench) { bench.tell(audio_processed{320}); },
  };
  for (const char* text :
       {R"({"type":"stop"})", R"({"type":"flush"})", R"({"type":"cancel"})",
        R"({"type":"keepalive"})", R"({"type":"configure","partials":{"interval_ms":200}})",
        R"({"type":"start","format":"auto"})", R"({"type":"nothing"})", "{"}) {
    things.emplace_back([text](auto& client, auto&) { client.send(text); });
  }
  for (std::size_t thing = 0; thing < things.size(); ++thing) {
    for (std::size_t most = 300; most < 1'300; most += 7) {
      SCOPED_TRACE("thing " + std::to_string(thing) + ", at most " + std::to_string(most));
      overflow(most, things[thing]);
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace duplex::speech
