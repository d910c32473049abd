#include "speech/config.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <duplex/version.hpp>
#include <fstream>
#include <string_view>
#include <thread>

namespace duplex::speech {
namespace {

// Of people who speak without a pause, with the model tiny: finals and listening take 0.07 of a
// core each. There is time for most of their partials besides, as people do pause.
constexpr std::size_t sessions_a_thread = 12;

constexpr std::string_view token_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";  // RFC 6750's

// Nothing that comes from here may hold the token itself.
std::string check_token(const std::string& token) {
  if (token.empty()) return "a token is not empty";
  if (token.find_first_not_of(token_characters) == std::string::npos) return {};
  return "a token consists of letters, digits and -._~+/= (RFC 6750)";
}

std::vector<std::string> tokens_of(const std::string& file) {
  std::ifstream lines(file);
  if (!lines) throw CLI::FileError::Missing(file);
  std::vector<std::string> tokens;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    if (const std::string problem = check_token(line); !problem.empty())
      throw CLI::ValidationError("--token-file", file + ": " + problem);
    tokens.push_back(std::move(line));
  }
  if (tokens.empty()) throw CLI::ValidationError("--token-file", file + " holds no token");
  return tokens;
}

void hide_tokens(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--token" && i + 1 < argc) {
      std::memset(argv[i + 1], '*', std::strlen(argv[i + 1]));
    } else if (argument.starts_with("--token=")) {
      std::memset(argv[i] + 8, '*', argument.size() - 8);
    }
  }
}

// Options with one name each for arguments (--max-sessions), files (max-sessions) and variables
// (DUPLEX_SPEECH_MAX_SESSIONS).
class option_list {
 public:
  explicit option_list(CLI::App& app) : app_(app) {}

  template <class T>
  CLI::Option* add(const std::string& name, T& value, const std::string& help) {
    return app_.add_option("--" + name, value, help)->envname(variable_of(name));
  }
  // Given again and again, one value each time.
  CLI::Option* add_list(const std::string& name, std::vector<std::string>& values,
                        const std::string& help) {
    return add(name, values, help)->allow_extra_args(false)->expected(1, 1000);
  }
  void add_seconds(const std::string& name, std::chrono::seconds& value, const std::string& help) {
    const std::string fallback = std::to_string(value.count());
    app_.add_option_function<long>(
            "--" + name, [&value](const long& given) { value = std::chrono::seconds(given); }, help)
        ->envname(variable_of(name))
        ->check(CLI::Range(1L, 1'000'000L))
        ->type_name("SECONDS")
        ->default_str(fallback);
  }

 private:
  static std::string variable_of(const std::string& name) {
    std::string variable = "DUPLEX_SPEECH_" + name;
    std::ranges::replace(variable, '-', '_');
    std::ranges::transform(variable, variable.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return variable;
  }

  CLI::App& app_;
};

void add_options(CLI::App& app, settings& it, std::string& token_file) {
  app.set_version_flag("--version", "duplex-speech " + std::string(version));
  app.set_config("--config", "", "file of these options, a line each: max-sessions = 50");
  app.allow_config_extras(CLI::config_extras_mode::error);
  option_list options(app);
  options.add("host", it.host, "address to listen on")->capture_default_str();
  options.add("port", it.port, "port to listen on; 0 takes a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  options
      .add_list("model", it.models,
                "name or directory of a model; several may be given, the first is the default")
      ->capture_default_str();
  options.add("threads", it.threads, "threads that recognise speech")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  options.add("max-sessions", it.max_sessions, "connections served at a time; others get 503")
      ->check(CLI::Range(1, 1'000'000))
      ->default_str(std::to_string(sessions_a_thread) + " a thread");
  options
      .add("max-connections-per-address", it.max_connections_per_address,
           "connections from one address; not behind a proxy, all of whose clients are one")
      ->check(CLI::Range(1, 1'000'000));
  options
      .add("request-memory", it.request_memory, "MiB that all one-message requests together hold")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("MIB")
      ->capture_default_str();
  auto* certificate = options.add("tls-cert", it.tls_certificate, "PEM file; serves https and wss");
  auto* key = options.add("tls-key", it.tls_key, "PEM file, the key of the certificate");
  certificate->needs(key);
  key->needs(certificate);
  options.add_list("token", it.tokens, "who connects must know one of these; better in a file")
      ->check(CLI::Validator(check_token, "TOKEN"));
  options.add("token-file", token_file, "file of tokens, a line each");
  options.add_list("origin", it.origins,
                   "pages that may connect besides this server's own, such as "
                   "https://example.com; * for all");
  options.add_seconds("idle-timeout", it.idle, "a live session without a message ends");
  options.add_seconds("session-limit", it.longest, "a live session ends");
  options.add_seconds("drain-timeout", it.drain, "time for what is in progress after SIGTERM");
  options.add("log-level", it.log_level, "least level written to standard error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

}  // namespace

std::variant<settings, int> parse_settings(int argc, char** argv) {
  CLI::App app("Speech recognition over WebSocket.", "duplex-speech");
  app.footer(
      "Options may stand in the file of --config, and all but that in variables such as "
      "DUPLEX_SPEECH_MAX_SESSIONS.\n"
      "Signals: SIGTERM and SIGINT finish what is in progress, a second one ends at once; SIGHUP "
      "reads the TLS files again.\n"
      "Exit status: 0 after a signal to end, 1 where it cannot serve, 2 for wrong arguments.");
  settings chosen;
  chosen.threads = std::max(1U, std::thread::hardware_concurrency());
  std::string token_file;
  add_options(app, chosen, token_file);
  try {
    app.parse(argc, argv);
    hide_tokens(argc, argv);
    if (!token_file.empty()) {
      for (std::string& each : tokens_of(token_file)) chosen.tokens.push_back(std::move(each));
    }
  } catch (const CLI::ParseError& error) {  // --help and --version too, whose code is 0
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (chosen.max_sessions == 0) chosen.max_sessions = sessions_a_thread * chosen.threads;
  return chosen;
}

}  // namespace duplex::speech
