// A TCP client of the same loop that says whatever a test wants, byte for byte.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <duplex/coro/task.hpp>
#include <duplex/io/tcp.hpp>

#include "api/stream_reader.hpp"

namespace duplex::test {

class raw_client {
 public:
  explicit raw_client(std::unique_ptr<io::stream> stream)
      : stream_(std::move(stream)), reader_(std::make_unique<detail::stream_reader>(*stream_)) {}
  raw_client(raw_client&&) noexcept = default;
  ~raw_client() {
    reader_.reset();  // it uses the stream
  }

  static task<raw_client> connect(std::uint16_t port) {
    auto stream = co_await io::connect_tcp("127.0.0.1", port, address_family::any, patience);
    co_return raw_client(std::move(stream));
  }

  task<> write(std::string bytes) { co_await reader_->write(bytes, patience); }
  /// Up to and with `mark`, or to the end; what came behind the mark is kept.
  task<std::string> read_until(std::string mark) {
    while (input_.find(mark) == std::string::npos && !ended_) co_await read_some();
    const auto found = input_.find(mark);
    const auto end = found == std::string::npos ? input_.size() : found + mark.size();
    auto result = input_.substr(0, end);
    input_.erase(0, end);
    co_return result;
  }
  task<std::string> read_to_end() {
    while (!ended_) co_await read_some();
    co_return std::exchange(input_, {});
  }
  /// Bytes beyond those asked for.
  task<std::string> read(std::size_t count) {
    while (input_.size() < count && !ended_) co_await read_some();
    auto result = input_.substr(0, count);
    input_.erase(0, count);
    co_return result;
  }
  bool was_reset() const { return was_reset_; }
  void half_close() { stream_->shutdown(); }
  void abort() { stream_->abort(); }

 private:
  static constexpr auto patience = std::chrono::seconds(20);

  task<> read_some() {
    try {
      auto bytes = co_await reader_->read_some(patience);
      ended_ = bytes.empty();
      input_ += as_text(bytes);
    } catch (const std::system_error&) {
      ended_ = was_reset_ = true;
    }
  }

  std::unique_ptr<io::stream> stream_;
  std::unique_ptr<detail::stream_reader> reader_;
  std::string input_;
  bool ended_ = false, was_reset_ = false;
};

/// The request of RFC 6455 section 1.3, with more header lines where wanted.
inline std::string upgrade_request(std::string_view more = {}) {
  return "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
         "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 13\r\n" +
         std::string(more) + "\r\n";
}

}  // namespace duplex::test
