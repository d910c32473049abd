#include "speech/server/access.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <duplex/protocol/header_grammar.hpp>
#include <optional>

namespace duplex::speech {
namespace {

constexpr std::string_view subprotocol_prefix = "bearer.";

// "Bearer TOKEN" (RFC 6750 section 2.1; the scheme in any case, RFC 9110 section 11.1).
std::optional<std::string_view> token_of_header(const request& request) {
  constexpr std::string_view scheme = "Bearer ";
  const auto value = request.headers.get("Authorization");
  if (!value || !equal_ignoring_case(value->substr(0, scheme.size()), scheme)) return std::nullopt;
  return value->substr(scheme.size());
}

// What a query says (RFC 6750 section 2.3), percent-decoded as far as it is right.
std::optional<std::string> token_of_query(const request& request) {
  std::string_view rest = request.query();
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    if (!field.starts_with("token=")) continue;
    std::string token;
    for (std::size_t i = 6; i < field.size(); ++i) {
      unsigned char byte = 0;
      if (field[i] == '%' && i + 2 < field.size() &&
          std::from_chars(&field[i + 1], &field[i + 3], byte, 16).ptr == &field[i + 3]) {
        token += static_cast<char>(byte);
        i += 2;
      } else {
        token += field[i];
      }
    }
    return token;
  }
  return std::nullopt;
}

}  // namespace

bearer_tokens::bearer_tokens(const std::vector<std::string>& tokens) {
  for (const std::string& each : tokens) digests_.push_back(digest_of(each));
}

bool bearer_tokens::allow(const request& request) const {
  if (empty()) return true;
  if (const auto token = token_of_header(request); token && is_known(*token)) return true;
  if (const auto token = token_of_query(request); token && is_known(*token)) return true;
  for (const std::string_view each :
       protocol::parse_list(request.headers, "Sec-WebSocket-Protocol")) {
    if (each.starts_with(subprotocol_prefix) && is_known(each.substr(subprotocol_prefix.size())))
      return true;
  }
  return false;
}

// Digests are all of one length, and nothing of a token follows from how far two are equal.
bool bearer_tokens::is_known(std::string_view token) const {
  const digest given = digest_of(token);
  bool known = false;
  for (const digest& each : digests_) {
    known |= CRYPTO_memcmp(each.data(), given.data(), given.size()) == 0;
  }
  return known;
}

bearer_tokens::digest bearer_tokens::digest_of(std::string_view token) {
  digest result;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), result.data());
  return result;
}

}  // namespace duplex::speech
