// Failures of the system as exceptions with a message in the project's words.
#pragma once

#include <string>
#include <system_error>

namespace duplex::net {

/// The resolver's numbers (EAI_NONAME and so on), with its own messages.
std::error_code to_resolver_error(int eai_error) noexcept;

/// Throws a duplex::system_error, whose `what` is "doing: connection refused".
[[noreturn]] void throw_system_error(std::error_code code, const std::string& doing);
/// Of an errno.
[[noreturn]] void throw_system_error(int error, const std::string& doing);

}  // namespace duplex::net
