// A server for tests of clients: a script that speaks bytes or frames, on a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <duplex/http.hpp>
#include <duplex/message.hpp>
#include <duplex/protocol/connection.hpp>

namespace duplex::test {

/// How long a script waits for its client before the test fails.
inline constexpr auto patience = std::chrono::seconds(20);

/// One accepted connection, as bytes, and after `accept_handshake` as frames too.
/// Every wait is bounded by `patience`; std::runtime_error past it.
class raw_peer {
 public:
  explicit raw_peer(int socket) noexcept : socket_(socket) {}
  raw_peer(const raw_peer&) = delete;
  raw_peer& operator=(const raw_peer&) = delete;
  ~raw_peer() { close(); }

  // Bytes
  int socket() const noexcept { return socket_; }
  void write(std::string_view bytes);
  /// What comes next; empty at the end, or where the client reset the connection.
  std::string read_some();
  /// Reads up to and with `mark`.
  std::string read_until(std::string_view mark);
  void half_close();
  /// Closes with a reset.
  void reset();
  void close();

  // Frames
  /// Reads the request and answers it with 101.
  void accept_handshake(std::optional<std::string_view> subprotocol = {},
                        protocol::connection_settings settings = {.max_size = {},
                                                                  .ping_interval = {}});
  const duplex::request& request() const { return request_; }
  protocol::connection& core() { return *core_; }
  /// Writes what the core has to send; gives up quietly where the client is gone.
  void flush();
  void send(std::string_view text);
  void send(std::span<const std::byte> bytes);
  /// The next event; nullopt once the client has closed.
  std::optional<protocol::event> next_event();
  /// The next message, past pings and pongs; nullopt at the end.
  std::optional<message> receive();
  /// Sends every message back until the end.
  void echo();
  /// The closing handshake, and the end of the connection.
  void finish(std::uint16_t code = 1000, std::string_view reason = {});

 private:
  int socket_;
  duplex::request request_;
  std::optional<protocol::connection> core_;
  std::string input_;
};

/// Listens on a free port of 127.0.0.1 and runs the script for one connection after the other.
/// An exception of the script is a failure of the test.
class raw_server {
 public:
  using script = std::function<void(raw_peer&)>;

  explicit raw_server(script each);
  /// Waits for the script that runs.
  ~raw_server();
  raw_server(const raw_server&) = delete;
  raw_server& operator=(const raw_server&) = delete;

  /// Accepts no more and waits for the script that runs: what it wrote can be read then.
  void stop();
  std::uint16_t port() const noexcept { return port_; }
  std::string uri(std::string_view target = "/") const;

 private:
  void run();

  script script_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace duplex::test
