// The opening handshake in pieces: requests that can be bent, and a look at the answers.
#pragma once

#include <duplex/http.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/peer.hpp"
#include "probe/target.hpp"

namespace duplex::probe {

/// The lines of a request, which need not make sense.
struct request_lines {
  std::string first;                 ///< "GET / HTTP/1.1"
  std::vector<std::string> headers;  ///< "Host: localhost"
  std::string line_end = "\r\n";

  /// The value of the first header of that name.
  std::string value(std::string_view name) const;
  /// Leaves out all headers of that name.
  void drop(std::string_view name);
  std::string bytes() const;
};

/// The right request for the target, with a key of its own.
request_lines right_request(const target& target);

/// What a server answers to a request.
struct answer {
  enum class type {
    response,
    malformed,  ///< no HTTP
    end,        ///< the end of the connection, without a response
    reset,
    silence,
  };
  type kind = type::silence;
  std::string version = {};
  int status = 0;
  std::string reason = {};
  duplex::headers headers = {};
  std::string problem = {};  ///< of a malformed one
};

/// Reads the head of a response, past informational ones, and leaves what follows it in the peer's
/// input.
answer read_answer(peer& from, time_point deadline);

/// "426 Upgrade Required", "the end of the connection" and so on.
std::string describe(const answer& answer);

/// What a response breaks, and which section says so.
struct breach {
  std::string what;
  std::string section;
};
/// What is wrong with a 101 to that request (RFC 6455 section 4.2.2).
std::optional<breach> check_upgrade(const answer& answer, const request_lines& request);
/// What is wrong with any other response.
std::optional<breach> check_refusal(const answer& answer);

}  // namespace duplex::probe
