// A TCP connection of libuv, and the stream that owns it.
#pragma once

#include <functional>
#include <memory>

#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include <duplex/io/stream.hpp>

#include "io/handle.hpp"

namespace duplex::io {

/// Does what `stream` promises. As a handle it outlives its stream for as long as libuv calls it,
/// so that an event may destroy the stream.
class tcp_socket final : public handle, private coro::timer {
 public:
  explicit tcp_socket(io::loop& loop);

  /// Calls back with libuv's status, unless closed before; gives an error that came at once.
  int connect(const sockaddr_storage& to, std::function<void(int)> connected);
  /// Takes an accepted socket, or gives libuv's error and leaves it alone.
  int adopt(int descriptor, const sockaddr_storage& peer);

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

  uv_tcp_t native_;
  uv_write_t write_request_;
  uv_shutdown_t shutdown_request_;
  std::unique_ptr<connecting> connecting_;
  sockaddr_in6 peer_ = {};  // kept, as the system forgets it with the connection
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

std::unique_ptr<stream> make_tcp_stream(handle_owner<tcp_socket> socket);

}  // namespace duplex::io
