// docs/speech-protocol.md tells what the server does: its conversations are played, its tables
// compared.
#include <gtest/gtest.h>

#include <cctype>
#include <sstream>

#include "recordings.hpp"
#include "session_client.hpp"

namespace duplex::speech {
namespace {

using namespace test;
using nlohmann::json;

std::string page() { return read_bytes(DUPLEX_SOURCE_DIR "/docs/speech-protocol.md"); }

// The blocks of conversations. A line that begins with a space goes on with the one before.
std::vector<std::vector<std::string>> conversations() {
  std::vector<std::vector<std::string>> blocks;
  std::istringstream text(page());
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```")) {
      if (!inside && line == "```text") blocks.emplace_back();
      inside = !inside;
    } else if (inside && line.starts_with("  ")) {
      std::string& before = blocks.back().back();
      const bool in_words = std::isalpha(line[2]) != 0;  // of a message: not between fields
      before += (in_words ? " " : "") + line.substr(2);
    } else if (inside) {
      blocks.back().push_back(line);
    }
  }
  return blocks;
}

void replace(std::string& text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

// Plays one conversation: what a recogniser says follows from what the page says it leads to.
class performance {
 public:
  explicit performance(std::vector<std::string> lines) : lines_(std::move(lines)) {}

  void run() {
    for (const std::string& line : lines_) {
      SCOPED_TRACE(line);
      const std::string said = line.substr(line.find(' ') + 1);
      if (line.starts_with("×")) {
        client_->read();
        client_->disconnect(1006);
        client_ = std::make_unique<test_client>(bench_);
      } else if (line.starts_with("→ (")) {
        client_->send_audio(static_cast<std::size_t>(std::stoi(said.substr(1))));
      } else if (line.starts_with("→ {")) {
        play_client(said);
      } else if (line.starts_with("← close ")) {
        expect_close(said);
      } else {
        ASSERT_TRUE(line.starts_with("← {"));
        expect(said);
      }
      if (testing::Test::HasFailure()) return;
    }
  }

 private:
  void play_client(std::string text) {
    replace(text, "SESSION", session_);
    replace(text, "TOKEN", token_);
    const auto message = parse_client_message(text_without_mistakes(text));
    EXPECT_FALSE(type_of(message).empty());
    client_->send(text);
  }

  // Messages whose mistake the next line is about are not parsed by themselves.
  static std::string text_without_mistakes(const std::string& text) {
    try {
      parse_client_message(text);
      return text;
    } catch (const speech_error&) {
      return R"({"type":"keepalive"})";
    }
  }

  void expect(const std::string& said) {
    const json event = json::parse(said);
    cause(event);
    auto heard = client_->link().next_message();
    ASSERT_TRUE(heard.has_value());
    const json it = json::parse(*heard);
    if (event["type"] == "started") {
      session_ = it["session"];
      token_ = it.value("resume_token", "none");
      replace(*heard, session_, "SESSION");
      replace(*heard, token_, "TOKEN");
      replace(*heard, "\"scripted\"", "\"moonshine-tiny\"");
    }
    EXPECT_EQ(*heard, said);
  }

  // Has the stream say what leads to the event, unless the session says it by itself.
  void cause(const json& event) {
    const std::string type = event["type"];
    if (client_->link().current() == nullptr || client_->link().current()->has_unsent()) return;
    const std::chrono::milliseconds lag(event.value("lag_ms", 0));
    if (type == "speech_start") bench_.tell(speech_started{event["at_ms"]});
    if (type == "speech_end") bench_.tell(speech_ended{event["at_ms"]});
    if (type == "partial") bench_.tell(partial_from(event), lag);
    if (type == "final") bench_.tell(final_from(event), lag);
    if (type == "ack" || type == "progress") bench_.tell(audio_processed{event["processed"]});
    if (type == "draining") {
      client_->link().drain(bench_.now + std::chrono::milliseconds(event["deadline_ms"]),
                            bench_.now);
    }
    if (type == "stats") bench_.now += std::chrono::milliseconds(event["stop_to_done_ms"]);
    if (type == "stats" || type == "error") bench_.tell(stream_finished{audio_ms()});
    if (!client_->link().current()->has_unsent() && type == "ack") {
      bench_.tell(stream_finished{audio_ms()});  // the last ack of a session that is ended
    }
  }

  static partial_transcript partial_from(const json& event) {
    return {.segment = event["seg"],
            .text = event["text"],
            .stable = event["stable"].get<std::string>().size(),
            .start_ms = event["start_ms"],
            .end_ms = event["end_ms"]};
  }

  static final_transcript final_from(const json& event) {
    final_transcript final{.segment = event["seg"],
                           .text = event["text"],
                           .start_ms = event["start_ms"],
                           .end_ms = event["end_ms"]};
    for (const auto reason :
         {end_reason::silence, end_reason::max, end_reason::flush, end_reason::stop}) {
      if (event["reason"] == to_string(reason)) final.reason = reason;
    }
    for (const json& each : event.value("words", json::array())) {
      final.words.push_back({each["w"], each["s"], each["e"]});
    }
    return final;
  }

  // What the page says at the end of the conversation.
  std::int64_t audio_ms() const {
    for (const std::string& line : lines_) {
      if (line.find("\"done\"") == line.npos) continue;
      return json::parse(line.substr(line.find('{')))["audio_ms"];
    }
    return 0;
  }

  void expect_close(const std::string& said) {
    const auto close = client_->link().close();
    ASSERT_TRUE(close.has_value());
    EXPECT_EQ("close " + std::to_string(close->code) + " " + close->reason, said);
  }

  std::vector<std::string> lines_;
  session_bench bench_;
  std::unique_ptr<test_client> client_ = std::make_unique<test_client>(bench_);
  std::string session_, token_;
};

TEST(speech_protocol_page, conversations_are_those_of_the_server) {
  const auto blocks = conversations();
  ASSERT_GE(blocks.size(), 8U);
  int messages = 0;
  for (const auto& block : blocks) {
    messages += static_cast<int>(block.size());
    if (block.front().starts_with("→ {\"type\":\"start\"")) {
      performance(block).run();
    } else {  // single messages
      for (const std::string& line : block) {
        EXPECT_NO_THROW(parse_client_message(line.substr(line.find(' ') + 1))) << line;
      }
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GE(messages, 50);
}

TEST(speech_protocol_page, errors_have_their_close_codes) {
  const std::string text = page();
  for (const error_code code : all_error_codes) {
    const bool of_requests = code == error_code::invalid_base64 || code == error_code::cancelled;
    const std::string row =
        "| `" + std::string(to_string(code)) + "` | " + std::to_string(close_code_of(code)) + " | ";
    EXPECT_EQ(text.find(row) != text.npos, !of_requests) << row;
  }
}

TEST(speech_protocol_page, defaults_and_ranges_are_those_of_the_code) {
  const std::string text = page();
  const start_message start;
  const auto tells = [&](const std::string& words) {
    EXPECT_NE(text.find(words), text.npos) << words;
  };
  const auto ms = [](std::chrono::milliseconds time) { return std::to_string(time.count()); };
  tells("| `partials` | object or boolean | `{\"interval_ms\":" + ms(start.partials) + "}` |");
  tells("| `silence_ms` | 200 to 5000 | " + ms(start.cuts.silence) + " |");
  tells("| `max_ms` | 2000 to 25000 | " + ms(start.cuts.longest) + " |");
  tells("| `preroll_ms` | 0 to 1000 | " + ms(start.cuts.preroll) + " |");
  tells("| `patience_ms` | 0 to 5000 | " + ms(start.cuts.patience) + " |");
  for (const auto& [field, min, max] :
       {std::tuple("silence_ms", 200, 5000), std::tuple("max_ms", 2000, 25000),
        std::tuple("preroll_ms", 0, 1000), std::tuple("patience_ms", 0, 5000)}) {
    for (const int value : {min - 1, min, max, max + 1}) {
      const std::string message = R"({"type":"start","format":"auto","endpoint":{")" +
                                  std::string(field) + "\":" + std::to_string(value) + "}}";
      if (value < min || value > max) {
        EXPECT_THROW(parse_client_message(message), speech_error) << message;
      } else {
        EXPECT_NO_THROW(parse_client_message(message)) << message;
      }
    }
  }
}

}  // namespace
}  // namespace duplex::speech
