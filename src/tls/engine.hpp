// One side of one TLS connection: ciphertext and plaintext in and out, no I/O of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <duplex/buffer.hpp>
#include <duplex/tls.hpp>

#include "tls/context.hpp"

namespace duplex::tls {

/// Bytes of plaintext in the largest record.
inline constexpr std::size_t record_size = 16 * 1024;

enum class side : unsigned char { server, client };

/// The state machine of a connection. What is read from the transport goes to `input_space`; then
/// `shake_hands`, or `read`, do what can be done with it. After every call `output` may hold bytes
/// for the transport, at the end and after a failure too.
///
/// What the peer does wrong is state: `failed`. Memory that runs out is a failure too. Without
/// input and output it holds no buffer.
class engine {
 public:
  /// `host`: a client's peer must prove to be that name or IP address.
  engine(std::shared_ptr<const context> shared, tls::side side, std::string host = {});
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  ~engine();

  // --- ciphertext in
  /// Where to read to: room for a record or more. Until `received` or `forget_space`.
  std::span<std::byte> input_space();
  void received(std::size_t count);
  /// The transport brings nothing more.
  void receive_eof() noexcept { eof_ = true; }
  /// Gives back the space where nothing was received.
  void forget_space() noexcept;
  /// Whether `read` may give something before more is received.
  bool has_input() const noexcept;

  // --- ciphertext out
  std::span<const std::byte> output() const noexcept { return output_.bytes().subspan(sent_); }
  void output_sent(std::size_t count) noexcept;
  /// All of it, for a transport that takes it whole.
  buffer take_output();

  // --- the handshake
  /// Goes on with it; true once it is done.
  bool shake_hands();

  // --- plaintext; once the handshake is done
  /// What there is, up to the size of the space; 0 where more input is needed, or at the end.
  std::size_t read(std::span<std::byte> to);
  /// Encrypts all of it to the output, in records of up to 16 KiB. False after a failure.
  bool write(std::span<const std::byte> bytes);
  /// Ends the own direction (close_notify); nothing can be written afterwards.
  void shut_down();

  // --- how it stands
  tls::side side() const noexcept { return side_; }
  bool open() const noexcept { return open_; }
  /// The peer has ended its direction.
  bool ended() const noexcept { return ended_; }
  bool failed() const noexcept { return static_cast<bool>(error_); }
  /// After a failure.
  std::error_code error() const noexcept { return error_; }
  /// The same in words; of a handshake only they tell what happened.
  const std::string& problem() const noexcept { return problem_; }
  /// After a failure of the handshake: throws duplex::tls_error, or std::system_error where it is
  /// the transport that ended.
  [[noreturn]] void throw_problem(const std::string& peer) const;
  /// What was agreed on; once the handshake is done.
  tls_info info() const;

 private:
  friend struct engine_callbacks;

  void check_first_bytes(std::span<const std::byte> bytes);
  void settle(int result);
  void fail(std::error_code error, std::string problem) noexcept;
  void fail_with_reason();
  void limit_answers(std::size_t output_before);

  std::shared_ptr<const context> context_;
  tls::side side_;
  std::string host_;
  ssl_ptr ssl_;
  buffer input_, output_;
  std::size_t input_size_ = 0;   // received; the rest of input_ is space
  std::size_t taken_ = 0;        // of the input
  std::size_t sent_ = 0;         // of the output
  std::size_t first_bytes_ = 0;  // checked, of the first two
  std::size_t answers_ = 0;      // bytes of output that reading made since there was none
  std::string refusal_;          // what was wrong with the peer's certificate
  std::error_code error_;
  std::string problem_;
  bool open_ = false, ended_ = false, eof_ = false, shut_ = false;
};

}  // namespace duplex::tls
