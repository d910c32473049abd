// duplex connect: a conversation with a WebSocket server.
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <duplex/error.hpp>
#include <duplex/sync/client.hpp>
#include <duplex/uri.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "client_arguments.hpp"
#include "command.hpp"
#include "connect/mailbox.hpp"
#include "connect/session.hpp"
#include "escape.hpp"

namespace duplex::cli {
namespace {

constexpr const char* about = "Talk to a WebSocket server; the word connect can be left out";

constexpr const char* manual =
    R"(At a terminal: a prompt for messages, above which those received are shown.
Ctrl-D and Ctrl-C close. Otherwise each line of the input is a message, and
each message received a line of the output.

Exit status:
  0  the connection was closed with 1000 or 1001, after the replies expected
  1  it could not be opened, ended otherwise, or replies did not come
  2  the arguments make no sense)";

struct arguments {
  client_arguments client;
  std::vector<std::string> messages;
  std::string expect, record;
  std::optional<double> timeout;
  bool binary = false, json = false;
};

void add_options(CLI::App& command, arguments& to) {
  add_client_options(command, to.client);
  command.add_option("--send", to.messages, "send this in place of the input; repeatable")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command
      .add_option(
          "--expect", to.expect,
          "then wait for so many replies [as many as were sent], or until the server closes")
      ->type_name("NUMBER|all");
  command
      .add_option("--timeout", to.timeout,
                  "for the handshake and for each reply expected [10; none with --expect all]")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 86400.0));
  command.add_flag("--binary", to.binary,
                   "messages to send are binary, given as hexadecimal digits or @FILE");
  command.add_flag("--json", to.json, "lay out JSON received over several lines");
  command.add_option("--record", to.record, "append a line of JSON for each message to a file")
      ->type_name("FILE");
  command.footer(manual);
}

std::optional<std::size_t> expected_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text == "all") return all_messages;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw CLI::ValidationError("--expect", "'" + text + "' is neither a number nor all");
  }
  return number;
}

bool is_terminal(int descriptor) { return isatty(descriptor) != 0; }

// Refused before anything is sent.
void check_message(const std::string& typed, bool binary) try {
  typed_message(typed, binary);
} catch (const std::invalid_argument& problem) {
  throw CLI::ValidationError("--send", problem.what());
}

line_plan plan_of(const arguments& from) {
  line_plan plan{.expected = expected_of(from.expect)};
  if (!from.messages.empty()) plan.messages = from.messages;
  // Someone who only waits for messages types none.
  if (plan.expected && !plan.messages && is_terminal(STDIN_FILENO)) plan.messages.emplace();
  for (const auto& each : from.messages) check_message(each, from.binary);
  if (from.timeout || plan.expected != all_messages) {
    plan.patience = std::chrono::milliseconds(static_cast<long>(from.timeout.value_or(10) * 1000));
  }
  return plan;
}

// One that can be drawn on: not that of an editor's shell buffer.
bool can_edit() {
  const char* const kind = std::getenv("TERM");
  return is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO) && kind && *kind &&
         std::string_view(kind) != "dumb";
}

// Arguments that the library refuses are the user's.
sync::client_connection open(const client_arguments& from, const connect_options& options) try {
  return sync::connect(from.uri, options);
} catch (const invalid_uri& problem) {
  throw CLI::ValidationError(printable(problem.what()));
} catch (const invalid_proxy& problem) {
  throw CLI::ValidationError(printable(problem.what()));
} catch (const std::invalid_argument& problem) {
  throw CLI::ValidationError(printable(problem.what()));
}

// While a line is edited, standard error would write into it.
logger logger_beside(mailbox& incoming, const std::atomic<bool>& editing, log_level least) {
  auto sink = [&incoming, &editing, otherwise = stderr_logger(least)](const log_record& record) {
    if (!editing) return otherwise(record);
    incoming.put_if_room(std::string(to_string(record.level)) + ": " + printable(record.message) +
                         "\n");
  };
  return {sink, least};
}

int converse(const arguments& from) {
  const auto plan = plan_of(from);
  const bool interactive = !plan.messages && can_edit();
  mailbox incoming;
  std::atomic<bool> editing = false;
  client_settings settings(from.client,
                           logger_beside(incoming, editing, log_level_of(from.client.log_level)));
  settings.options.open_timeout = to_duration(from.timeout.value_or(10));
  recording record;
  if (!from.record.empty()) record.open(from.record);
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads the output may leave: then close, and end
  auto ws = open(from.client, settings.options);
  const session with{.ws = ws,
                     .record = record,
                     .how = {.interactive = interactive,
                             .terminal = is_terminal(STDOUT_FILENO),
                             .json = from.json,
                             .binary = from.binary}};
  if (!interactive) return converse_in_lines(with, plan);
  std::printf("Connected to %s", printable(uri(from.client.uri).str()).c_str());
  if (from.client.unix_socket) {
    std::printf(" through %s", printable(*from.client.unix_socket).c_str());
  }
  if (ws.subprotocol()) std::printf(", subprotocol %s", printable(*ws.subprotocol()).c_str());
  std::printf(".\n");
  editing = true;
  return converse_at_terminal(with, incoming);
}

}  // namespace

void add_connect_command(CLI::App& app, int& status) {
  const auto chosen = std::make_shared<arguments>();
  CLI::App* const command = app.add_subcommand("connect", about);
  add_options(*command, *chosen);
  command->callback([chosen, &status] { status = converse(*chosen); });
}

}  // namespace duplex::cli
