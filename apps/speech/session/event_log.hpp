// The numbered events of a session: those to be sent, and those kept for a connection that broke.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace duplex::speech {

/// Events in order, numbered 1, 2, ..., with a place in them up to which they were sent. What was
/// sent is kept for being sent again, as long as everything together is at most `kept` bytes.
class event_log {
 public:
  /// 0 keeps nothing that was sent.
  explicit event_log(std::size_t kept) : kept_(kept) {}

  /// The number of the last event; 0 before the first.
  std::int64_t last() const { return first_ + static_cast<std::int64_t>(texts_.size()) - 1; }
  /// The number of the last event that was sent on the present connection.
  std::int64_t sent() const { return next_ - 1; }
  /// Of all events that are held.
  std::size_t bytes() const { return bytes_; }

  void append(std::string text) {
    bytes_ += text.size();
    texts_.push_back(std::move(text));
    trim();
  }

  /// The next event to send, which counts as sent.
  std::optional<std::string> take() {
    if (next_ > last()) return std::nullopt;
    std::string text = texts_[static_cast<std::size_t>(next_ - first_)];
    ++next_;
    trim();
    return text;
  }
  bool has_unsent() const { return next_ <= last(); }

  /// Whether what follows event `seq` is still held.
  bool reaches(std::int64_t seq) const { return seq + 1 >= first_; }
  /// The event after `seq` is the next to send. Only where `reaches(seq)` and `seq <= last()`.
  void rewind(std::int64_t seq) { next_ = seq + 1; }

 private:
  void trim() {
    while (bytes_ > kept_ && first_ < next_) {
      bytes_ -= texts_.front().size();
      texts_.pop_front();
      ++first_;
    }
  }

  std::size_t kept_;
  std::size_t bytes_ = 0;
  std::int64_t first_ = 1;  // of those held
  std::int64_t next_ = 1;   // to be sent
  std::deque<std::string> texts_;
};

}  // namespace duplex::speech
