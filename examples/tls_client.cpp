// Says hello over wss: tls_client [CA], where CA has signed the server's certificate.
#include <duplex/duplex.hpp>
#include <iostream>

#include "arguments.hpp"

int main(int argc, char** argv) {
  if (argc > 2 || (argc > 1 && argv[1][0] == '-')) show_usage("tls_client [CA]");
  try {
    duplex::connect_options options;
    if (argc > 1) options.tls.ca_file = argv[1];  // instead of the system's authorities
    auto ws = duplex::sync::connect("wss://localhost:8765", options);
    ws.send("Hello world!");
    std::cout << "Received: " << ws.recv().text() << " from " << ws.tls()->peer->subject << '\n';
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
