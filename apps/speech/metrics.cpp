#include "speech/metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace duplex::speech {
namespace {

std::string number(double value) {
  std::ostringstream text;
  text.precision(9);
  text << value;
  return text.str();
}

// The text of one page, metric by metric.
class page {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    (text_ += "# HELP ").append(name).append(" ").append(help) += '\n';
    (text_ += "# TYPE ").append(name).append(" ").append(type) += '\n';
  }
  void sample(std::string_view name, double value, std::string_view labels = {}) {
    text_ += name;
    if (!labels.empty()) (text_ += '{').append(labels) += '}';
    (text_ += ' ').append(number(value)) += '\n';
  }
  void single(std::string_view name, std::string_view type, std::string_view help, double value) {
    begin(name, type, help);
    sample(name, value);
  }
  void single(std::string_view name, std::string_view help, const histogram& of) {
    begin(name, "histogram", help);
    of.write(text_, name);
  }
  void by_work(std::string_view name, std::string_view help,
               const std::array<histogram, urgencies.size()>& of) {
    begin(name, "histogram", help);
    for (std::size_t i = 0; i < of.size(); ++i) {
      of[i].write(text_, name, "work=\"" + std::string(to_string(urgencies[i])) + '"');
    }
  }
  std::string& text() { return text_; }

 private:
  std::string text_;
};

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

void histogram::observe(std::chrono::duration<double> value) {
  const auto place = std::ranges::lower_bound(bounds, value.count()) - bounds.begin();
  ++counts_[static_cast<std::size_t>(place)];
  sum_ += value.count();
}

void histogram::write(std::string& to, std::string_view name, std::string_view labels) const {
  const auto sample = [&](std::string_view suffix, const std::string& all, double value) {
    to.append(name).append(suffix);
    if (!all.empty()) to.append("{").append(all).append("}");
    to.append(" ").append(number(value)).append("\n");
  };
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    sum += counts_[i];
    const std::string bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
    const std::string comma = labels.empty() ? "" : ",";
    sample("_bucket", std::string(labels) + comma + "le=\"" + bound + '"',
           static_cast<double>(sum));
  }
  sample("_sum", std::string(labels), sum_);
  sample("_count", std::string(labels), static_cast<double>(sum));
}

void metrics::observe(const scheduler::turn& turn) {
  const auto place = static_cast<std::size_t>(turn.wanted);
  queue_wait[place].observe(turn.waited);
  step_time[place].observe(turn.worked);
}

std::string metrics::text(const std::function<std::size_t(urgency)>& waiting,
                          std::uint64_t lines_dropped) const {
  page to;
  const auto value = [](const auto& of) { return static_cast<double>(of.load()); };
  to.single("duplex_speech_sessions", "gauge",
            "Live sessions, those waiting to be resumed among them.", value(sessions));
  to.single("duplex_speech_connections", "gauge", "Open WebSocket connections.",
            value(connections));
  to.single("duplex_speech_draining", "gauge", "1 while the server ends.", value(draining));
  to.single("duplex_speech_sessions_total", "counter", "Live sessions that began.",
            value(sessions_total));
  to.single("duplex_speech_resumed_total", "counter", "Sessions taken up on a new connection.",
            value(resumed_total));
  to.single("duplex_speech_requests_total", "counter", "One-message requests that were answered.",
            value(requests_total));
  to.single("duplex_speech_received_bytes_total", "counter", "Payload received in messages.",
            value(received_bytes_total));
  to.single("duplex_speech_sent_bytes_total", "counter", "Payload sent in messages.",
            value(sent_bytes_total));
  to.single("duplex_speech_audio_seconds_total", "counter", "Audio that was recognised.",
            audio_seconds_total);
  to.single("duplex_speech_partials_total", "counter", "Partials told.", value(partials_total));
  to.single("duplex_speech_finals_total", "counter", "Finals told.", value(finals_total));
  to.begin("duplex_speech_errors_total", "counter", "Errors told, and refusals, by code.");
  for (const error_code code : all_error_codes) {
    to.sample("duplex_speech_errors_total", value(errors_total[static_cast<std::size_t>(code)]),
              "code=\"" + std::string(to_string(code)) + '"');
  }
  to.begin("duplex_speech_queue_length", "gauge", "Streams and files waiting for a thread.");
  for (const urgency each : urgencies) {
    to.sample("duplex_speech_queue_length", static_cast<double>(waiting(each)),
              "work=\"" + std::string(to_string(each)) + '"');
  }
  to.by_work("duplex_speech_queue_seconds", "Time a step waited for a thread.", queue_wait);
  to.by_work("duplex_speech_decode_seconds", "Time a step took.", step_time);
  to.single("duplex_speech_first_partial_seconds",
            "From the arrival of a segment's first sound to its first partial.", first_partial);
  to.single("duplex_speech_partial_lag_seconds",
            "From the arrival of the last sound in a partial to the partial.", partial_lag);
  to.single("duplex_speech_final_lag_seconds",
            "From the arrival of a segment's last sound to its final.", final_lag);
  to.single("duplex_speech_stop_seconds", "From stop to the last final.", stop_to_done);
  to.single("duplex_speech_log_lines_dropped_total", "counter",
            "Lines of the logs that nobody read in time.", static_cast<double>(lines_dropped));
  to.single("process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  to.single("process_cpu_seconds_total", "counter", "Processor time used.", processor_seconds());
  return std::move(to.text());
}

}  // namespace duplex::speech
