// WebSocket URIs (RFC 6455 section 3, RFC 3986).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace duplex {

/// A parsed `ws` or `wss` URI.
class uri {
 public:
  /// Throws invalid_uri: other schemes, no host, a bad port, a fragment, control characters or
  /// spaces.
  explicit uri(std::string_view text);

  bool secure() const noexcept { return secure_; }
  /// Without the brackets of an IPv6 literal; lower case.
  const std::string& host() const noexcept { return host_; }
  std::uint16_t port() const noexcept { return port_; }
  /// Path and query; `/` where the URI has no path.
  const std::string& target() const noexcept { return target_; }
  /// User name and password, percent-decoded.
  const std::optional<std::pair<std::string, std::string>>& userinfo() const noexcept {
    return userinfo_;
  }
  void take_userinfo(const uri& from) { userinfo_ = from.userinfo_; }
  /// What the Host header says: brackets kept, a default port left out.
  std::string host_header() const;
  /// The whole URI without userinfo.
  std::string str() const;

 private:
  std::string host_, target_ = "/";
  std::optional<std::pair<std::string, std::string>> userinfo_;
  std::uint16_t port_ = 80;
  bool secure_ = false;
};

}  // namespace duplex
