// A connected socket of libuv, of TCP or a unix socket, and the stream that owns it.
#pragma once

#include <functional>
#include <memory>

#include <netinet/in.h>
#include <uv.h>

#include <duplex/io/stream.hpp>

#include "io/handle.hpp"
#include "net/descriptor.hpp"
#include "net/sockaddr.hpp"

namespace duplex::io {

/// Does what `stream` promises. As a handle it outlives its stream for as long as libuv calls it,
/// so that an event may destroy the stream.
class stream_socket final : public handle, private coro::timer {
 public:
  explicit stream_socket(io::loop& loop);

  /// Binds before `connect`; gives libuv's error.
  int bind(const net::socket_address& local);
  /// Calls back with libuv's status, unless closed before; gives an error that came at once.
  int connect(const net::socket_address& to, std::function<void(int)> connected);
  /// Takes a connected socket, or gives libuv's error and leaves it alone.
  int adopt(net::descriptor& socket, const net::socket_address& peer);

  std::function<std::unique_ptr<stream>()> detach();

  void set_events(stream_events* events);
  void start_reading();
  void stop_reading();
  std::size_t try_write(std::array<std::span<const std::byte>, 2> bytes);
  void write(buffer bytes);
  std::size_t unsent() const noexcept;
  void shutdown();
  void abort();

  address local_address() const;
  address remote_address() const;

 private:
  void closing() noexcept override;
  void begin_close() noexcept override;
  void expired() override;
  void tell_error_later();
  void write_failed(int error);
  void read_ended(int status);
  void tell_error(int error);

  static void allocate(uv_handle_t* native, std::size_t, uv_buf_t* space) noexcept;
  static void have_read(uv_stream_t* native, ssize_t count, const uv_buf_t*) noexcept;
  static void have_written(uv_write_t* request, int status) noexcept;

  uv_stream_t* native_stream() noexcept { return reinterpret_cast<uv_stream_t*>(&native_); }

  struct connecting {
    uv_connect_t request;
    std::function<void(int)> connected;
  };

  // Of unix sockets too: once one is open, libuv's reading and writing is the same.
  uv_tcp_t native_;
  uv_write_t write_request_;
  uv_shutdown_t shutdown_request_;
  std::unique_ptr<connecting> connecting_;
  sockaddr_in6 peer_ = {};  // kept, as the system forgets TCP's with the connection
  stream_events* events_ = nullptr;
  buffer writing_;
  int write_error_ = 0;
  bool reading_ = false;
  bool asking_ = false;  // for space: libuv must not be told to stop or close
  bool write_pending_ = false;
  bool shut_ = false;   // nothing more leaves
  bool eof_ = false;    // nothing more comes
  bool ended_ = false;  // neither: the error was told
};

std::unique_ptr<stream> make_stream(handle_owner<stream_socket> socket);
/// Of a connected socket that does not block. Throws std::system_error.
std::unique_ptr<stream> make_stream(net::descriptor connected, const net::socket_address& peer);

}  // namespace duplex::io
