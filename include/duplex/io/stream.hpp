// A byte stream of a loop: TCP or a unix socket, or TLS over another stream, in the same words.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <system_error>

#include <duplex/buffer.hpp>
#include <duplex/io/address.hpp>
#include <duplex/tls.hpp>

namespace duplex::io {

/// Who a stream tells what happens. Every function is called from the loop, never from inside a
/// call of the stream, and may do anything to the stream, destroying it included. None may throw.
class stream_events {
 public:
  /// Where the next bytes should go; asked right before each read, never empty. Where the read
  /// finds nothing, no `on_data` follows.
  virtual std::span<std::byte> read_space() = 0;
  /// `count` bytes, at least one, are in that space.
  virtual void on_data(std::size_t count) = 0;
  /// The peer half-closed; nothing more comes.
  virtual void on_eof() = 0;
  /// The transport broke, reading or writing; nothing more comes and nothing more leaves. What the
  /// peer sent before it reset the connection comes first, where the stream is reading. Told once.
  virtual void on_error(std::error_code error) = 0;
  /// What `write` took has left; there may be room for more.
  virtual void on_written() = 0;

 protected:
  ~stream_events() = default;
};

/// One connected stream. Destroying it closes it at once, unsent bytes are lost.
class stream {
 public:
  virtual ~stream() = default;

  /// Must be set before anything is started; nullptr stops all calls.
  virtual void set_events(stream_events* events) = 0;
  virtual void start_reading() = 0;
  virtual void stop_reading() = 0;
  /// Writes what the socket takes now, without waiting, in one system call; gives the number of
  /// bytes written: 0 while a `write` is under way. An error is told by `on_error` later.
  virtual std::size_t try_write(std::array<std::span<const std::byte>, 2> bytes) = 0;
  /// Writes all of it, as the socket gets room; `on_written` follows. One at a time.
  virtual void write(buffer bytes) = 0;
  /// Bytes of that which have not left yet.
  virtual std::size_t unsent() const = 0;
  /// Half-close once what was given to `write` has left.
  virtual void shutdown() = 0;
  /// Resets the connection (RST; over a unix socket its peer sees the end of the stream): nothing
  /// more happens on it, no event follows.
  virtual void abort() = 0;

  /// Of a stream on which nothing was started: gives its socket away and closes the stream. What is
  /// returned makes the stream again, once, on the loop of the thread that calls it; destroyed
  /// uncalled it closes the socket. nullptr: this stream cannot change its loop, and stays as it
  /// is.
  virtual std::function<std::unique_ptr<stream>()> detach() { return nullptr; }

  virtual address local_address() const = 0;
  virtual address remote_address() const = 0;
  /// What TLS agreed on; nullptr: there is none.
  virtual std::shared_ptr<const tls_info> tls() const { return nullptr; }
};

/// Takes over a connected socket, of TCP or a unix socket, made elsewhere, whatever happens then.
/// Throws std::invalid_argument, and leaves it alone, where it is none.
std::unique_ptr<stream> adopt_stream(int socket);

}  // namespace duplex::io
