// Names and passwords asked of whoever connects (RFC 7617).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <duplex/handshake_steps.hpp>

namespace duplex {

/// A name and its password.
struct credentials {
  std::string username = {};
  std::string password = {};
};

/// Whether a name and a password are right: plain, or a coroutine that looks it up.
using credential_check = awaitable_function<bool, std::string_view, std::string_view>;

/// A step of process_request that lets pass who has one of these names and passwords, or whom the
/// check finds right, and sets `connection::username`. Everyone else gets 401 and is asked for them
/// in the name of the realm. The given ones are compared in a time that tells nothing of them.
///
///     .process_request = basic_auth("the lab", {{"ada", "secret"}, {"bob", "hidden"}})
///
/// Over anything but TLS who listens learns the password. std::invalid_argument for a realm with
/// quotes or control characters, a name that is empty or has a colon, and an empty list.
request_step basic_auth(std::string realm, std::vector<credentials> accepted);
request_step basic_auth(std::string realm, credential_check check);

}  // namespace duplex
