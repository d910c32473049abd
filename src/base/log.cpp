// The default sink, and text made harmless for terminals.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <duplex/log.hpp>
#include <iterator>
#include <utility>

namespace duplex {
namespace {

void append_escaped(std::string& to, unsigned char byte) {
  static constexpr char digits[] = "0123456789abcdef";
  to += "\\x";
  to += digits[byte >> 4];
  to += digits[byte & 0xF];
}

// Characters that nobody sees and that turn or break a line: marks of direction, embeddings,
// overrides and isolates, separators of lines and paragraphs.
constexpr std::pair<std::string_view, std::string_view> unseen[] = {
    {"\u061C", "\\u061c"}, {"\u200E", "\\u200e"}, {"\u200F", "\\u200f"}, {"\u2028", "\\u2028"},
    {"\u2029", "\\u2029"}, {"\u202A", "\\u202a"}, {"\u202B", "\\u202b"}, {"\u202C", "\\u202c"},
    {"\u202D", "\\u202d"}, {"\u202E", "\\u202e"}, {"\u2066", "\\u2066"}, {"\u2067", "\\u2067"},
    {"\u2068", "\\u2068"}, {"\u2069", "\\u2069"},
};

// "2026-01-31T23:59:59.123Z".
std::string utc_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[40];
  const auto size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(milliseconds % 1000));
  return text;
}

// Most text has no byte that begins one.
const auto* unseen_at(std::string_view text) {
  if (text[0] != '\xD8' && text[0] != '\xE2') return std::end(unseen);
  return std::ranges::find_if(unseen, [&](const auto& it) { return text.starts_with(it.first); });
}

}  // namespace

std::string_view to_string(log_level level) noexcept {
  switch (level) {
    case log_level::debug:
      return "debug";
    case log_level::info:
      return "info";
    case log_level::warning:
      return "warning";
    case log_level::error:
      return "error";
  }
  return "";
}

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0;
    if (byte == '\n') {
      result += "\\n";
    } else if (byte == '\r') {
      result += "\\r";
    } else if (byte == '\t') {
      result += "\\t";
    } else if (byte == '\\') {
      result += "\\\\";
    } else if (byte < 0x20 || byte == 0x7F) {
      append_escaped(result, byte);
    } else if (byte == 0xC2 && next >= 0x80 && next <= 0x9F) {
      // U+0080 to U+009F in UTF-8: control characters too, one of which starts terminal sequences.
      append_escaped(result, static_cast<unsigned char>(next));
      ++at;
    } else if (const auto* const found = unseen_at(text.substr(at)); found != std::end(unseen)) {
      result += found->second;
      at += found->first.size() - 1;
    } else {
      result += text[at];
    }
  }
  return result;
}

void write_log(const logger& to, log_level level, std::string_view message,
               std::string_view connection_id) noexcept {
  if (!to.enabled(level)) return;
  try {
    const auto text = escaped(message);
    to({.level = level, .message = text, .connection_id = connection_id});
  } catch (...) {  // a log that fails must not harm what it is about
  }
}

logger stderr_logger(log_level least) {
  auto sink = [](const log_record& record) {
    std::string line = utc_now();
    line.append(" duplex: ").append(to_string(record.level)).append(": ").append(record.message);
    if (!record.connection_id.empty()) line.append(" [").append(record.connection_id).append("]");
    line += '\n';
    // stderr is not buffered: one call is one write, and lines of several threads stay whole.
    std::fwrite(line.data(), 1, line.size(), stderr);
  };
  return {sink, least};
}

}  // namespace duplex
