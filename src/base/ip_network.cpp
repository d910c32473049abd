// Networks of IP addresses, and addresses as text.
#include "base/ip_network.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace duplex::detail {
namespace {

// RFC 4291 section 2.5.5.2.
constexpr std::array<std::uint8_t, 12> mapped_start = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_mapped(const ip_address& ip) noexcept {
  return ip.size == 16 && std::equal(mapped_start.begin(), mapped_start.end(), ip.bytes.begin());
}

ip_address unmapped(const ip_address& ip) noexcept {
  if (!is_mapped(ip)) return ip;
  ip_address result;
  std::copy(ip.bytes.begin() + mapped_start.size(), ip.bytes.end(), result.bytes.begin());
  return result;
}

std::string ipv4_text(const ip_address& ip) {
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    text += (i == 0 ? "" : ".") + std::to_string(ip.bytes[i]);
  }
  return text;
}

// The longest run of at least two groups that are zero, the first of such (RFC 5952 section 4.2).
std::pair<std::size_t, std::size_t> gap_of(const std::array<unsigned, 8>& groups) {
  std::size_t best_at = 8, best = 1;
  for (std::size_t at = 0; at < 8; ++at) {
    std::size_t end = at;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - at <= best) continue;
    best_at = at;
    best = end - at;
  }
  return {best_at, best_at + best};
}

}  // namespace

std::string to_text(const ip_address& ip) {
  if (ip.size == 4) return ipv4_text(ip);
  if (is_mapped(ip)) return "::ffff:" + ipv4_text(unmapped(ip));
  std::array<unsigned, 8> groups = {};
  for (std::size_t i = 0; i < 8; ++i) {
    groups[i] = static_cast<unsigned>(ip.bytes[2 * i] << 8 | ip.bytes[2 * i + 1]);
  }
  const auto [gap, gap_end] = gap_of(groups);
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == gap) {
      text += "::";
      i = gap_end;
      if (i == 8) break;
    } else if (i > 0) {
      text += ':';
    }
    std::array<char, 4> digits;
    text.append(digits.data(), std::to_chars(digits.data(), digits.end(), groups[i], 16).ptr);
  }
  return text;
}

std::optional<ip_network> ip_network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto ip = parse_ip_address(text.substr(0, slash));
  if (!ip) return std::nullopt;
  ip_network network;
  network.address_ = *ip;
  network.prefix_ = 8 * ip->size;
  if (slash == std::string_view::npos) return network.unmapped();
  const auto digits = text.substr(slash + 1);
  std::size_t prefix = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (failure != std::errc() || end != digits.data() + digits.size() || prefix > network.prefix_) {
    return std::nullopt;
  }
  network.prefix_ = prefix;
  return network.unmapped();
}

// As addresses are compared: ::ffff:10.0.0.0/104 is 10.0.0.0/8.
std::optional<ip_network> ip_network::unmapped() const {
  if (!is_mapped(address_)) return *this;
  constexpr std::size_t mapped_bits = 8 * mapped_start.size();
  if (prefix_ < mapped_bits) return std::nullopt;  // more than IPv4, less than IPv6
  ip_network network;
  network.address_ = detail::unmapped(address_);
  network.prefix_ = prefix_ - mapped_bits;
  return network;
}

bool ip_network::contains(const ip_address& ip) const noexcept {
  return same_prefix(address_, detail::unmapped(ip), prefix_);
}

}  // namespace duplex::detail
