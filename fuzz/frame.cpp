// Frame headers: whatever is accepted is what we would have written, and no prefix says otherwise.
#include <duplex/protocol/frame.hpp>

#include <algorithm>
#include <array>

#include "property.hpp"

using namespace duplex;
using fuzz::require;
using protocol::side;

namespace {

void check(std::span<const std::byte> bytes, side from) {
  const auto result = protocol::parse_frame_header(bytes, from);
  require(result.size == 0 || result.problem.empty(), "a header is accepted or refused");
  const std::size_t decided = result.size != 0 ? result.size : bytes.size();
  for (std::size_t size = 0; size < decided; ++size) {
    const auto prefix = protocol::parse_frame_header(bytes.first(size), from);
    require(prefix.size == 0, "a prefix of a header is none");
    require(prefix.problem.empty() || prefix.problem == result.problem,
            "what is wrong with a prefix is wrong with the whole");
  }
  if (result.size == 0) return;

  const auto& header = result.header;
  require(header.mask.has_value() == (from == side::client), "clients mask, servers do not");
  require(header.length >> 63 == 0, "the highest bit of a length is 0");
  require(
      !is_control(header.opcode) || (header.fin && header.length <= protocol::control_payload_max),
      "control frames are short and whole");
  std::array<std::byte, protocol::frame_header_size_max> written;
  const std::byte* const end = protocol::write_frame_header(written.data(), header);
  require(static_cast<std::size_t>(end - written.data()) == result.size, "a header has its size");
  require(protocol::frame_header_size(header) == result.size, "a header's size is known before");
  require(std::equal(std::as_const(written).data(), end, bytes.begin()),
          "what is accepted is what is written");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check(bytes, side::client);
  check(bytes, side::server);
  return 0;
}
