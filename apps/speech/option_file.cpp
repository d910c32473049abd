#include "speech/option_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace duplex::speech {
namespace {

constexpr std::string_view spaces = " \t\r";

// What is wrong is not quoted, as it may be a token.
class reader {
 public:
  reader(const std::string& path, std::string_view text) : path_(path), rest_(text) {}

  std::vector<file_option> options() {
    std::vector<file_option> all;
    for (;;) {
      skip_blank_lines();
      if (rest_.empty()) return all;
      file_option one = option();
      const auto before = std::ranges::find(all, one.name, &file_option::name);
      if (before != all.end()) {
        refuse(one.name + " is there twice, first in line " + std::to_string(before->line));
      }
      all.push_back(std::move(one));
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& problem) const {
    throw std::runtime_error(path_ + ":" + std::to_string(line_) + ": " + problem);
  }

  file_option option() {
    if (rest_.front() == '[') refuse("options stand in no section");
    file_option one;
    one.line = line_;
    one.name = take(rest_.find_first_of(" \t\r\n=#\"'[],"));
    skip(spaces);
    if (one.name.empty()) refuse("expected an option, such as port = 8765");
    if (!skip_one('=')) refuse("expected = after " + one.name);
    skip(spaces);
    if (skip_one('[')) {
      one.values = list(one.name);
    } else {
      one.values.push_back(value(one.name));
    }
    skip(spaces);
    if (!line().empty() && rest_.front() != '#')
      refuse("there is more than the value of " + one.name);
    return one;
  }

  std::vector<std::string> list(const std::string& name) {
    std::vector<std::string> values;
    for (;;) {
      skip_blank_lines();
      if (skip_one(']')) break;
      values.push_back(value(name));
      skip_blank_lines();
      if (skip_one(',')) continue;
      if (!skip_one(']')) refuse("expected , or ] in the list of " + name);
      break;
    }
    if (values.empty()) refuse(name + " has no value");
    return values;
  }

  std::string value(const std::string& name) {
    const char quote = rest_.empty() ? '\0' : rest_.front();
    if (quote != '"' && quote != '\'') {
      std::string word = take(rest_.find_first_of(" \t\r\n#\"'[],"));
      if (word.empty()) refuse(name + " has no value");
      return word;
    }
    rest_.remove_prefix(1);
    const std::size_t end = line().find(quote);
    if (end == line().npos) refuse("the value of " + name + " has no " + quote + " at its end");
    std::string text = take(end);
    rest_.remove_prefix(1);
    // TOML's escapes: what they stand for is to be written as it is.
    if (quote == '"' && text.find('\\') != text.npos) {
      refuse("the value of " + name + " has a \\, and so is to stand between '");
    }
    return text;
  }

  std::string_view line() const { return rest_.substr(0, rest_.find_first_of("\r\n")); }

  std::string take(std::size_t count) {
    std::string taken(rest_.substr(0, count));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }

  bool skip_one(char character) {
    if (!rest_.starts_with(character)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Comments too, and the rest of the line that was read.
  void skip_blank_lines() {
    for (;;) {
      skip(spaces);
      if (rest_.starts_with('#') || rest_.starts_with(';')) take(rest_.find('\n'));
      if (!skip_one('\n')) return;
      ++line_;
    }
  }

  const std::string& path_;
  std::string_view rest_;
  int line_ = 1;
};

}  // namespace

std::string read_text_file(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  for (std::string line; std::getline(file, line);) text.append(line) += '\n';
  if (file.is_open() && !file.bad()) return text;
  throw std::runtime_error("cannot read '" + path + "': " + std::generic_category().message(errno));
}

std::vector<file_option> read_option_file(const std::string& path) {
  const std::string text = read_text_file(path);
  return reader(path, text).options();
}

}  // namespace duplex::speech
