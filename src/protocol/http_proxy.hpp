// CONNECT, which makes an HTTP proxy a tunnel (RFC 9110 section 9.3.6).
#pragma once

#include <optional>
#include <string>

#include <duplex/http.hpp>
#include <duplex/protocol/http1.hpp>

#include "protocol/proxy_handshake.hpp"

namespace duplex::protocol {

class http_proxy_handshake final : public proxy_handshake {
 public:
  http_proxy_handshake(const detail::proxy& proxy, const std::string& host, std::uint16_t port,
                       std::optional<std::string> user_agent);

 private:
  std::size_t take_in(std::span<const std::byte> bytes) override;
  void end() override;

  void fail_at(const std::string& problem);
  void check_first_line();
  void skip_interim_responses();
  void finish_head();
  void finish_body();

  http1_limits limits_;
  http1_head_reader reader_;
  std::optional<http1_body_reader> body_;  // of a refusal
  response refusal_;
  int interim_responses_ = 0;
  bool first_line_fits_ = false;
};

}  // namespace duplex::protocol
