// An engine of TLS between the calls of a transport and those of the one below.
#include "sync/tls_transport.hpp"

#include <algorithm>
#include <utility>

#include <duplex/error.hpp>

namespace duplex::sync {
namespace {

// Plaintext that is encrypted and written at once; with what TLS adds it fits a block of 64 KiB.
constexpr std::size_t batch_size = 3 * tls::record_size;

class tls_transport final : public transport {
 public:
  tls_transport(std::unique_ptr<transport> below, std::unique_ptr<tls::engine> engine)
      : below_(std::move(below)), engine_(std::move(engine)) {}

  void shake_hands(const std::string& peer, std::optional<clock::time_point> deadline);

  int descriptor() const noexcept override { return below_->descriptor(); }
  transfer read_some(std::span<std::byte> to) noexcept override;
  transfer write_some(const std::array<std::span<const std::byte>, 2>& bytes) noexcept override;
  bool has_input() const noexcept override {
    return engine_->has_input() || (over() && !end_told_) || below_->has_input();
  }
  std::size_t unsent() const noexcept override {
    return engine_->output().size() + below_->unsent();
  }
  std::error_code error() const noexcept override {
    return engine_->failed() ? engine_->error() : below_->error();
  }
  std::shared_ptr<const tls_info> tls() const override { return info_; }
  void shut_down() noexcept override { below_->shut_down(); }
  void reset_at_close() noexcept override { below_->reset_at_close(); }
  void close() noexcept override;

 private:
  bool over() const noexcept { return engine_->ended() || engine_->failed(); }
  bool receive();
  bool send_output() noexcept;

  std::unique_ptr<transport> below_;
  std::unique_ptr<tls::engine> engine_;
  std::shared_ptr<const tls_info> info_;
  bool end_told_ = false;
};

void tls_transport::shake_hands(const std::string& peer,
                                std::optional<clock::time_point> deadline) {
  for (;;) {
    const bool done = engine_->shake_hands();
    send_output();
    if (done) break;
    if (engine_->failed()) engine_->throw_problem(peer);
    pollfd event{.fd = descriptor(),
                 .events = static_cast<short>(has_output() ? POLLIN | POLLOUT : POLLIN),
                 .revents = 0};
    if (!below_->has_input()) wait_for_events({&event, 1}, deadline);
    receive();
    if (deadline && clock::now() >= *deadline) {
      throw timeout("TLS handshake with " + peer + " timed out");
    }
  }
  info_ = std::make_shared<const tls_info>(engine_->info());
}

// Whether there is anything new: bytes, or the end.
bool tls_transport::receive() {
  const auto read = below_->read_some(engine_->input_space());
  if (read.count != 0) engine_->received(read.count);
  if (read.ended) engine_->receive_eof();
  if (read.count == 0) engine_->forget_space();
  return read.count != 0 || read.ended;
}

transfer tls_transport::read_some(std::span<std::byte> to) noexcept {
  try {
    std::size_t count = engine_->read(to);
    // Once: a peer that sends what gives no bytes, such as new keys, holds up nobody.
    if (count == 0 && !over() && receive()) count = engine_->read(to);
    send_output();  // answers of TLS itself
    if (count != 0 || !over()) return {.count = count};
  } catch (...) {  // no memory
  }
  end_told_ = true;
  return {.ended = true};
}

transfer tls_transport::write_some(
    const std::array<std::span<const std::byte>, 2>& bytes) noexcept {
  transfer written;
  try {
    written.ended = !send_output();
    for (auto part : bytes) {
      while (!part.empty() && !written.ended && !has_output()) {
        const auto next = part.first(std::min(part.size(), batch_size));
        written.ended = !engine_->write(next) || !send_output();
        if (!written.ended) written.count += next.size();
        part = part.subspan(next.size());
      }
    }
  } catch (...) {  // no memory
    written.ended = true;
  }
  return written;
}

// False where the transport takes no more, ever.
bool tls_transport::send_output() noexcept {
  while (has_output()) {
    const auto written = below_->write_some({engine_->output(), {}});
    if (written.ended) return false;
    if (written.count == 0) return true;
    engine_->output_sent(written.count);
  }
  return true;
}

void tls_transport::close() noexcept {
  // The answer to the peer's end, where nothing was cut off (RFC 5246 section 7.2.1).
  if (descriptor() >= 0 && engine_->ended() && !has_output()) {
    engine_->shut_down();
    send_output();
  }
  below_->close();
}

}  // namespace

std::unique_ptr<transport> open_tls(std::unique_ptr<transport> below,
                                    std::unique_ptr<tls::engine> engine, const std::string& peer,
                                    std::optional<clock::time_point> deadline) {
  auto opened = std::make_unique<tls_transport>(std::move(below), std::move(engine));
  opened->shake_hands(peer, deadline);
  return opened;
}

}  // namespace duplex::sync
