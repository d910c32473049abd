// Basic authentication of a server's requests.
#include <algorithm>
#include <duplex/basic_auth.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/handshake.hpp>
#include <duplex/log.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "protocol/crypto.hpp"

namespace duplex {
namespace {

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// RFC 7617 section 2: base64 of "user-id:password", neither with control characters.
std::optional<credentials> given_credentials(const request& request) {
  constexpr std::string_view scheme = "Basic ";
  const auto value = request.headers.get("Authorization").value_or("");
  if (!equal_ignoring_case(value.substr(0, scheme.size()), scheme)) return std::nullopt;
  const auto start = std::min(value.find_first_not_of(' ', scheme.size()), value.size());
  const auto text = protocol::base64_decode(value.substr(start));
  if (!text || has_control_character(*text)) return std::nullopt;
  const auto colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return credentials{text->substr(0, colon), text->substr(colon + 1)};
}

// Compares with every one of them, whatever is found before.
bool is_one_of(const std::vector<credentials>& accepted, std::string_view username,
               std::string_view password) {
  bool found = false;
  for (const auto& each : accepted) {
    const bool same_name = protocol::equal_in_constant_time(each.username, username);
    const bool same_password = protocol::equal_in_constant_time(each.password, password);
    found |= same_name & same_password;
  }
  return found;
}

task<std::optional<response>> authenticate(handshake& peer, const request& request,
                                           const std::string& challenge,
                                           const credential_check& check) {
  const auto given = given_credentials(request);
  bool right = false;
  if (given) {
    if (const auto* plain = std::get_if<credential_check::plain>(&check.function())) {
      right = (*plain)(given->username, given->password);
    } else {
      auto checking =
          std::get<credential_check::coroutine>(check.function())(given->username, given->password);
      const bool found = co_await checking;
      right = found;
    }
  }
  if (right) {
    peer.username = given->username;
    co_return std::nullopt;
  }
  auto refusal =
      respond(401, given ? "wrong name or password\n" : "name and password are missing\n");
  refusal.headers.add("WWW-Authenticate", challenge);
  co_return refusal;
}

}  // namespace

request_step basic_auth(std::string realm, std::vector<credentials> accepted) {
  if (accepted.empty()) throw std::invalid_argument("basic_auth needs credentials");
  for (const auto& [username, password] : accepted) {
    if (username.empty() || username.find(':') != std::string::npos ||
        has_control_character(username)) {
      throw std::invalid_argument("a name of basic_auth must be without colons, got '" +
                                  escaped(username) + "'");
    }
  }
  return basic_auth(std::move(realm), [accepted = std::move(accepted)](std::string_view username,
                                                                       std::string_view password) {
    return is_one_of(accepted, username, password);
  });
}

request_step basic_auth(std::string realm, credential_check check) {
  if (!check) throw std::invalid_argument("basic_auth needs a check");
  if (has_control_character(realm) || realm.find_first_of("\"\\") != std::string::npos) {
    throw std::invalid_argument("the realm of basic_auth must be text without quotes, got '" +
                                escaped(realm) + "'");
  }
  return [challenge = "Basic realm=\"" + realm + "\", charset=\"UTF-8\"", check = std::move(check)](
             handshake& peer, const request& request) {
    return authenticate(peer, request, challenge, check);
  };
}

}  // namespace duplex
