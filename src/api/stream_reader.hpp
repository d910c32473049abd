// A stream as a coroutine reads and writes it, for handshakes.
#pragma once

#include <array>
#include <cstddef>
#include <duplex/coro/executor.hpp>
#include <duplex/coro/limit.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/io/stream.hpp>
#include <span>
#include <string_view>
#include <system_error>

namespace duplex::detail {

/// Takes a stream's events for as long as it lives, and leaves it not reading.
class stream_reader final : private io::stream_events {
 public:
  explicit stream_reader(io::stream& stream);
  ~stream_reader();
  stream_reader(const stream_reader&) = delete;
  stream_reader& operator=(const stream_reader&) = delete;

  /// The next bytes, valid until the next call; empty at the end of the stream. Throws
  /// std::system_error, and as the limit says. What exceeds `count_max` stays in the stream.
  task<std::span<const std::byte>> read_some(limit limit, std::size_t count_max = space_size);
  /// Writes everything and waits until the system has it.
  task<> write(std::string_view bytes, limit limit);

 private:
  static constexpr std::size_t space_size = 4096;

  std::span<std::byte> read_space() override { return std::span(space_).first(count_max_); }
  void on_data(std::size_t count) override;
  void on_eof() override;
  void on_error(std::error_code error) override;
  void on_written() override;

  io::stream& stream_;
  coro::executor& executor_;
  coro::wait_queue waiting_;
  std::error_code error_;
  std::size_t count_ = 0, count_max_ = space_size;
  bool eof_ = false;
  bool writing_ = false;
  std::array<std::byte, space_size> space_;
};

}  // namespace duplex::detail
