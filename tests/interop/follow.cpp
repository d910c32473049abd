// Echo and commands on a coroutine's connection.
#include "follow.hpp"

#include <span>
#include <stdexcept>
#include <vector>

#include "peer.hpp"

namespace duplex::interop {
namespace {

// False: the connection is to be left to its owner.
task<bool> obey(connection& ws, const headers& received, command command) {
  if (command.verb == "send") {
    for (std::size_t i = 0; i < command.number(); ++i) {
      const std::string text = std::to_string(i);
      co_await ws.send(text);
    }
  } else if (command.verb == "bytes") {
    const std::vector<std::byte> bytes(command.number(), std::byte{0xA5});
    co_await ws.send(bytes);
  } else if (command.verb == "ping") {
    const auto data = std::as_bytes(std::span(command.argument));
    co_await ws.ping(data);
    co_await ws.send("ponged");
  } else if (command.verb == "handshake") {
    const std::string text = describe(ws.subprotocol(), received);
    co_await ws.send(text);
  } else if (command.verb == "close") {
    co_await ws.close(static_cast<std::uint16_t>(command.number()), command.rest());
  } else if (command.verb == "abort") {
    ws.abort();
  } else if (command.verb == "return") {
    co_return false;
  } else {
    throw std::runtime_error("thrown as asked: " + std::string(command.verb));
  }
  co_return true;
}

}  // namespace

task<> follow(connection& ws, const headers& received) {
  const std::string target = ws.request().target;
  std::string problem;
  try {
    while (auto message = co_await ws.next()) {
      const auto command = parse_command(*message);
      if (!command) {
        co_await ws.send(*message);
        continue;
      }
      const bool stay = co_await obey(ws, received, *command);
      if (!stay) co_return;
    }
  } catch (const connection_closed_ok&) {
  } catch (const connection_closed_error& closed) {
    problem = closed.what();
  }
  co_await ws.wait_closed();
  report_end(target, ws.close_code(), ws.close_reason(), problem);
}

}  // namespace duplex::interop
