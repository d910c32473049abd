// Reading and writing of a connected socket.
#include "io/stream_socket.hpp"

#include <cassert>
#include <cstring>
#include <utility>

#include "io/error.hpp"
#include "net/adopted.hpp"

namespace duplex::io {
namespace {

int descriptor_of(const uv_tcp_t& native) {
  int descriptor = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&native), &descriptor);
  return descriptor;
}

// A reset that comes with the last bytes is an end of file to libuv; the socket knows better.
int unread_error(const uv_tcp_t& native) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(descriptor_of(native), SOL_SOCKET, SO_ERROR, &error, &size) < 0) return UV_EOF;
  return error != 0 ? -error : UV_EOF;
}

}  // namespace

stream_socket::stream_socket(io::loop& loop) : handle(loop), timer(loop) {
  uv_tcp_init(loop.native(), &native_);  // cannot fail: no descriptor is made yet
  opened(reinterpret_cast<uv_handle_t*>(&native_));
}

int stream_socket::bind(const net::socket_address& local) {
  return uv_tcp_bind(&native_, local.get(), 0);
}

int stream_socket::connect(const net::socket_address& to, std::function<void(int)> connected) {
  std::memcpy(&peer_, &to.storage, sizeof peer_);
  connecting_ = std::make_unique<connecting>();
  connecting_->connected = std::move(connected);
  const int error = uv_tcp_connect(
      &connecting_->request, &native_, to.get(), [](uv_connect_t* request, int status) noexcept {
        auto& self = *static_cast<stream_socket*>(static_cast<handle*>(request->handle->data));
        callback end(self.loop());
        const auto finished = std::move(self.connecting_);
        if (status == 0) uv_tcp_nodelay(&self.native_, 1);
        if (finished->connected) finished->connected(status);
      });
  if (error < 0) connecting_.reset();
  return error;
}

int stream_socket::adopt(net::descriptor& socket, const net::socket_address& peer) {
  std::memcpy(&peer_, &peer.storage, sizeof peer_);
  const int error = uv_tcp_open(&native_, socket.number());
  if (error < 0) return error;
  socket.release();
  if (peer.family() != AF_UNIX) uv_tcp_nodelay(&native_, 1);
  return 0;
}

void stream_socket::closing() noexcept {
  events_ = nullptr;
  disarm();
  if (connecting_) connecting_->connected = nullptr;
}

void stream_socket::begin_close() noexcept {
  if (!asking_) handle::begin_close();
}

void stream_socket::set_events(stream_events* events) {
  if (!events) stop_reading();
  events_ = is_open() ? events : nullptr;
}

void stream_socket::start_reading() {
  if (!is_open() || reading_ || eof_ || ended_) return;
  assert(events_);
  const int error = uv_read_start(native_stream(), allocate, have_read);
  if (error < 0) return write_failed(error);
  reading_ = true;
}

void stream_socket::stop_reading() {
  if (!reading_) return;
  reading_ = false;
  if (!asking_) uv_read_stop(native_stream());
  if (write_error_ != 0) tell_error_later();
}

void stream_socket::allocate(uv_handle_t* native, std::size_t, uv_buf_t* space) noexcept {
  auto& self = *static_cast<stream_socket*>(static_cast<handle*>(native->data));
  stream_events* asked = self.events_;
  self.asking_ = true;
  const std::span<std::byte> given = asked->read_space();
  // No space makes libuv call have_read at once, which does what was put off.
  *space = {nullptr, 0};
  if (self.events_ != asked || !self.reading_) return;
  assert(!given.empty());
  *space = {reinterpret_cast<char*>(given.data()), given.size()};
  self.asking_ = false;
}

void stream_socket::have_read(uv_stream_t* native, ssize_t count, const uv_buf_t*) noexcept {
  auto& self = *static_cast<stream_socket*>(static_cast<handle*>(native->data));
  callback end(self.loop());
  if (std::exchange(self.asking_, false)) {
    if (!self.is_open()) return self.begin_close();
    if (!self.reading_) uv_read_stop(native);
    return;
  }
  if (count == 0) return;  // nothing there after all
  if (count < 0) return self.read_ended(static_cast<int>(count));
  self.events_->on_data(static_cast<std::size_t>(count));
}

void stream_socket::read_ended(int status) {
  reading_ = false;
  uv_read_stop(native_stream());
  if (write_error_ != 0) status = write_error_;
  if (status == UV_EOF) status = unread_error(native_);
  if (status != UV_EOF) return tell_error(status);
  eof_ = true;
  events_->on_eof();
}

