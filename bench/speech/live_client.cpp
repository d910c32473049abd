#include "live_client.hpp"

#include <algorithm>
#include <duplex/duplex.hpp>
#include <exception>
#include <nlohmann/json.hpp>
#include <set>

namespace {

using namespace duplex;
using clock = std::chrono::steady_clock;
using json = nlohmann::json;

double ms_since(clock::time_point then) {
  return std::chrono::duration<double, std::milli>(clock::now() - then).count();
}

class speaker {
 public:
  speaker(const live_plan& plan, const conversation& said, live_results& results)
      : plan_(plan), said_(said), results_(results), has_text_(said.utterances().size()) {}

  task<> run() {
    try {
      const std::string path = plan_.uri + "/v1/stream";
      auto ws = co_await connect(path);
      const auto start = start_message();
      co_await ws.send(start);
      scope tasks;
      tasks.spawn(send(ws));
      tasks.spawn(ping(ws));
      co_await receive(ws);
      tasks.clear();
      co_await ws.close();
    } catch (const std::exception& error) {
      note(error.what());
    }
    judge();
  }

 private:
  std::string start_message() const {
    return json{{"type", "start"},
                {"format", "pcm_s16le"},
                {"rate", 1000 * samples_per_ms},
                {"partials", {{"interval_ms", plan_.interval.count()}}},
                {"acks", true}}
        .dump();
  }

  // When the audio up to this time had been sent: a chunk is sent once its last sample was spoken.
  clock::time_point sent_at(std::int64_t audio_ms) const {
    const auto chunk = plan_.chunk.count();
    return begin_ + std::chrono::milliseconds((audio_ms + chunk - 1) / chunk * chunk);
  }

  task<> send(connection& ws) {
    auto samples = said_.samples();
    const auto size = static_cast<std::size_t>(plan_.chunk.count() * samples_per_ms);
    begin_ = clock::now();
    for (auto due = begin_ + plan_.chunk; !samples.empty(); due += plan_.chunk) {
      co_await sleep_for(due - clock::now());
      const auto chunk = samples.first(std::min(size, samples.size()));
      co_await ws.send(std::as_bytes(chunk));
      samples = samples.subspan(chunk.size());
    }
    stopped_ = clock::now();
    co_await ws.send(R"({"type":"stop"})");
  }

  task<> ping(connection& ws) {
    for (;;) {
      co_await sleep_for(std::chrono::seconds(1));
      const auto round_trip = co_await ws.ping();
      results_.ping.push_back(std::chrono::duration<double, std::milli>(round_trip).count());
    }
  }

  task<> receive(connection& ws) {
    while (auto message = co_await ws.next()) take(json::parse(message->text()));
  }

  void take(const json& event) {
    const auto& type = event.at("type").get_ref<const std::string&>();
    if (type == "partial") take_text(event);
    if (type == "final") {
      take_text(event);
      open_.erase(event.at("seg").get<std::int64_t>());
      results_.final_text.push_back(ms_since(sent_at(event.at("end_ms").get<std::int64_t>())));
      ++finals_;
    }
    if (type == "error") note(event.at("code").get<std::string>());
    if (type == "done") {
      results_.stop.push_back(ms_since(stopped_));
      is_done_ = event.at("segments").get<std::size_t>() == finals_;
    }
  }

  void take_text(const json& event) {
    if (event.at("type") == "partial") {
      open_.insert(event.at("seg").get<std::int64_t>());
      results_.lag.push_back(ms_since(sent_at(event.at("end_ms").get<std::int64_t>())));
    }
    if (event.at("text").get_ref<const std::string&>().empty()) return;
    // A segment may hold several utterances, the last of which gave this text its end.
    const auto number = said_.utterance_at(event.at("end_ms").get<std::int64_t>());
    if (has_text_[number]) return;
    has_text_[number] = true;
    results_.first_partial.push_back(ms_since(sent_at(said_.utterances()[number].onset_ms)));
  }

  void note(std::string problem) {
    if (results_.problem.empty()) results_.problem = std::move(problem);
  }

  void judge() {
    results_.utterances += has_text_.size();
    results_.silent += static_cast<std::size_t>(std::ranges::count(has_text_, false));
    results_.lost += open_.size() + (is_done_ ? 0 : 1);
  }

  const live_plan& plan_;
  const conversation& said_;
  live_results& results_;
  clock::time_point begin_, stopped_;
  std::vector<bool> has_text_;   // of each utterance
  std::set<std::int64_t> open_;  // segments that had a partial and no final yet
  std::size_t finals_ = 0;
  bool is_done_ = false;
};

}  // namespace

task<> speak(const live_plan& plan, const conversation& said, live_results& results) {
  speaker it(plan, said, results);
  co_await it.run();
}
