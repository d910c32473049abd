// A stream's calls and events on one side, a transport's on the other, and an engine between them.
#include "io/tls_stream.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <string>
#include <utility>

#include <duplex/coro/wait.hpp>
#include <duplex/io/loop.hpp>

#include "io/error.hpp"

namespace duplex::io {
namespace {

// Plaintext that is encrypted and written at once; with what TLS adds it fits a block of 64 KiB.
constexpr std::size_t batch_size = 3 * tls::record_size;

// How long a peer whose handshake was refused may take to hear why, and how much it may send.
constexpr auto farewell_time = std::chrono::seconds(1);
constexpr std::size_t farewell_bytes = 256 * 1024;

// Outlives its stream for as long as an event of the transport is told, so that an event of its own
// may destroy the stream.
class tls_socket final : public std::enable_shared_from_this<tls_socket>,
                         private stream_events,
                         private coro::deferred {
 public:
  tls_socket(io::loop& loop, std::unique_ptr<stream> transport, std::unique_ptr<tls::engine> engine)
      : deferred(loop), transport_(std::move(transport)), engine_(std::move(engine)) {}

  // --- the handshake
  void begin() {
    transport_->set_events(this);
    transport_->start_reading();
    shake_hands();
  }
  bool open() const { return engine_->open() && !transport_error_; }
  bool handshake_over() const { return engine_->open() || engine_->failed() || transport_error_; }
  bool transport_over() const { return transport_eof_ || transport_error_; }
  coro::wait_queue& waiting() noexcept { return waiting_; }
  void refuse();
  std::size_t discarded() const noexcept { return discarded_; }
  [[noreturn]] void throw_problem(const std::string& peer) const;

  // --- the calls of the stream
  void set_events(stream_events* events) {
    if (!events) stop_reading();
    events_ = events;
  }
  void start_reading();
  void stop_reading() {
    reading_ = false;
    transport_->stop_reading();
  }
  std::size_t try_write(std::array<std::span<const std::byte>, 2> bytes);
  void write(buffer bytes);
  std::size_t unsent() const;
  void shutdown() {
    shut_ = true;
    shut_down_transport();
  }
  void abort() {
    forget();
    transport_->abort();
  }
  void close();
  const stream& transport() const { return *transport_; }
  std::shared_ptr<const tls_info> info() const { return info_; }
  void keep_info() { info_ = std::make_shared<const tls_info>(engine_->info()); }

 private:
  // of the transport
  std::span<std::byte> read_space() override;
  void on_data(std::size_t count) override;
  void on_eof() override;
  void on_error(std::error_code error) override;
  void on_written() override;
  void run_deferred() override;

  template <class Function>
  void guard(Function function) noexcept;
  void shake_hands();
  void deliver();
  void deliver_once();
  void push();
  void send_output();
  void shut_down_transport();
  void tell_written();
  void tell_error(std::error_code error);
  bool may_write() const { return !shut_ && !ended_ && !engine_->failed(); }
  void forget() {
    ended_ = true;
    reading_ = false;
    events_ = nullptr;
  }

  std::unique_ptr<stream> transport_;
  std::unique_ptr<tls::engine> engine_;
  std::shared_ptr<const tls_info> info_;
  stream_events* events_ = nullptr;
  coro::wait_queue waiting_;  // for the handshake
  std::error_code transport_error_;
  buffer writing_;  // given to `write`; from written_ on not yet encrypted
  std::size_t written_ = 0;
  std::size_t discarded_ = 0;
  bool write_pending_ = false;      // on_written is owed
  bool transport_writing_ = false;  // its on_written will come
  bool transport_eof_ = false;
  bool reading_ = false;
  bool delivering_ = false;
  bool put_off_ = false;  // run_deferred, until that is over
  bool eof_ = false;      // told
  bool shut_ = false;     // nothing more is taken
  bool transport_shut_ = false;
  bool ended_ = false;  // the error was told, or nothing more may be
};

// Of what the loop calls: an exception, of memory that ran out, has nowhere to go.
template <class Function>
void tls_socket::guard(Function function) noexcept {
  const auto self = shared_from_this();
  try {
    function();
  } catch (...) {
    delivering_ = false;
    if (!transport_) return;
    transport_->stop_reading();
    on_error(std::make_error_code(std::errc::not_enough_memory));
  }
}

// --- the handshake

void tls_socket::shake_hands() {
  engine_->shake_hands();
  send_output();
  if (!handshake_over()) return;
  transport_->stop_reading();
  waiting_.wake_all();
}

// Says why, and goes on to read: unread bytes at the close would reset what was said.
void tls_socket::refuse() {
  if (transport_over()) return;
  transport_shut_ = true;
  transport_->shutdown();
  transport_->start_reading();
}

void tls_socket::throw_problem(const std::string& peer) const {
  if (engine_->failed()) engine_->throw_problem(peer);
  throw_system_error(transport_error_, "TLS handshake with " + peer + " failed");
}

// --- reading

void tls_socket::start_reading() {
  if (ended_ || eof_) return;
  reading_ = true;
  if (engine_->has_input() || engine_->failed() || engine_->ended() || transport_over()) {
    defer();  // not from inside this call
  } else {
    transport_->start_reading();
  }
}

std::span<std::byte> tls_socket::read_space() {
  std::span<std::byte> space;
  guard([&] {
    space = engine_->input_space();
    defer();  // where nothing comes, the space is given back
  });
  return space;
}

void tls_socket::on_data(std::size_t count) {
  guard([&] {
    const bool refused = engine_->failed();
    engine_->received(count);
    if (engine_->open()) return deliver();
    if (!refused) return shake_hands();
    discarded_ += count;
    if (discarded_ <= farewell_bytes) return;
    transport_->stop_reading();
    waiting_.wake_all();
  });
}

void tls_socket::on_eof() {
  guard([&] {
    transport_eof_ = true;
    engine_->receive_eof();
    if (engine_->open()) return deliver();
    engine_->shake_hands();
    waiting_.wake_all();
  });
}

void tls_socket::on_error(std::error_code error) {
  transport_error_ = error;
  waiting_.wake_all();
  tell_error(error);
}

void tls_socket::deliver() {
  if (delivering_) return;  // it goes on by itself
  delivering_ = true;
  while (reading_ && (engine_->has_input() || transport_eof_ || engine_->ended())) deliver_once();
  delivering_ = false;
  if (!transport_) return;
  if (std::exchange(put_off_, false)) defer();
  send_output();  // answers of TLS itself
  if (engine_->failed() && reading_) return tell_error(engine_->error());
  if (reading_) transport_->start_reading();
}

void tls_socket::deliver_once() {
  if (!engine_->ended()) {
    stream_events* const asked = events_;
    const auto space = asked->read_space();
    if (events_ != asked || !reading_) return;
    assert(!space.empty());
    if (const auto count = engine_->read(space)) return events_->on_data(count);
  }
  if (engine_->failed()) {
    send_output();  // an alert
    tell_error(engine_->error());
  } else if (engine_->ended()) {
    stop_reading();
    eof_ = true;
    events_->on_eof();
  }
}

void tls_socket::tell_error(std::error_code error) {
  if (!events_ || ended_) return;
  auto* const told = events_;
  stop_reading();
  ended_ = true;
  told->on_error(error);
}

void tls_socket::run_deferred() {
  if (!transport_) return;
  put_off_ = delivering_;  // an event runs the loop
  if (put_off_) return;
  guard([&] {
    if (engine_->open() && reading_) deliver();
    if (transport_ && engine_->failed()) tell_error(engine_->error());
    if (transport_ && transport_error_) tell_error(transport_error_);
    if (transport_) engine_->forget_space();
    if (transport_ && write_pending_) tell_written();
    if (transport_) shut_down_transport();
  });
}

// --- writing

std::size_t tls_socket::try_write(std::array<std::span<const std::byte>, 2> bytes) {
  std::size_t total = 0;
  for (auto part : bytes) {
    while (!part.empty() && may_write() && !write_pending_ && !transport_writing_) {
      const auto next = part.first(std::min(part.size(), batch_size));
      if (!engine_->write(next)) {
        defer();
        return total;
      }
      total += next.size();
      part = part.subspan(next.size());
      if (engine_->output().size() >= batch_size) send_output();
    }
  }
  send_output();
  return total;
}

void tls_socket::write(buffer bytes) {
  assert(!write_pending_);
  if (!may_write()) return;
  writing_ = std::move(bytes);
  written_ = 0;
  write_pending_ = true;
  push();
  if (!transport_writing_) defer();  // all of it has left, but not to be told from inside this call
}

// Encrypts as much of what was given to `write` as the transport takes.
void tls_socket::push() {
  while (written_ < writing_.size() && !transport_writing_) {
    const auto rest = writing_.bytes().subspan(written_);
    const auto next = rest.first(std::min(rest.size(), batch_size));
    if (!engine_->write(next)) return defer();
    written_ += next.size();
    send_output();
  }
}

void tls_socket::send_output() {
  if (!transport_ || transport_writing_ || transport_shut_ || engine_->output().empty()) return;
  engine_->output_sent(transport_->try_write({engine_->output(), {}}));
  if (engine_->output().empty()) return;
  transport_writing_ = true;
  transport_->write(engine_->take_output());
}

void tls_socket::on_written() {
  guard([&] {
    transport_writing_ = false;
    send_output();
    push();
    tell_written();
    if (transport_) shut_down_transport();
  });
}

void tls_socket::tell_written() {
  if (transport_writing_ || written_ < writing_.size()) return;
  writing_.release();
  written_ = 0;
  if (std::exchange(write_pending_, false) && events_ && !ended_) events_->on_written();
}

std::size_t tls_socket::unsent() const {
  return writing_.size() - written_ + engine_->output().size() + transport_->unsent();
}

// --- the end

void tls_socket::shut_down_transport() {
  const bool busy = write_pending_ || transport_writing_;
  if (!shut_ || busy || transport_shut_) return;
  engine_->shut_down();
  send_output();
  transport_shut_ = true;
  transport_->shutdown();
}

void tls_socket::close() {
  // The answer to the peer's end, where nothing was cut off (RFC 5246 section 7.2.1).
  const bool whole = eof_ && !shut_ && !ended_ && !write_pending_ && !transport_writing_;
  if (whole) {
    engine_->shut_down();
    transport_->try_write({engine_->output(), {}});
  }
  forget();
  transport_->set_events(nullptr);
  transport_.reset();
}

class tls_stream final : public stream {
 public:
  explicit tls_stream(std::shared_ptr<tls_socket> socket) noexcept : socket_(std::move(socket)) {}
  ~tls_stream() override { socket_->close(); }

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
  address local_address() const override { return socket_->transport().local_address(); }
  address remote_address() const override { return socket_->transport().remote_address(); }
  std::shared_ptr<const tls_info> tls() const override { return socket_->info(); }

