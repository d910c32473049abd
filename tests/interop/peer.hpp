// What our peers of the interoperability tests share: their arguments, commands and reports.
//
// A test script in another language drives one of three programs: peer_server, peer_client,
// peer_sync_client. Once connected, all three do the same: they echo every message, but for text
// that begins with "!", which is a command (see `command`). What becomes of a connection is
// reported on standard output, a line each.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/duplex.hpp>

namespace duplex::interop {

/// `[uri] [--connections N] [--origin O] [--subprotocol S]... [--header "Name: value"]...
/// [--proxy URL] [--compression none|NAME=NUMBER]... [--limit NAME=NUMBER]... [--debug yes]`, where
/// a name is that of an option of compression or of a connection. `--debug` logs everything to
/// standard error.
struct arguments {
  std::string uri = {};
  int connections = 1;
  std::optional<std::string> origin = {};
  std::vector<std::string> subprotocols = {};
  duplex::headers headers = {};
  std::optional<std::string> proxy = {};
  std::optional<deflate_options> compression = deflate_options();
  std::optional<std::size_t> max_size = connect_options().max_size;
  std::optional<std::size_t> max_frame_size = {};
  std::optional<std::size_t> max_fragments = {};
  duplex::logger logger = stderr_logger();
};

/// A file of the folder that the variable INTEROP_TLS names (see with_tls.py); nullopt where peers
/// speak no TLS.
std::optional<std::string> tls_file(const std::string& name);

/// Ends the process with status 2 where they make no sense.
arguments parse_arguments(int argc, char** argv);

/// The options of `connect` that the arguments ask for; they refer to the arguments.
class client_options {
 public:
  explicit client_options(const arguments& arguments);
  connect_options get() const;

 private:
  std::optional<std::string_view> origin_;
  std::vector<std::string_view> subprotocols_;
  std::vector<header_view> headers_;
  std::optional<std::string> ca_file_;
  const arguments& arguments_;
  proxy_choice proxy_;
};

/// What a test script can ask for:
///
///     !send COUNT          COUNT text messages, "0", "1" ..., at once
///     !bytes SIZE          a binary message of so many bytes
///     !ping DATA           a ping; "ponged" is sent once it was answered
///     !handshake           sends what `describe` tells of the handshake
///     !pause               does nothing until a line comes on standard input (peer_sync_client)
///     !close CODE REASON   closes
///     !abort               drops the connection
///     !return              leaves the connection to its owner, who closes it
///     !throw               the same, with an exception; so does any other word
struct command {
  std::string_view verb = {};
  std::string_view argument = {};

  /// The first word of the argument.
  std::size_t number() const;
  /// What follows the first word of the argument.
  std::string_view rest() const;
};

std::optional<command> parse_command(const message& message);

/// The subprotocol and the headers of the other side, a line each.
std::string describe(const std::optional<std::string>& subprotocol, const headers& headers);

/// Prints a line at once.
void report(const std::string& line);
/// Reports "closed TARGET CODE REASON", and of an end that was no good one the exception behind it.
void report_end(std::string_view target, std::optional<std::uint16_t> code, std::string_view reason,
                const std::string& problem);

}  // namespace duplex::interop
