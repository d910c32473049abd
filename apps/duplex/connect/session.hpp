// A conversation with a server over an open connection: at a terminal, or in lines.
#pragma once

#include <chrono>
#include <cstddef>
#include <duplex/sync/client.hpp>
#include <optional>
#include <string>
#include <vector>

#include "connect/display.hpp"
#include "connect/mailbox.hpp"
#include "connect/recording.hpp"

namespace duplex::cli {

/// What both kinds share.
struct session {
  sync::client_connection& ws;
  recording& record;
  display how = {};
};

/// Prompts for messages until Ctrl-D, Ctrl-C or the end of the connection, and prints above the
/// line being typed what comes, and what others put in the mailbox. Standard input and output are
/// terminals. Gives the exit status.
int converse_at_terminal(const session& with, mailbox& incoming);

/// Without a prompt: what to send, and when to stop.
struct line_plan {
  /// Messages to send; nullopt: the lines of standard input.
  std::optional<std::vector<std::string>> messages = {};
  /// After all is sent so many messages are waited for, and no more are shown; nullopt: one for
  /// each sent.
  std::optional<std::size_t> expected = {};
  /// The longest silence while waiting; nullopt: any.
  std::optional<std::chrono::milliseconds> patience = {};
};

/// Messages to wait for where the server ends the conversation.
inline constexpr std::size_t all_messages = static_cast<std::size_t>(-1);

/// Sends, prints a line for each message received, and closes. Gives the exit status.
int converse_in_lines(const session& with, const line_plan& plan);

}  // namespace duplex::cli
