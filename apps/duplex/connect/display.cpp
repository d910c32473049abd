// Messages to text and back.
#include "connect/display.hpp"

#include <cerrno>
#include <cstdio>
#include <duplex/error.hpp>
#include <duplex/protocol/utf8.hpp>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "connect/json_layout.hpp"
#include "escape.hpp"

namespace duplex::cli {
namespace {

// Further lines are indented: nothing a peer sends looks like a line of the program's own, or like
// another message.
std::string indented(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\n') result += "  ";
  }
  return result;
}

std::string text_of(const message& shown, const display& how) {
  if (shown.is_binary()) {
    return (how.binary && !how.interactive ? "" : "(binary) ") + hexadecimal(shown.bytes());
  }
  const auto laid_out = how.json ? lay_out_json(shown.text()) : std::nullopt;
  const auto text = laid_out.value_or(std::string(shown.text()));
  if (!how.terminal) return text;
  return laid_out && !how.interactive ? printable(text) : indented(printable(text));
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::vector<std::byte> bytes_of(std::string_view digits) {
  std::vector<std::byte> bytes;
  int half = -1;
  for (const char c : digits) {
    if (c == ' ' || c == '\t') continue;
    const int value = digit_value(c);
    if (value < 0) {
      throw std::invalid_argument("'" + std::string(1, c) + "' is no hexadecimal digit");
    }
    if (half < 0) {
      half = value;
    } else {
      bytes.push_back(static_cast<std::byte>(half << 4 | value));
      half = -1;
    }
  }
  if (half >= 0) throw std::invalid_argument("an odd number of hexadecimal digits");
  return bytes;
}

std::vector<std::byte> read_file(const std::string& name) {
  const auto fail = [&] {
    throw system_error({errno, std::generic_category()}, "cannot read " + name);
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(name.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) fail();
  std::vector<std::byte> bytes;
  for (;;) {
    std::byte part[65536];
    const auto count = std::fread(part, 1, sizeof(part), file.get());
    bytes.insert(bytes.end(), part, part + count);
    if (std::ferror(file.get()) != 0) fail();
    if (count < sizeof(part)) return bytes;
  }
}

}  // namespace

std::string show(const message& shown, const display& how) {
  return (how.interactive ? "< " : "") + text_of(shown, how) + "\n";
}

message typed_message(std::string_view typed, bool binary) {
  if (!binary) {
    if (!protocol::is_utf8(std::as_bytes(std::span(typed)))) {
      throw std::invalid_argument("'" + escaped(typed, 40) + "' is no UTF-8");
    }
    return message(typed);
  }
  const bool file = typed.starts_with('@');
  const auto bytes = file ? read_file(std::string(typed.substr(1))) : bytes_of(typed);
  return message(std::span(bytes));
}

std::string describe(const connection_closed& end) {
  return printable(end.rcvd() ? to_string(*end.rcvd()) : end.what());
}

}  // namespace duplex::cli
