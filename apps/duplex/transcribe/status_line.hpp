// A last line on the terminal that tells how things stand, and is gone when something is printed.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace duplex::cli::transcribe {

/// On standard error; does nothing where that is no terminal.
class status_line {
 public:
  status_line();
  ~status_line();  ///< takes it off the screen
  status_line(const status_line&) = delete;
  status_line& operator=(const status_line&) = delete;

  bool is_shown_at_all() const { return is_terminal_; }

  /// Shows `text`, its end in grey from byte `settled` on; of what is too long for a line its
  /// beginning is left out. Control characters do not act.
  void show(std::string_view text, std::size_t settled = std::string_view::npos);
  /// Takes it off the screen.
  void clear();

 private:
  bool is_terminal_;
  std::string shown_;
};

/// 0:07, 12:34, 1:02:03.
std::string write_time(std::chrono::seconds time);

}  // namespace duplex::cli::transcribe
