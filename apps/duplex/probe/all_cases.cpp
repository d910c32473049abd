#include <algorithm>
#include <iterator>
#include <utility>

#include "probe/probe_case.hpp"

namespace duplex::probe {

std::vector<probe_case> all_cases() {
  std::vector<probe_case> all;
  for (const auto part : {handshake_request_cases, handshake_header_cases, framing_cases,
                          control_cases, fragmentation_cases, utf8_cases, close_cases, limit_cases,
                          compression_negotiation_cases, compression_message_cases}) {
    auto cases = part();
    std::ranges::move(cases, std::back_inserter(all));
  }
  return all;
}

}  // namespace duplex::probe
