// A server on a free port of 127.0.0.1, which it prints; follows test scripts until SIGTERM.
#include "follow.hpp"
#include "peer.hpp"

int main(int argc, char** argv) {
  using namespace duplex;
  const auto arguments = interop::parse_arguments(argc, argv);
  std::optional<tls_server> tls;
  if (const auto chain = interop::tls_file("chain.pem")) {
    tls = tls_server::pem(*chain, *interop::tls_file("key.pem"));
  }
  auto server = serve([](connection& ws) { return interop::follow(ws, ws.request().headers); },
                      "127.0.0.1", 0,
                      {.subprotocols = arguments.subprotocols,
                       .compression = arguments.compression,
                       .additional_headers = arguments.headers,
                       .max_size = arguments.max_size,
                       .max_frame_size = arguments.max_frame_size,
                       .max_fragments = arguments.max_fragments,
                       .tls = tls,
                       .logger = arguments.logger});
  interop::report("listening " + std::to_string(server.port()));
  run(std::move(server));
}
