// Figures in words, and as JSON.
#include "bench/report.hpp"

#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "escape.hpp"

namespace duplex::cli::bench {
namespace {

struct percentile {
  const char* name;
  double share;
};
constexpr std::array percentiles = {percentile{"p50", 0.5}, percentile{"p90", 0.9},
                                    percentile{"p99", 0.99}, percentile{"p99.9", 0.999}};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void append(std::string& to, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  to += text;
}

double microseconds(histogram::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// With three digits, and the unit that leaves few of them.
std::string time_text(histogram::duration time) {
  const double us = microseconds(time);
  char text[32];
  if (us < 1000) {
    std::snprintf(text, sizeof(text), "%.3g us", us);
  } else if (us < 1e6) {
    std::snprintf(text, sizeof(text), "%.3g ms", us / 1e3);
  } else {
    std::snprintf(text, sizeof(text), "%.3g s", us / 1e6);
  }
  return text;
}

void append_percentiles(std::string& to, const histogram& times) {
  if (times.count() == 0) return append(to, " none\n");
  for (const auto& [name, share] : percentiles) {
    append(to, " %s %s, ", name, time_text(times.percentile(share)).c_str());
  }
  append(to, " max %s\n", time_text(times.max()).c_str());
}

nlohmann::ordered_json percentiles_json(const histogram& times) {
  nlohmann::ordered_json object;
  for (const auto& [name, share] : percentiles)
    object[name] = microseconds(times.percentile(share));
  object["max"] = microseconds(times.max());
  return object;
}

double per_second(const load_result& result) {
  return result.replies == 0 ? 0 : static_cast<double>(result.replies) / result.seconds;
}

double server_us_per_message(const load_result& result) {
  return *result.server_cpu * 1e6 / static_cast<double>(result.replies);
}

void append_server_cpu(std::string& to, const load_result& result) {
  if (result.server_gone) return append(to, "server      ended, and its CPU time is not known\n");
  if (!result.server_cpu) return;
  append(to, "server      %.0f %% of a core", *result.server_cpu / result.seconds * 100);
  if (result.replies > 0) append(to, ", %.3g us a message", server_us_per_message(result));
  to += "\n";
}

void append_errors(std::string& to, const load_result& result) {
  if (result.spotless()) return append(to, "errors      none\n");
  append(to, "errors      %ju connections not opened, %ju ended early, ",
         static_cast<std::uintmax_t>(result.refused), static_cast<std::uintmax_t>(result.broken));
  append(to, "%ju replies wrong, %ju missing\n", static_cast<std::uintmax_t>(result.wrong),
         static_cast<std::uintmax_t>(result.unanswered));
  if (!result.problem.empty()) to += "            " + printable(result.problem) + "\n";
}

}  // namespace

progress_bar::progress_bar() : shown_(isatty(STDERR_FILENO) != 0) {}

progress_bar::~progress_bar() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void progress_bar::progress(double share, std::uint64_t replies) {
  if (!shown_) return;
  constexpr int width = 30;
  const auto filled = static_cast<std::size_t>(share * width);
  const auto bar = std::string(filled, '#') + std::string(width - filled, '.');
  std::fprintf(stderr, "\r[%s] %3.0f %%  %ju replies\x1b[K", bar.c_str(), share * 100,
               static_cast<std::uintmax_t>(replies));
}

std::string write_text(const load_plan& plan, const load_result& result) {
  std::string text;
  append(text, "%s: %zu connection%s, %zu bytes of %s, ", printable(plan.uri).c_str(),
         plan.connections, plan.connections == 1 ? "" : "s", plan.size,
         plan.binary ? "binary" : "text");
  if (plan.rate) {
    append(text, "%g a second, ", *plan.rate);
  } else {
    append(text, "%zu in flight on each, ", plan.in_flight);
  }
  append(text, "%.3g s\n\n", result.seconds);
  append(text, "messages    %.0f a second (%ju), %.3g MB/s each way\n", per_second(result),
         static_cast<std::uintmax_t>(result.replies),
         per_second(result) * static_cast<double>(plan.size) / 1e6);
  text += "latency    ";
  append_percentiles(text, result.latencies);
  if (plan.rate) {
    text += "sent late  ";
    append_percentiles(text, result.lateness);
  }
  append_server_cpu(text, result);
  append_errors(text, result);
  const double load = result.own_cpu / result.seconds / plan.threads;
  if (load > 0.9) {
    append(text, "\nThis program was busy for %.0f %% of the time: the server may be faster.\n",
           load * 100);
  }
  return text;
}

std::string write_json(const load_plan& plan, const load_result& result) {
  nlohmann::ordered_json report;
  report["uri"] = plan.uri;
  report["connections"] = plan.connections;
  report["threads"] = plan.threads;
  report["size"] = plan.size;
  report["type"] = plan.binary ? "binary" : "text";
  if (plan.rate) {
    report["rate"] = *plan.rate;
  } else {
    report["pipeline"] = plan.in_flight;
  }
  report["seconds"] = result.seconds;
  report["replies"] = result.replies;
  report["replies_per_second"] = per_second(result);
  if (result.latencies.count() > 0) report["latency_us"] = percentiles_json(result.latencies);
  if (result.lateness.count() > 0) report["sent_late_us"] = percentiles_json(result.lateness);
  report["own_cpu_seconds"] = result.own_cpu;
  if (result.server_cpu) report["server_cpu_seconds"] = *result.server_cpu;
  if (result.server_gone) report["server_cpu_seconds"] = nullptr;
  if (result.server_cpu && result.replies > 0) {
    report["server_cpu_us_per_message"] = server_us_per_message(result);
  }
  report["errors"] = {{"not_opened", result.refused},
                      {"ended_early", result.broken},
                      {"wrong", result.wrong},
                      {"missing", result.unanswered}};
  if (!result.problem.empty()) report["problem"] = result.problem;
  return printable_json(report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)) +
         "\n";
}

}  // namespace duplex::cli::bench
