// A connection of TCP, with TLS or without, for bytes right and wrong: blocking, with a deadline on
// every wait.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "probe/target.hpp"
#include "probe/tls.hpp"

namespace duplex::probe {

/// One connection to the target. Whatever the server does, no call waits past its deadline, and no
/// more than `input_max` bytes of it are kept.
class peer {
 public:
  static constexpr std::size_t input_max = std::size_t{96} << 20;

  enum class outcome {
    data,     ///< there is more input
    end,      ///< the server sent all it will; with TLS it may have said so, or just ended TCP
    reset,    ///< the connection broke
    timeout,  ///< the deadline passed
    flood,    ///< the server sends without end
  };

  /// Connects. Throws std::system_error where no address answers in time, std::runtime_error where
  /// TLS does not come about.
  peer(const target& target, time_point deadline);
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;
  ~peer();

  /// Writes all of the bytes; keeps what comes meanwhile, so that neither side waits for the
  /// other. False where the server does not take them: what it said before can still be read.
  bool write(std::string_view bytes, time_point deadline);
  /// Tells the server that nothing more will be written.
  void finish_writing();

  /// Waits for more input.
  outcome read(time_point deadline);
  /// What came and was not consumed.
  std::string_view input() const noexcept { return std::string_view(input_).substr(consumed_); }
  void consume(std::size_t count);
  /// Puts bytes back before the rest of the input.
  void unread(std::string_view bytes);

 private:
  peer() = default;
  void start_tls(const target& target, time_point deadline);
  bool connect_to(const socket_address& to, time_point deadline);
  short wait(short events, time_point deadline) const;
  bool write_bytes(std::string_view bytes, time_point deadline);
  void receive();
  void unseal();

  int socket_ = -1;
  std::optional<tls_session> tls_;
  std::string input_;
  std::size_t consumed_ = 0;
  outcome ended_ = outcome::data;  // end or reset, once it came
};

}  // namespace duplex::probe
