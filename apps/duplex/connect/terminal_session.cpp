// The interactive conversation: one thread receives, this one edits, sends and prints.
#include <cstdio>
#include <duplex/error.hpp>
#include <stdexcept>
#include <system_error>

#include "command.hpp"
#include "connect/line_editor.hpp"
#include "connect/mailbox.hpp"
#include "connect/receiver.hpp"
#include "connect/session.hpp"
#include "escape.hpp"

namespace duplex::cli {
namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

// False once the connection has ended.
bool send_line(const session& with, const std::string& line) try {
  const message typed = typed_message(line, with.how.binary);
  with.record.write(direction::sent, typed);
  with.ws.send(typed);
  return true;
} catch (const connection_closed&) {
  return false;
} catch (const std::invalid_argument& problem) {
  print("not sent: " + printable(problem.what()) + "\n");
  return true;
} catch (const std::system_error& problem) {
  print("not sent: " + printable(problem.what()) + "\n");
  return true;
}

}  // namespace

int converse_at_terminal(const session& with, mailbox& incoming) {
  signal_watch signals(incoming.filled());
  receiver receiving(with.ws, incoming.filled(), [&](const message& received) {
    with.record.write(direction::received, received);
    incoming.put(show(received, with.how));
  });
  line_editor editor("> ", incoming.filled(), [&](line_editor& editing) {
    if (signals.take_redraw()) editing.redraw();
    if (const auto text = incoming.take(); !text.empty()) editing.print_above(text);
    if (receiving.ended() || signals.interrupted()) editing.stop();
  });
  for (bool open = true; open;) {
    const auto line = editor.read_line();
    open = line && (line->empty() || send_line(with, *line));
  }
  incoming.stop_waiting();
  with.ws.close();
  const auto& end = receiving.join();
  print(incoming.take() + "Connection closed: " + end.told + ".\n");
  return end.ok ? success : failure;
}

}  // namespace duplex::cli
