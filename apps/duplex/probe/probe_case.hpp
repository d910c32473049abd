// A case of the probe, and what it finds.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "probe/target.hpp"

namespace duplex::probe {

enum class verdict {
  ok,
  wrong,    ///< not as the RFC has it
  differs,  ///< legal or nearly so, and weaker than what a strict server does
  skipped,  ///< not tried
};

/// "ok", "wrong", "differs", "skipped".
std::string_view to_string(verdict verdict);

/// What came of a case. Texts are printable: bytes of the server in them are escaped.
struct finding {
  probe::verdict verdict = verdict::ok;
  std::string expected = {};
  std::string got = {};
  std::string note = {};     ///< why it differs, or was skipped
  std::string section = {};  ///< where this is said, if not in the section of the case
};

struct probe_case {
  std::string name;     ///< "utf8.overlong-c0-af"; what stands before the first dot is its category
  std::string section;  ///< "RFC 6455 8.1"
  std::string sent;     ///< in words
  bool needs_echo = false;
  bool needs_compression = false;
  bool needs_max_size = false;
  /// Tries it. May throw `no_conversation` and std::system_error: the server took no connection.
  std::function<finding(const target&)> run = {};

  std::string category() const { return name.substr(0, name.find('.')); }
};

/// All cases, in the order of the report.
std::vector<probe_case> all_cases();

// Those of each category, or of several that belong together.
std::vector<probe_case> handshake_request_cases();
std::vector<probe_case> handshake_header_cases();
std::vector<probe_case> framing_cases();
std::vector<probe_case> control_cases();
std::vector<probe_case> fragmentation_cases();
std::vector<probe_case> utf8_cases();
std::vector<probe_case> close_cases();
std::vector<probe_case> limit_cases();
std::vector<probe_case> compression_negotiation_cases();
std::vector<probe_case> compression_message_cases();

}  // namespace duplex::probe
