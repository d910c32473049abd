// Messages as lines of JSON.
#include "connect/recording.hpp"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <duplex/error.hpp>
#include <nlohmann/json.hpp>
#include <system_error>

#include "escape.hpp"

namespace duplex::cli {
namespace {

// ISO 8601, in UTC.
std::string time_now() {
  using namespace std::chrono;
  const auto now = floor<microseconds>(system_clock::now());
  const std::time_t seconds = system_clock::to_time_t(floor<std::chrono::seconds>(now));
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char date[32], text[48];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
  const auto fraction = static_cast<long>(now.time_since_epoch().count() % 1'000'000);
  std::snprintf(text, sizeof(text), "%s.%06ldZ", date, fraction);
  return text;
}

}  // namespace

void recording::open(const std::string& file) {
  name_ = file;
  file_.reset(std::fopen(file.c_str(), "a"));
  if (!file_) throw system_error({errno, std::generic_category()}, "cannot write " + name_);
}

void recording::write(direction way, const message& recorded) {
  if (!file_) return;
  nlohmann::ordered_json line;
  line["time"] = time_now();
  line["direction"] = way == direction::sent ? "sent" : "received";
  line["type"] = recorded.is_text() ? "text" : "binary";
  if (recorded.is_text()) {
    line["text"] = recorded.text();
  } else {
    line["hex"] = hexadecimal(recorded.bytes());
  }
  const auto text =
      printable_json(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) + "\n";
  const std::lock_guard lock(mutex_);
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
      std::fflush(file_.get()) != 0) {
    throw system_error({errno, std::generic_category()}, "cannot write " + name_);
  }
}

}  // namespace duplex::cli
