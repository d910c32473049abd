// A blocking client with one connection or several, each in its thread, which follow a test script.
#include <atomic>
#include <iostream>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include "peer.hpp"

namespace duplex::interop {
namespace {

// False: the connection is to be left to its owner.
bool obey(sync::client_connection& ws, const command& command) {
  if (command.verb == "send") {
    for (std::size_t i = 0; i < command.number(); ++i) ws.send(std::to_string(i));
  } else if (command.verb == "bytes") {
    ws.send(std::vector<std::byte>(command.number(), std::byte{0xA5}));
  } else if (command.verb == "ping") {
    ws.ping(std::as_bytes(std::span(command.argument)));
    ws.send("ponged");
  } else if (command.verb == "handshake") {
    ws.send(describe(ws.subprotocol(), ws.response().headers));
  } else if (command.verb == "pause") {
    std::string line;
    std::getline(std::cin, line);
  } else if (command.verb == "close") {
    ws.close(static_cast<std::uint16_t>(command.number()), command.rest());
  } else if (command.verb == "abort") {
    ws.abort();
  } else if (command.verb == "return") {
    return false;
  } else {
    throw std::runtime_error("thrown as asked: " + std::string(command.verb));
  }
  return true;
}

void follow(const arguments& arguments) {
  auto ws = sync::connect(arguments.uri, client_options(arguments).get());
  std::string problem;
  try {
    while (auto message = ws.next()) {
      const auto command = parse_command(*message);
      if (!command) {
        ws.send(*message);
      } else if (!obey(ws, *command)) {
        return;
      }
    }
  } catch (const connection_closed_ok&) {
  } catch (const connection_closed_error& closed) {
    problem = closed.what();
  }
  ws.close();  // waits until the TCP connection is closed too
  report_end(ws.request().target, ws.close_code(), ws.close_reason(), problem);
}

}  // namespace
}  // namespace duplex::interop

int main(int argc, char** argv) {
  using namespace duplex;
  const auto arguments = interop::parse_arguments(argc, argv);
  std::atomic<int> status = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < arguments.connections; ++i) {
      threads.emplace_back([&] {
        try {
          interop::follow(arguments);
        } catch (const std::exception& problem) {
          interop::report(std::string("failed ") + problem.what());
          status = 1;
        }
      });
    }
  }
  return status;
}
