// URIs: what is accepted has one canonical form, and our server takes the request made from it.
#include <duplex/uri.hpp>

#include <duplex/error.hpp>
#include <duplex/protocol/handshake.hpp>

#include <algorithm>

#include "property.hpp"

using namespace duplex;
using fuzz::require;

namespace {

std::optional<uri> parse(std::string_view text) {
  try {
    return uri(text);
  } catch (const invalid_uri&) {
    return std::nullopt;
  }
}

void check_canonical(const uri& parsed) {
  require(parsed.port() != 0, "a port is not 0");
  require(!parsed.host().empty(), "there is a host");
  require(std::none_of(parsed.host().begin(), parsed.host().end(),
                       [](char c) { return c >= 'A' && c <= 'Z'; }),
          "hosts are in lower case");
  require(std::all_of(parsed.target().begin(), parsed.target().end(),
                      [](char c) { return c > ' ' && c < 0x7F; }),
          "targets are printable ASCII");
  const auto again = parse(parsed.str());
  require(again.has_value(), "what is written is a URI");
  require(again->str() == parsed.str() && again->host() == parsed.host() &&
              again->port() == parsed.port() && again->secure() == parsed.secure() &&
              again->target() == parsed.target() && !again->userinfo(),
          "it is the same URI without its userinfo");
}

// The opening handshake between both sides of ours.
void check_handshake(const uri& parsed) {
  protocol::client_handshake client(parsed, {.subprotocols = {"chat"}});
  const protocol::http1_limits limits{.max_line = 100'000};
  protocol::server_handshake server(limits);
  server.receive_data(as_bytes(client.data_to_send()));
  require(!server.refusal(), "the server refuses no request of the client");
  const auto request = server.next_request();
  require(request && server.rest().empty(), "a request is complete");
  require(request->target == parsed.target(), "the target arrives");
  require(request->headers.get("Host") == parsed.host_header(), "the host arrives");
  const auto answer = protocol::server_handshake::accept(*request, "chat");
  client.receive_data(as_bytes(protocol::write_response(answer)));
  require(client.next_response() && client.subprotocol() == "chat", "the client takes the answer");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = parse(fuzz::input(data, size).rest());
  if (!parsed) return 0;
  check_canonical(*parsed);
  check_handshake(*parsed);
  return 0;
}
