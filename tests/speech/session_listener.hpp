// A client's view of one session of `duplex.speech.v1`, which finds fault with what is not
// promised.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::speech::test {

/// Hears every text of a session, over all its connections, and remembers.
class session_listener {
 public:
  /// What is wrong with the next text; empty: nothing. `sent`: bytes of audio so far.
  std::string hear(std::string_view text, std::int64_t sent) {
    message_ = nlohmann::json::parse(text, nullptr, false);
    if (!message_.is_object()) return "an event is a JSON object";
    const auto type = message_.value("type", "");
    const auto seq = message_.value("seq", std::int64_t{-1});
    if (seq == 0) return hear_of_connection(type);
    if (is_over()) return "nothing follows the end";
    if (seq != last_seq_ + 1) return "numbers ascend by one";
    if ((seq == 1) != (type == "started")) return "started is the first event, and only that";
    last_seq_ = seq;
    if (type == "started") started_ = message_;
    if (type == "partial") return hear_partial();
    if (type == "final") return hear_final();
    if (type == "ack" || type == "progress") return hear_ack(sent);
    if (type == "error") return hear_error();
    if (type == "done") return hear_done();
    static const std::set<std::string> others{"started", "speech_start", "speech_end",
                                              "stats",   "warning",      "draining"};
    return others.contains(type) ? "" : "every type is known";
  }

  /// What is wrong with the code that closes a connection, once all was heard.
  std::string hear_close(int code) {
    if (code == 1000) return is_done_ ? "" : "1000 follows done";
    return failed_ ? "" : "an error precedes every other close";
  }

  std::int64_t last_seq() const { return last_seq_; }
  const nlohmann::json& started() const { return started_; }
  /// The last message.
  const nlohmann::json& message() const { return message_; }
  const std::vector<nlohmann::json>& finals() const { return finals_; }
  bool is_done() const { return is_done_; }
  bool is_over() const { return is_done_ || failed_; }

 private:
  std::string hear_of_connection(const std::string& type) {
    if (type == "error") return hear_error();
    if (type != "resumed") return "only errors and resumed have no number";
    return message_["replay_from_seq"] == last_seq_ + 1 ? "" : "events go on after the last";
  }

  std::string hear_partial() {
    const auto stable = message_["stable"].get<std::string>();
    const std::int64_t segment = message_["seg"];
    if (segment < std::ssize(finals_)) return "no partial follows its final";
    if (!message_["text"].get<std::string>().starts_with(stable)) return "text starts with stable";
    if (segment != open_) {
      if (segment < open_) return "segments ascend";
      open_ = segment;
      revision_ = 0;
      stable_.clear();
    }
    if (!stable.starts_with(stable_)) return "stable never shrinks or changes";
    if (message_["rev"] != revision_ + 1) return "revisions ascend by one";
    if (message_["start_ms"] < end_ms_) return "segments do not overlap";
    ++revision_;
    stable_ = stable;
    return "";
  }

  std::string hear_final() {
    if (message_["seg"] != std::ssize(finals_)) return "every segment has one final, in order";
    const auto text = message_["text"].get<std::string>();
    if (message_["seg"] == open_ && !text.starts_with(stable_))
      return "finals keep what was stable";
    if (message_["start_ms"] < end_ms_) return "segments do not overlap";
    if (message_["end_ms"] < message_["start_ms"]) return "segments end after they start";
    end_ms_ = message_["end_ms"];
    text_ += (text_.empty() || text.empty() ? "" : " ") + text;
    finals_.push_back(message_);
    return "";
  }

  std::string hear_ack(std::int64_t sent) {
    const std::int64_t received = message_["received"], processed = message_["processed"];
    if (received > sent || processed > received) return "processed <= received <= sent";
    if (received < received_ || processed < processed_) return "acks never go back";
    received_ = received;
    processed_ = processed;
    return "";
  }

  std::string hear_error() {
    if (message_["message"].get<std::string>().empty()) return "errors say why";
    failed_ = message_["fatal"];
    return "";
  }

  std::string hear_done() {
    is_done_ = true;
    if (message_["segments"] != std::ssize(finals_)) return "done counts the finals";
    return message_["text"] == text_ ? "" : "done has the text of all finals";
  }

  nlohmann::json message_, started_;
  std::vector<nlohmann::json> finals_;
  std::int64_t last_seq_ = 0, open_ = 0, revision_ = 0, end_ms_ = 0;
  std::int64_t received_ = 0, processed_ = 0;
  std::string stable_, text_;
  bool is_done_ = false, failed_ = false;
};

}  // namespace duplex::speech::test
