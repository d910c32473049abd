// What a server makes of a request: the same however it is chopped, canonical where it is accepted,
// and answered in words our client understands.
#include <duplex/error.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include <algorithm>
#include <memory>

#include "property.hpp"

using namespace duplex;
using fuzz::require;
using protocol::server_handshake;

namespace {

struct outcome {
  std::optional<request> accepted = {};
  std::optional<std::string> refusal = {};  // its bytes
  std::string rest = {};

  bool operator==(const outcome& other) const {
    return accepted.has_value() == other.accepted.has_value() && refusal == other.refusal &&
           rest == other.rest &&
           (!accepted || (accepted->method == other.accepted->method &&
                          accepted->target == other.accepted->target &&
                          accepted->headers == other.accepted->headers));
  }
};

outcome run(const std::vector<std::string>& pieces, protocol::http1_limits limits, bool with_eof) {
  server_handshake handshake(limits);
  outcome result;
  for (const std::string& piece : pieces) {
    handshake.receive_data(as_bytes(piece));
    if (auto request = handshake.next_request()) {
      require(!result.accepted, "a request comes once");
      result.accepted = std::move(request);
    }
  }
  if (with_eof) handshake.receive_eof();
  require(!handshake.next_request(), "a request comes as soon as it is complete");
  if (handshake.refusal()) result.refusal = protocol::write_response(*handshake.refusal());
  require(!result.accepted || !result.refusal, "a request is accepted or refused");
  require(!with_eof || pieces.empty() || result.accepted || result.refusal,
          "the end of what was begun is an answer");
  if (result.accepted) result.rest = as_text(handshake.rest());
  return result;
}

const headers& check_accepted(const request& accepted) {
  const headers& fields = accepted.headers;
  require(accepted.method == "GET", "the method is GET");
  require(accepted.target.starts_with('/'), "the target is a path");
  require(std::all_of(accepted.target.begin(), accepted.target.end(),
                      [](char c) { return c > ' ' && c < 0x7F && c != '#'; }),
          "the target is printable, without a fragment");
  require(fields.get("Host") && !fields.get("Host")->empty(), "there is one Host");
  require(fields.get("Sec-WebSocket-Version") == "13", "the version is 13");
  require(fields.get("Sec-WebSocket-Key") && fields.get("Sec-WebSocket-Key")->size() == 24,
          "there is one key of 24 characters");
  require(!fields.contains("Transfer-Encoding"), "there is no body");
  for (const auto& [name, value] : fields) {
    require(is_token(name) && is_field_value(value), "headers are tokens and printable values");
  }
  return fields;
}

// What was accepted, written again, is accepted as the same; the 101 is a right response.
void check_round_trip(const outcome& result) {
  const headers& fields = check_accepted(*result.accepted);
  const auto again = run({protocol::write_request(*result.accepted)}, {}, false);
  require(again.accepted && again.accepted->target == result.accepted->target &&
              again.accepted->headers == fields,
          "an accepted request is accepted again");

  const std::vector<std::string> supported{"chat", "v2"};
  const auto subprotocol = protocol::select_subprotocol(*result.accepted, supported);
  require(!subprotocol || *subprotocol == "chat" || *subprotocol == "v2",
          "the subprotocol is one of the server's");
  const auto known = std::make_shared<const protocol::permessage_deflate>();
  const auto extensions = protocol::select_extensions(*result.accepted, {known});
  const auto answer = server_handshake::accept(*result.accepted, subprotocol, extensions.header);
  require(answer.status == 101 && answer.headers.get("Connection") == "Upgrade" &&
              answer.headers.get("Upgrade") == "websocket" &&
              answer.headers.get("Sec-WebSocket-Accept")->size() == 28,
          "the 101 carries exactly what it must");
}

// Our client is told the status and the text of every refusal.
void check_refusal(const std::string& bytes) {
  protocol::client_handshake client(uri("ws://localhost/"), {});
  client.receive_data(as_bytes(bytes));
  require(client.failure() != nullptr, "a refusal is complete");
  try {
    std::rethrow_exception(client.failure());
  } catch (const invalid_status& failure) {
    const auto& told = failure.response();
    require(told.status >= 400 && told.status < 600, "a refusal has the status of one");
    require(bytes.ends_with("\r\n\r\n" + told.body), "the client gets the whole text");
    require(told.body.size() > 1 && told.body.ends_with('\n'), "a refusal says why");
    require(std::all_of(told.body.begin(), told.body.end() - 1,
                        [](char c) { return c >= ' ' && c < 0x7F; }),
            "a refusal moves no cursor");
    require(told.headers.get("Connection") == "close", "a refusal ends the connection");
  }
}

}  // namespace

// An input's first byte chooses limits, its second the chops; the rest is the request.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const unsigned choice = in.byte(), seed = in.byte();
  protocol::http1_limits limits;
  if (choice % 2 == 1) limits = {.max_line = 64, .max_headers = 8};
  const bool with_eof = choice >= 128;
  const auto bytes = in.rest();

  const auto whole = run(fuzz::chopped(bytes, 0), limits, with_eof);
  require(run(fuzz::chopped(bytes, seed), limits, with_eof) == whole, "chops change nothing");
  if (whole.accepted) {
    require(bytes.ends_with(whole.rest), "what follows the request is kept");
    check_round_trip(whole);
  }
  if (whole.refusal) check_refusal(*whole.refusal);
  return 0;
}
