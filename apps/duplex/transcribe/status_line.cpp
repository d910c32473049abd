#include "transcribe/status_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "escape.hpp"
#include "transcribe/width.hpp"

namespace duplex::cli::transcribe {
namespace {

constexpr std::string_view erase = "\r\x1b[K";

std::size_t columns_of_terminal() {
  struct winsize size = {};
  const bool is_known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? size.ws_col : 80;
}

void write_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

status_line::status_line() : is_terminal_(isatty(STDERR_FILENO) != 0) {}

status_line::~status_line() { clear(); }

void status_line::show(std::string_view text, std::size_t settled) {
  if (!is_terminal_) return;
  std::string head = printable(text.substr(0, settled));
  const std::string tail = settled < text.size() ? printable(text.substr(settled)) : "";
  const auto whole = head + tail;
  // The last column stays free: a terminal may go on to the next line behind it.
  const auto visible = last_columns(whole, std::max<std::size_t>(columns_of_terminal(), 2) - 1);
  const auto hidden = std::min(whole.size() - visible.size(), head.size());
  const auto grey = visible.substr(head.size() - hidden);
  std::string line(erase);
  line += visible.substr(0, head.size() - hidden);
  if (!grey.empty()) line += "\x1b[2m" + std::string(grey) + "\x1b[0m";
  if (line == shown_) return;
  write_out(line);
  shown_ = std::move(line);
}

void status_line::clear() {
  if (!shown_.empty()) write_out(erase);
  shown_.clear();
}

std::string write_time(std::chrono::seconds time) {
  const auto all = static_cast<long>(time.count());
  char text[40];
  if (all >= 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", all / 3600, all / 60 % 60, all % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld", all / 60, all % 60);
  }
  return text;
}

}  // namespace duplex::cli::transcribe
