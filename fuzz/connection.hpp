// A stream of a peer's bytes: however it is chopped, what RFC 6455 says comes of it.
#pragma once

#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include "property.hpp"
#include "reference.hpp"

namespace duplex::fuzz {

/// How a stream is received.
struct reception {
  protocol::side own;
  std::optional<std::size_t> max_size;
  bool compressed;  ///< permessage-deflate was agreed on
  bool with_eof;
};

inline protocol::extension_list make_extensions(protocol::side own) {
  const protocol::permessage_deflate known;
  protocol::extension_list agreed;
  agreed.push_back(own == protocol::side::server ? std::move(known.answer({})->extension)
                                                 : known.accept({}));
  return agreed;
}

inline test::outcome run_stream(const reception& with, const std::vector<std::string>& pieces,
                                test::delivery how) {
  protocol::connection connection(with.own, {.max_size = with.max_size}, {}, test::zeros());
  if (with.compressed) connection.set_extensions(make_extensions(with.own));
  const auto outcome = test::feed(connection, pieces, with.with_eof, how);
  std::size_t bytes = 0;
  for (const auto& each : pieces) bytes += each.size();
  require(connection.direct_read_space().size() <= 2 * bytes + 256 * 1024,
          "memory grows with what came, not with what was announced");
  require(connection.next_event() == std::nullopt, "no event follows the last");
  return outcome;
}

/// Frames as a side writes them whose masks are zeros.
inline std::string to_readable_wire(protocol::side own, std::vector<test::wire_frame> frames) {
  std::string bytes;
  for (auto& each : frames) {
    each.masked = false;
    std::string frame = test::to_wire(own, each);
    if (own == protocol::side::client) {
      frame[1] = static_cast<char>(frame[1] | '\x80');
      frame.insert(2, 4, '\0');
    }
    bytes += frame;
  }
  return bytes;
}

inline void check_outcome(protocol::side own, const test::outcome& outcome, expectation expected) {
  require(outcome.events == expected.events, "the events are those of the RFC");
  require(outcome.close_rcvd == expected.close_rcvd, "the peer's close frame is understood");
  if (expected.failure) {
    require(outcome.close_sent && outcome.close_sent->code == *expected.failure,
            "a bad stream fails with the code of the RFC");
    require(!outcome.close_sent->reason.empty(), "a failure has a reason");
    expected.answers.push_back(
        {.opcode = 0x8,
         .payload = test::close_payload(*expected.failure, outcome.close_sent->reason)});
  } else {
    require(outcome.close_sent == expected.close_rcvd,
            "a close frame is echoed, a good stream not");
  }
  require(outcome.output == to_readable_wire(own, expected.answers),
          "pings are answered in order, then the close frame, and nothing else is sent");
}

/// An input's first byte chooses the reception, its second the chops; the rest is the stream.
inline int check_connection(protocol::side own, const std::uint8_t* data, std::size_t size) {
  constexpr std::optional<std::size_t> limits[] = {std::nullopt, 0, 1, 125, 1000, 65536, 1 << 20};
  input in(data, size);
  const unsigned choice = in.byte(), seed = in.byte();
  const reception with{.own = own,
                       .max_size = limits[choice % std::size(limits)],
                       .compressed = choice / std::size(limits) % 3 == 1,
                       .with_eof = choice >= 128};
  const std::string stream(in.rest());

  const auto whole = run_stream(with, {stream}, test::delivery::lent);
  if (!with.compressed) {
    auto expected = reference(own, with.max_size, stream).result();
    if (with.with_eof && !expected.failure && !expected.close_rcvd) {
      expected.events.push_back("close");
    }
    check_outcome(own, whole, std::move(expected));
  }
  const auto pieces = chopped(stream, seed);
  for (const auto how : {test::delivery::lent, test::delivery::held, test::delivery::direct}) {
    require(run_stream(with, pieces, how) == whole,
            "chops and the ways of delivery change nothing");
  }
  return 0;
}

}  // namespace duplex::fuzz
