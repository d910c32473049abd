// How messages received are shown, and how what is typed becomes a message.
#pragma once

#include <duplex/error.hpp>
#include <duplex/message.hpp>
#include <string>
#include <string_view>

namespace duplex::cli {

/// How messages are shown.
struct display {
  bool interactive = false;  ///< `< ` before a message
  bool terminal = false;     ///< someone looks: nothing that a terminal obeys
  bool json = false;         ///< JSON is laid out over lines
  bool binary = false;       ///< binary is the rule, and not told
};

/// The message as it is shown, with a line end.
std::string show(const message& shown, const display& how);

/// What is typed as a message: text, or with `binary` hexadecimal digits (white space between them
/// does not matter) or `@` and the name of a file with the bytes. Throws std::invalid_argument
/// where it is neither, std::system_error where the file cannot be read.
message typed_message(std::string_view typed, bool binary);

/// How a connection ended: "1000 (OK)", or why there is no such code.
std::string describe(const connection_closed& end);

}  // namespace duplex::cli
