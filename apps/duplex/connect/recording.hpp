// A file with a line of JSON for each message, sent or received.
#pragma once

#include <cstdio>
#include <duplex/message.hpp>
#include <memory>
#include <mutex>
#include <string>

namespace duplex::cli {

enum class direction : unsigned char { sent, received };

/// Appends to the file, a line at once:
///
///     {"time":"2026-11-23T07:05:01.123456Z","direction":"sent","type":"text","text":"hello"}
///
/// A message is written before it is sent, so that its reply comes after it: what is lost as the
/// connection ends stands there too. Binary messages have "hex" in place of "text". Thread-safe.
/// Without a file it does nothing.
class recording {
 public:
  /// Throws std::system_error where the file cannot be opened.
  void open(const std::string& file);

  /// Throws std::system_error where the line cannot be written.
  void write(direction way, const message& recorded);

 private:
  std::string name_;
  std::mutex mutex_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, &std::fclose};
};

}  // namespace duplex::cli
