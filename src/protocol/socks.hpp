// SOCKS 4, 4a and 5 (RFC 1928, RFC 1929), a client's side.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "protocol/proxy_handshake.hpp"

namespace duplex::protocol {

/// SOCKS 4, and 4a where the host is a name. The user name of the credentials is the user's id.
class socks4_handshake final : public proxy_handshake {
 public:
  socks4_handshake(const detail::proxy& proxy, const std::string& host, std::uint16_t port);

 private:
  std::size_t take_in(std::span<const std::byte> bytes) override;
  void end() override;

  std::string reply_;
};

/// SOCKS 5, without authentication or with a user name and a password.
class socks5_handshake final : public proxy_handshake {
 public:
  socks5_handshake(const detail::proxy& proxy, const std::string& host, std::uint16_t port);

 private:
  enum class step : unsigned char { method, authentication, connection };

  std::size_t take_in(std::span<const std::byte> bytes) override;
  void end() override;

  std::size_t reply_size() const;
  void check_reply();
  void finish_reply();
  void choose_method(unsigned char method);

  std::optional<std::pair<std::string, std::string>> credentials_;
  std::string request_;  // for the server, sent once the proxy knows who asks
  std::string reply_;    // as far as it has come, of this step
  step step_ = step::method;
};

}  // namespace duplex::protocol
