// From whom a server believes the PROXY protocol.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/io/address.hpp>

#include "base/ip_network.hpp"

namespace duplex::detail {

/// Addresses and networks; without any, everybody.
class trusted_proxies {
 public:
  trusted_proxies() = default;
  /// Of `serve_options::trusted_proxies`. Throws std::invalid_argument that names what is wrong.
  explicit trusted_proxies(std::span<const std::string> list);

  bool contains(const address& peer) const noexcept;

 private:
  bool everybody_ = true;
  bool unix_ = false;
  std::vector<ip_network> networks_;
};

}  // namespace duplex::detail
