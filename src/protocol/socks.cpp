// The messages of SOCKS: short, of fixed form, one after the other.
#include "protocol/socks.hpp"

#include <algorithm>
#include <array>

#include <duplex/error.hpp>

#include "base/ip_address.hpp"

namespace duplex::protocol {
namespace {

constexpr std::size_t length_max = 255;  // one byte says how long a text is

// RFC 1928 section 3
constexpr unsigned char no_authentication = 0x00;
constexpr unsigned char user_and_password = 0x02;
constexpr unsigned char no_acceptable_method = 0xFF;

// RFC 1928 section 5
constexpr unsigned char ipv4_address = 0x01;
constexpr unsigned char domain_name = 0x03;
constexpr unsigned char ipv6_address = 0x04;

void append(std::string& to, std::initializer_list<unsigned> bytes) {
  for (const unsigned byte : bytes) to += static_cast<char>(byte);
}

void append_port(std::string& to, std::uint16_t port) { append(to, {port / 256u, port % 256u}); }

void append(std::string& to, const detail::ip_address& address) {
  for (std::size_t i = 0; i < address.size; ++i) append(to, {address.bytes[i]});
}

void append_with_length(std::string& to, std::string_view text) {
  append(to, {static_cast<unsigned>(text.size())});
  to += text;
}

unsigned char byte_of(const std::string& reply, std::size_t at) {
  return static_cast<unsigned char>(reply[at]);
}

// RFC 1928 section 6
std::string describe_socks5(unsigned char code) {
  constexpr std::array<std::string_view, 9> texts{"succeeded",
                                                  "general SOCKS server failure",
                                                  "connection not allowed by ruleset",
                                                  "network unreachable",
                                                  "host unreachable",
                                                  "connection refused",
                                                  "TTL expired",
                                                  "command not supported",
                                                  "address type not supported"};
  if (code < texts.size()) return std::string(texts[code]);
  return "unknown reply " + std::to_string(code);
}

std::string describe_socks4(unsigned char code) {
  switch (code) {
    case 91:
      return "request rejected or failed";
    case 92:
      return "the proxy cannot reach the client's identd";
    case 93:
      return "the client's identd names another user";
    default:
      return "unknown reply " + std::to_string(code);
  }
}

// Takes what is missing of a message of that size.
std::size_t take_up_to(std::size_t size, std::string& to, std::span<const std::byte> bytes) {
  const auto part = bytes.first(std::min(size - to.size(), bytes.size()));
  to.append(reinterpret_cast<const char*>(part.data()), part.size());
  return part.size();
}

proxy_error ended_too_early(const std::string& proxy) {
  return proxy_error("the connection ended before SOCKS " + proxy + " answered", true);
}

}  // namespace

// --- SOCKS 4: https://www.openssh.com/txt/socks4.protocol and socks4a.protocol

socks4_handshake::socks4_handshake(const detail::proxy& proxy, const std::string& host,
                                   std::uint16_t port)
    : proxy_handshake(proxy.name()) {
  const auto address = detail::parse_ip_address(host);
  if (address && address->size != 4) {
    throw proxy_error("SOCKS 4 " + name() + " cannot be asked for IPv6 address " + host);
  }
  std::string request;
  append(request, {0x04, 0x01});
  append_port(request, port);
  // Of a name, an address that cannot be: 4a puts the name behind the user.
  append(request, address.value_or(detail::ip_address{.bytes = {0, 0, 0, 1}}));
  if (proxy.credentials) request += proxy.credentials->first;
  request += '\0';
  if (!address) request.append(host).append(1, '\0');
  send(request);
}

std::size_t socks4_handshake::take_in(std::span<const std::byte> bytes) {
  constexpr std::size_t reply_size = 8;
  constexpr unsigned char granted = 90;
  const std::size_t taken = take_up_to(reply_size, reply_, bytes);
  if (!reply_.empty() && byte_of(reply_, 0) != 0) {
    fail(proxy_error(name() + " does not speak SOCKS 4"));
  } else if (reply_.size() > 1 && byte_of(reply_, 1) != granted) {
    const unsigned char code = byte_of(reply_, 1);
    fail(proxy_error("SOCKS " + name() + " rejected connection: " + describe_socks4(code),
                     code == 91));
  } else if (reply_.size() == reply_size) {
    finish();
  }
  return taken;
}

void socks4_handshake::end() { fail(ended_too_early(name())); }

// --- SOCKS 5

socks5_handshake::socks5_handshake(const detail::proxy& proxy, const std::string& host,
                                   std::uint16_t port)
    : proxy_handshake(proxy.name()), credentials_(proxy.credentials) {
  append(request_, {0x05, 0x01, 0x00});
  if (const auto address = detail::parse_ip_address(host)) {
    append(request_, {address->size == 4 ? ipv4_address : ipv6_address});
    append(request_, *address);
  } else {
    if (host.size() > length_max) throw proxy_error("host is too long for SOCKS: " + host);
    append(request_, {domain_name});
    append_with_length(request_, host);
  }
  append_port(request_, port);

  std::string greeting;
  if (credentials_) {
    append(greeting, {0x05, 2, no_authentication, user_and_password});
  } else {
    append(greeting, {0x05, 1, no_authentication});
  }
  send(greeting);
}

std::size_t socks5_handshake::take_in(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  while (!done() && !failure()) {
    const std::size_t more = take_up_to(reply_size(), reply_, bytes.subspan(taken));
    taken += more;
    check_reply();
    if (!failure() && reply_.size() == reply_size()) {
      finish_reply();
    } else if (more == 0) {
      break;
    }
  }
  return taken;
}

void socks5_handshake::end() { fail(ended_too_early(name())); }

// As far as what has come tells it.
std::size_t socks5_handshake::reply_size() const {
  if (step_ != step::connection) return 2;
  constexpr std::size_t before_address = 4, port_size = 2;
  if (reply_.size() < before_address) return before_address;
  const unsigned char type = byte_of(reply_, 3);
  if (type == ipv4_address) return before_address + 4 + port_size;
  if (type == ipv6_address) return before_address + 16 + port_size;
  if (reply_.size() == before_address) return before_address + 1;
  return before_address + 1 + byte_of(reply_, 4) + port_size;
}

// Fails as soon as what has come is wrong.
void socks5_handshake::check_reply() {
  if (reply_.empty()) return;
  // RFC 1929 section 2 numbers its messages on its own.
  const unsigned char version = step_ == step::authentication ? 0x01 : 0x05;
  if (byte_of(reply_, 0) != version) return fail(proxy_error(name() + " does not speak SOCKS 5"));
  if (reply_.size() < 2) return;
  const unsigned char code = byte_of(reply_, 1);
  if (step_ == step::authentication && code != 0) {
    fail(proxy_error("SOCKS " + name() + " rejected the user name or the password"));
  } else if (step_ == step::connection && code != 0) {
    const bool may_pass = code == 1 || (code >= 3 && code <= 6);
    fail(proxy_error("SOCKS " + name() + " rejected connection: " + describe_socks5(code),
                     may_pass));
  } else if (step_ == step::connection && reply_.size() > 3) {
    const unsigned char type = byte_of(reply_, 3);
    if (type == ipv4_address || type == domain_name || type == ipv6_address) return;
    fail(proxy_error("SOCKS " + name() + " answered with an unknown type of address"));
  }
}

void socks5_handshake::finish_reply() {
  const std::string reply = std::exchange(reply_, {});
  if (step_ == step::connection) return finish();
  if (step_ == step::method) return choose_method(byte_of(reply, 1));
  step_ = step::connection;
  send(request_);
}

void socks5_handshake::choose_method(unsigned char method) {
  if (method == no_authentication) {
    step_ = step::connection;
    send(request_);
  } else if (method == user_and_password && credentials_) {
    step_ = step::authentication;
    std::string message;
    append(message, {0x01});
    append_with_length(message, credentials_->first);
    append_with_length(message, credentials_->second);
    send(message);
  } else if (method == no_acceptable_method && !credentials_) {
    fail(proxy_error("SOCKS " + name() + " requires authentication"));
  } else if (method == no_acceptable_method) {
    fail(proxy_error("SOCKS " + name() + " accepts no user name and password"));
  } else {
    fail(proxy_error("SOCKS " + name() + " chose a method of authentication that was not offered"));
  }
}

}  // namespace duplex::protocol
