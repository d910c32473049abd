// Who may connect: bearer tokens (RFC 6750), wherever a client can put one.
#pragma once

#include <array>
#include <duplex/http.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::speech {

/// The subprotocol of live streams.
inline constexpr std::string_view stream_subprotocol = "duplex.speech.v1";

/// The tokens of a server. A request shows one as `Authorization: Bearer TOKEN`, as `token=TOKEN`
/// in its query, or, as pages can, as an offered subprotocol `bearer.TOKEN`, which is never the one
/// selected.
class bearer_tokens {
 public:
  explicit bearer_tokens(const std::vector<std::string>& tokens);

  /// Without tokens everybody may connect.
  bool empty() const { return digests_.empty(); }
  /// Whether it shows one of the tokens, or none is needed. Compared in a time that tells nothing
  /// of them.
  bool allow(const request& request) const;

 private:
  using digest = std::array<unsigned char, 32>;
  bool is_known(std::string_view token) const;
  static digest digest_of(std::string_view token);

  std::vector<digest> digests_;
};

}  // namespace duplex::speech