 private:
  std::shared_ptr<tls_socket> socket_;
};

// Until the refused peer has heard why and closed; bounded.
task<> take_leave(io::loop& loop, tls_socket& socket, limit limit) {
  auto deadline = loop.now() + farewell_time;
  if (limit.deadline()) deadline = std::min(deadline, *limit.deadline());
  const duplex::limit bounded(deadline, limit.token());
  socket.refuse();
  while (!socket.transport_over() && socket.discarded() <= farewell_bytes) {
    coro::wait waiting(loop, socket.waiting(), bounded);
    auto reason = co_await waiting;
    if (reason != coro::wake_reason::woken) co_return;
  }
}

}  // namespace

task<std::unique_ptr<stream>> open_tls(std::unique_ptr<stream> transport,
                                       std::unique_ptr<tls::engine> engine, std::string peer,
                                       limit limit) {
  auto& loop = loop::current();
  const auto side = engine->side();
  auto socket = std::make_shared<tls_socket>(loop, std::move(transport), std::move(engine));
  auto opened = std::make_unique<tls_stream>(socket);
  socket->begin();
  while (!socket->handshake_over()) {
    coro::wait waiting(loop, socket->waiting(), limit);
    co_await waiting;
    if (!socket->handshake_over()) waiting.throw_if_limited("TLS handshake with " + peer);
  }
  if (socket->open()) {
    socket->keep_info();
    co_return opened;
  }
  if (side == tls::side::server) co_await take_leave(loop, *socket, limit);
  socket->throw_problem(peer);
}

}  // namespace duplex::io
