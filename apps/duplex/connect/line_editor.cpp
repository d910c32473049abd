// libedit, which asks for each character here, so that waiting for one can wait for more.
#include "connect/line_editor.hpp"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwctype>
#include <stdexcept>

namespace duplex::cli {
namespace {

constexpr int history_max = 1000;

// How many columns libedit gives a character: control characters as ^A, what has no shape as
// \U+1234.
std::size_t columns_of(wchar_t c) {
  if (const int width = wcwidth(c); width >= 0) return static_cast<std::size_t>(width);
  if (c < 0x80) return 2;
  return c > 0xFFFF ? 8 : 7;
}

// libedit reads the locale's characters; a terminal today speaks UTF-8, whatever the locale says.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX < 4) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct line_editor::library {
  EditLine* line = nullptr;
  History* history = nullptr;
  HistEvent event = {};

  ~library() {
    if (line) el_end(line);
    if (history) history_end(history);
  }
};

line_editor::line_editor(const char* prompt, const wakeup& woken,
                         std::function<void(line_editor&)> on_wake)
    : prompt_(prompt),
      woken_(woken),
      on_wake_(std::move(on_wake)),
      library_(std::make_unique<library>()) {
  use_utf8();
  auto& [line, history, event] = *library_;
  line = el_init("duplex", stdin, stdout, stderr);
  history = history_init();
  if (!line || !history) throw std::runtime_error("this terminal cannot be used to edit lines");
  ::history(history, &event, H_SETSIZE, history_max);
  ::history(history, &event, H_SETUNIQUE, 1);
  el_set(line, EL_CLIENTDATA, this);
  el_set(line, EL_EDITOR, "emacs");
  el_set(line, EL_HIST, ::history, history);
  el_set(line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // Ctrl-C would take away what poll has just told of, and the read after it never end.
  el_set(line, EL_SETTY, "-d", "+noflsh", nullptr);
  // Between two lines too: there the terminal would echo what is typed, and keep a Ctrl-D.
  el_set(line, EL_SETTY, "-x", "-echo", "-icanon", "+noflsh", nullptr);
  el_set(line, EL_PROMPT, static_cast<char* (*)(EditLine*)>([](EditLine* from) {
           void* self = nullptr;
           el_get(from, EL_CLIENTDATA, &self);
           return const_cast<char*>(static_cast<line_editor*>(self)->prompt_);
         }));
  el_set(line, EL_GETCFN,
         static_cast<int (*)(EditLine*, wchar_t*)>([](EditLine* from, wchar_t* to) {
           void* self = nullptr;
           el_get(from, EL_CLIENTDATA, &self);
           return static_cast<line_editor*>(self)->read_character(*to);
         }));
}

line_editor::~line_editor() = default;

std::optional<std::string> line_editor::read_line() {
  // Before the prompt invites to type: el_gets would do it after, and the terminal echo what is
  // typed in between.
  el_set(library_->line, EL_PREP_TERM, 1);
  int count = 0;
  const char* text = el_gets(library_->line, &count);
  if (stopped_ || !text || count <= 0) {
    if (!stopped_) erase(row_of_cursor());
    return std::nullopt;
  }
  std::string line(text, static_cast<std::size_t>(count));
  if (line.ends_with('\n')) line.pop_back();
  if (!line.empty()) history(library_->history, &library_->event, H_ENTER, line.c_str());
  return line;
}

// What el_set's EL_GETCFN asks for: 1 for a character, 0 for the end, -1 for an error.
int line_editor::read_character(wchar_t& to) {
  for (;;) {
    pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {woken_.descriptor(), POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) return -1;
    if (ready[1].revents != 0) {
      woken_.clear();
      on_wake_(*this);
      if (stopped_) return 0;
      continue;
    }
    if (ready[0].revents == 0) continue;
    char byte;
    const auto count = read(STDIN_FILENO, &byte, 1);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return static_cast<int>(count);
    const auto decoded = std::mbrtowc(&to, &byte, 1, &decoding_);
    if (decoded == static_cast<std::size_t>(-2)) continue;  // more bytes belong to it
    if (decoded != static_cast<std::size_t>(-1)) return 1;
    decoding_ = {};  // no character: left out
  }
}

void line_editor::print_above(std::string_view text) {
  erase(row_of_cursor());
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  el_set(library_->line, EL_REFRESH);
}

// Some terminals leave each row as it was in the window before (xterm), others break lines anew.
// The lesser of the two ways up never erases what is not the line's; part of it may stay.
void line_editor::redraw() {
  el_set(library_->line, EL_PREP_TERM, 1);  // whoever ran meanwhile may have changed its modes
  const auto row_before = row_of_cursor();
  el_resize(library_->line);
  erase(std::min(row_before, row_of_cursor()));
  el_set(library_->line, EL_REFRESH);
}

void line_editor::stop() {
  erase(row_of_cursor());
  stopped_ = true;
}

void line_editor::erase(std::size_t rows_above) {
  std::string sequence = "\r";
  for (auto rows = rows_above; rows > 0; --rows) sequence += "\x1b[A";
  sequence += "\x1b[J";
  std::fwrite(sequence.data(), 1, sequence.size(), stdout);
  std::fflush(stdout);
}

std::size_t line_editor::row_of_cursor() const {
  int width_found = 0;
  el_get(library_->line, EL_GETTC, "co", &width_found);
  const auto width = static_cast<std::size_t>(std::max(width_found, 2));
  std::size_t row = 0, column = std::strlen(prompt_);
  const LineInfoW* const info = el_wline(library_->line);
  for (const wchar_t* at = info->buffer; at < info->cursor; ++at) {
    const auto columns = columns_of(*at);
    if (column + columns > width) {  // a wide one that does not fit
      ++row;
      column = 0;
    }
    column += columns;
    if (column >= width) {
      ++row;
      column -= width;
    }
  }
  return row;
}

}  // namespace duplex::cli
