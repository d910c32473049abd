// A line typed at a terminal, edited while messages are printed above it.
#pragma once

#include <cwchar>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "connect/wakeup.hpp"

namespace duplex::cli {

/// Edits lines on standard input and output, with a history: libedit's emacs keys.
class line_editor {
 public:
  /// `on_wake` is called inside `read_line` whenever `woken` was notified. `prompt` is a literal.
  line_editor(const char* prompt, const wakeup& woken, std::function<void(line_editor&)> on_wake);
  ~line_editor();
  line_editor(const line_editor&) = delete;
  line_editor& operator=(const line_editor&) = delete;

  /// The next line, without its end; nullopt after Ctrl-D on an empty line, the end of the input,
  /// or `stop`.
  std::optional<std::string> read_line();

  // From on_wake:

  /// Prints text that ends with a line end where the line being typed is, and that below it.
  void print_above(std::string_view text);
  /// Draws anew, for a window of another size or a program that was stopped.
  void redraw();
  /// Takes what is being typed off the screen and ends `read_line`.
  void stop();

 private:
  struct library;

  int read_character(wchar_t& to);
  void erase(std::size_t rows_above);
  std::size_t row_of_cursor() const;

  const char* prompt_;
  const wakeup& woken_;
  std::function<void(line_editor&)> on_wake_;
  std::unique_ptr<library> library_;
  std::mbstate_t decoding_ = {};
  bool stopped_ = false;
};

}  // namespace duplex::cli
