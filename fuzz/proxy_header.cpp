// Headers of the PROXY protocol: chops change nothing, and not a byte of what follows is read.
#include <duplex/protocol/proxy_header.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <duplex/buffer.hpp>

#include "property.hpp"

using namespace duplex;
using fuzz::require;

namespace {

// The longest there are: of version 2, with its extensions.
constexpr std::size_t size_max = 16 + 4096;

struct outcome {
  std::string problem;
  std::optional<address> source, destination;
  std::size_t read = 0;
  bool wants_more = false;

  bool operator==(const outcome&) const = default;
};

outcome read(std::string_view bytes, std::size_t piece) {
  protocol::proxy_header header;
  outcome result;
  while (const std::size_t wanted = header.wanted()) {
    require(wanted + result.read <= size_max, "a header is bounded");
    const auto next = bytes.substr(result.read, std::min(wanted, piece));
    result.wants_more = next.empty();
    if (next.empty()) break;
    header.receive_data(as_bytes(next));
    result.read += next.size();
  }
  result.problem = header.problem();
  result.source = header.source();
  result.destination = header.destination();
  return result;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::input(data, size).rest();
  const outcome whole = read(bytes, bytes.size() + 1);
  for (const std::size_t piece : {1, 2, 5}) {
    outcome chopped = read(bytes, piece);
    if (!whole.problem.empty()) chopped.read = whole.read;  // what is wrong may be seen earlier
    require(chopped == whole, "chops change nothing");
  }
  if (whole.wants_more || !whole.problem.empty()) return 0;
  require(whole.source.has_value() == whole.destination.has_value(), "both ends or neither");
  require(read(bytes.substr(0, whole.read), size_max) == whole, "what follows is of no account");
  const auto last = bytes.substr(0, whole.read - 1);
  require(read(last, size_max).wants_more, "the last byte counts");
  return 0;
}