std::size_t stream_socket::try_write(std::array<std::span<const std::byte>, 2> bytes) {
  if (!is_open() || write_pending_ || shut_ || ended_ || write_error_ != 0) return 0;
  uv_buf_t parts[2];
  unsigned int count = 0;
  for (auto part : bytes) {
    if (part.empty()) continue;
    auto* data = reinterpret_cast<char*>(const_cast<std::byte*>(part.data()));
    parts[count++] = {data, part.size()};
  }
  if (count == 0) return 0;
  const int written = uv_try_write(native_stream(), parts, count);
  if (written >= 0) return static_cast<std::size_t>(written);
  if (written != UV_EAGAIN) write_failed(written);
  return 0;
}

void stream_socket::write(buffer bytes) {
  assert(!write_pending_);
  if (!is_open() || shut_ || ended_ || write_error_ != 0) return;
  writing_ = std::move(bytes);
  const uv_buf_t all = {reinterpret_cast<char*>(writing_.data()), writing_.size()};
  const int error = uv_write(&write_request_, native_stream(), &all, 1, have_written);
  if (error < 0) return write_failed(error);
  write_pending_ = true;
}

void stream_socket::have_written(uv_write_t* request, int status) noexcept {
  auto& self = *static_cast<stream_socket*>(static_cast<handle*>(request->handle->data));
  callback end(self.loop());
  self.write_pending_ = false;
  self.writing_.release();
  if (!self.is_open()) return;
  if (status < 0) return self.write_failed(status);
  if (self.events_) self.events_->on_written();
}

// A peer that answers, closes and resets while we still write has sent its answer before: what it
// has sent is read first, up to the end that must follow such an error.
void stream_socket::write_failed(int error) {
  if (write_error_ != 0) return;
  write_error_ = error;
  writing_.release();
  const bool reset = error == UV_EPIPE || error == UV_ECONNRESET;
  if (!reading_ || !reset) tell_error_later();
}

// Not from inside a call of the stream: a timer that expires in the next round.
void stream_socket::tell_error_later() {
  if (!ended_) arm(loop().now());
}

void stream_socket::expired() { tell_error(write_error_); }

void stream_socket::tell_error(int error) {
  if (!events_ || std::exchange(ended_, true)) return;
  disarm();
  stop_reading();
  events_->on_error(to_error_code(error));
}

void stream_socket::shutdown() {
  if (!is_open() || std::exchange(shut_, true)) return;
  // Where it fails the connection is gone, and reading tells.
  uv_shutdown(&shutdown_request_, native_stream(), [](uv_shutdown_t*, int) {});
}

void stream_socket::abort() {
  if (!is_open()) return;
  // As uv_tcp_close_reset, which refuses once a shutdown has begun.
  const linger reset = {1, 0};
  setsockopt(descriptor_of(native_), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close();
}

address stream_socket::local_address() const {
  return is_open() ? net::local_address_of(descriptor_of(native_)) : address();
}

std::size_t stream_socket::unsent() const noexcept {
  return uv_stream_get_write_queue_size(reinterpret_cast<const uv_stream_t*>(&native_));
}

address stream_socket::remote_address() const {
  if (peer_.sin6_family != AF_UNIX) {
    return net::to_address(reinterpret_cast<const sockaddr*>(&peer_),
                           peer_.sin6_family == AF_INET ? sizeof(sockaddr_in) : sizeof peer_);
  }
  return is_open() ? net::remote_address_of(descriptor_of(native_)) : address();
}

namespace {

class socket_stream final : public stream {
 public:
  explicit socket_stream(handle_owner<stream_socket> socket) noexcept
      : socket_(std::move(socket)) {}

  void set_events(stream_events* events) override { socket_->set_events(events); }
  void start_reading() override { socket_->start_reading(); }
  void stop_reading() override { socket_->stop_reading(); }
  std::size_t try_write(std::array<std::span<const std::byte>, 2> bytes) override {
    return socket_->try_write(bytes);
  }
  void write(buffer bytes) override { socket_->write(std::move(bytes)); }
  std::size_t unsent() const override { return socket_->unsent(); }
  void shutdown() override { socket_->shutdown(); }
  void abort() override { socket_->abort(); }
  address local_address() const override { return socket_->local_address(); }
  address remote_address() const override { return socket_->remote_address(); }

 private:
  handle_owner<stream_socket> socket_;
};

}  // namespace

std::unique_ptr<stream> make_stream(handle_owner<stream_socket> socket) {
  return std::make_unique<socket_stream>(std::move(socket));
}

std::unique_ptr<stream> make_stream(net::descriptor connected, const net::socket_address& peer) {
  handle_owner<stream_socket> socket(new stream_socket(loop::current()));
  if (const int error = socket->adopt(connected, peer); error < 0) {
    throw_system_error(to_error_code(error), "cannot watch a socket");
  }
  return make_stream(std::move(socket));
}

std::unique_ptr<stream> adopt_stream(int socket) {
  net::require_connected(socket);
  net::socket_address peer;
  ::getpeername(socket, peer.get(), &peer.size);
  return make_stream(net::take_over(socket), peer);
}

}  // namespace duplex::io
