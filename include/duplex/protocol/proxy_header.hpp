// The header a proxy sends before what it relays: the PROXY protocol, versions 1 and 2.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include <duplex/io/address.hpp>

namespace duplex::protocol {

/// Reads one header, as HAProxy's "The PROXY protocol" describes it, from bytes in pieces of any
/// size, and not a byte of what follows it.
///
///     while (auto count = header.wanted()) header.receive_data(read_at_most(count));
///     if (!header.problem().empty()) refuse();
class proxy_header {
 public:
  /// How many bytes surely belong to the header and have not come yet; 0: it is complete, or it is
  /// none.
  std::size_t wanted() const noexcept;
  /// At least one byte and at most `wanted`.
  void receive_data(std::span<const std::byte> bytes);

  /// Why it is no header ("it begins with something else"); empty: nothing is wrong with it so far.
  const std::string& problem() const noexcept { return problem_; }
  /// Who connected to the proxy, and where to; nullopt where the proxy speaks for itself (LOCAL,
  /// its health checks) or does not know (UNKNOWN).
  const std::optional<address>& source() const noexcept { return source_; }
  const std::optional<address>& destination() const noexcept { return destination_; }

 private:
  bool is_binary() const noexcept;
  void parse_text();
  void parse_binary();
  void parse_binary_start();

  std::string bytes_;
  std::size_t size_ = 0;  // of version 2, without what is skipped; 0: not known yet
  std::size_t skip_ = 0;  // bytes behind that: the extensions (TLV), or an address of no use
  bool complete_ = false;
  std::string problem_;
  std::optional<address> source_, destination_;
};

}  // namespace duplex::protocol
