// Requests and responses of opening handshakes, right and with one thing changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <duplex/http.hpp>

namespace duplex::test {

using fields = std::vector<headers::field>;

/// The headers of the request of RFC 6455 section 1.3 that a server needs.
inline const fields& request_fields() {
  static const fields all{{"Host", "example.com"},
                          {"Upgrade", "websocket"},
                          {"Connection", "Upgrade"},
                          {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                          {"Sec-WebSocket-Version", "13"}};
  return all;
}

/// The headers of its response.
inline const fields& response_fields() {
  static const fields all{{"Upgrade", "websocket"},
                          {"Connection", "Upgrade"},
                          {"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}};
  return all;
}

/// Those fields with one line for each value in the place of those of that name.
inline fields with(const fields& good, std::string_view name,
                   const std::vector<std::string>& values) {
  fields all;
  for (const auto& each : good) {
    if (each.first != name) all.push_back(each);
  }
  for (const auto& value : values) all.emplace_back(name, value);
  return all;
}

/// A first line and headers, unchecked, in bytes.
inline std::string head_bytes(std::string_view first_line, const fields& all) {
  std::string bytes = std::string(first_line) + "\r\n";
  for (const auto& [name, value] : all) bytes += name + ": " + value + "\r\n";
  return bytes + "\r\n";
}

}  // namespace duplex::test
