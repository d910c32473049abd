// What an operator decides: read from arguments, a file and the environment.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace duplex::speech {

/// The options of `duplex-speech`; `--help` and docs/speech-operation.md say what they mean.
struct settings {
  std::vector<std::string> hosts{"0.0.0.0"};
  int port = 8765;
  std::vector<std::string> models{"tiny"};
  unsigned threads = 1;          ///< By default one a core.
  std::size_t max_sessions = 0;  ///< By default 12 a thread.
  std::optional<std::size_t> max_connections_per_address = {};
  std::size_t request_memory = 1024;  ///< MiB of all one-message requests together.
  std::string tls_certificate = {};   ///< Files; both or none.
  std::string tls_key = {};
  std::vector<std::string> tokens = {};  ///< Those given one by one; see `all_tokens`.
  std::string token_file = {};
  std::vector<std::string> origins = {};
  std::chrono::seconds idle{60};
  std::chrono::seconds longest{4 * 3600};
  std::chrono::seconds drain{30};
  std::string log_level = "warning";
};

/// Reads the arguments of a program, then the file that `--config` names, then variables
/// DUPLEX_SPEECH_*: what comes first counts. The tokens among the arguments are overwritten there,
/// so that nobody who lists processes sees them. That the file of tokens can be read is checked.
///
/// Gives the status to exit with where there is nothing to serve: after `--help` and the like, and
/// for wrong arguments, which were told to standard error.
std::variant<settings, int> parse_settings(int argc, char** argv);

/// The tokens of who may connect, those that the file has now among them. Throws std::runtime_error
/// that names the file where it cannot be read, holds none or one that is none.
std::vector<std::string> all_tokens(const settings& from);

}  // namespace duplex::speech
