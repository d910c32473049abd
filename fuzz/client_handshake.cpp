// What a client makes of a response: the same however it is chopped, and never more than was
// offered.
#include <duplex/error.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include <algorithm>
#include <memory>

#include "property.hpp"

using namespace duplex;
using fuzz::require;

namespace {

constexpr std::size_t max_body = 1000;

struct outcome {
  std::optional<std::string> accepted = {};  // the head, written again
  std::optional<std::string> subprotocol = {};
  std::optional<std::string> failure = {};
  std::string refusal = {};  // the body of one
  std::string rest = {};
  std::size_t extensions = 0;

  bool operator==(const outcome&) const = default;
};

std::string describe(std::exception_ptr failure, outcome& result) {
  try {
    std::rethrow_exception(failure);
  } catch (const invalid_status& refused) {
    result.refusal = refused.response().body;
    return refused.what();
  } catch (const invalid_handshake& other) {
    return other.what();
  }
}

// The key of a client without randomness is known: that of sixteen zeros.
protocol::client_handshake new_client() {
  return {uri("ws://localhost/"),
          {.subprotocols = {"chat", "v2"},
           .extensions = {std::make_shared<protocol::permessage_deflate>()}},
          {.max_body = max_body},
          [](std::byte* to, std::size_t count) { std::fill_n(to, count, std::byte{0}); }};
}

void check_accepted(const response& accepted) {
  const headers& fields = accepted.headers;
  require(accepted.status == 101, "the status is 101");
  require(equal_ignoring_case(fields.get("Upgrade").value_or(""), "websocket"),
          "the upgrade is to websocket");
  require(fields.get("Sec-WebSocket-Accept") == "ICX+Yqv66kxgM0FcWaLWlFLwTAI=",
          "the key was understood");
}

outcome run(const std::vector<std::string>& pieces, bool with_eof) {
  auto client = new_client();
  outcome result;
  for (const std::string& piece : pieces) {
    client.receive_data(as_bytes(piece));
    if (auto response = client.next_response()) {
      require(!result.accepted, "a response comes once");
      check_accepted(*response);
      result.accepted = protocol::write_response(*response);
    }
  }
  if (with_eof) client.receive_eof();
  require(!client.next_response(), "a response comes as soon as it is complete");
  result.subprotocol = client.subprotocol();
  result.extensions = client.take_extensions().size();
  require(result.extensions <= 1, "an extension is agreed on once");
  if (client.failure()) result.failure = describe(client.failure(), result);
  require(!result.accepted || !result.failure, "a response is accepted or not");
  require(!with_eof || result.accepted || result.failure, "the end is an answer");
  require(result.refusal.size() <= max_body, "a body is bounded");
  require(!result.subprotocol || *result.subprotocol == "chat" || *result.subprotocol == "v2",
          "the subprotocol was offered");
  if (result.accepted) result.rest = as_text(client.rest());
  return result;
}

}  // namespace

// An input's first byte chooses the chops and whether the end comes; the rest is the response.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const unsigned choice = in.byte();
  const bool with_eof = choice >= 128;
  const auto bytes = in.rest();

  const auto whole = run(fuzz::chopped(bytes, 0), with_eof);
  require(run(fuzz::chopped(bytes, choice % 128), with_eof) == whole, "chops change nothing");
  if (whole.accepted) {
    require(bytes.ends_with(whole.rest), "what follows the response is kept");
    const auto again = run({*whole.accepted}, false);
    require(again.accepted == whole.accepted && again.subprotocol == whole.subprotocol,
            "an accepted response is accepted again");
  }
  return 0;
}
