#include "speech/config.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstring>
#include <duplex/origin.hpp>
#include <duplex/version.hpp>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "arguments/wording.hpp"
#include "speech/option_file.hpp"

namespace duplex::speech {
namespace {

// Of people who speak without a pause, with the model tiny: finals and listening take 0.02 of a
// core of an Intel Xeon each, and 0.09 with partials each 200 ms, of which there is time for most.
constexpr std::size_t sessions_a_thread = 12;

constexpr std::string_view token_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";  // RFC 6750's

// Nothing that comes from here may hold the token itself.
std::string check_token(const std::string& token) {
  if (token.empty()) return "a token is not empty";
  if (token.find_first_not_of(token_characters) == std::string::npos) return {};
  return "a token consists of letters, digits and -._~+/= (RFC 6750)";
}

std::string check_origin(const std::string& origin) {
  try {
    if (origin != "*") origin_rule{origin};
    return {};
  } catch (const std::invalid_argument& problem) {
    return problem.what();
  }
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
    return options_[name] = app_.add_option("--" + name, value, help);
  }
  // Given again and again, one value each time.
  CLI::Option* add_list(const std::string& name, std::vector<std::string>& values,
                        const std::string& help) {
    return add(name, values, help)->allow_extra_args(false)->expected(1, 1000);
  }
  void add_seconds(const std::string& name, std::chrono::seconds& value, const std::string& help) {
    const std::string fallback = std::to_string(value.count());
    options_[name] =
        app_.add_option_function<long>(
                "--" + name, [&value](const long& given) { value = std::chrono::seconds(given); },
                help)
            ->check(CLI::Range(1L, 1'000'000L))
            ->type_name("SECONDS")
            ->default_str(fallback);
  }

  // What neither an argument nor an earlier call has said. Throws std::runtime_error that names the
  // file's line, or the variable.
  void read_file(const std::string& path) const {
    for (const auto& [name, values, line] : read_option_file(path)) {
      const std::string place = path + ":" + std::to_string(line) + ": ";
      const auto known = options_.find(name);
      if (known == options_.end()) throw std::runtime_error(place + "no such option: " + name);
      set(*known->second, values, place + name);
    }
  }
  void read_environment() const {
    for (char** each = environ; *each != nullptr; ++each) {
      const std::string_view variable = *each;
      if (!variable.starts_with(variable_prefix)) continue;
      const std::size_t equals = std::min(variable.find('='), variable.size());
      const std::string name(variable.substr(0, equals));
      const auto known = options_.find(option_of(name));
      if (known == options_.end()) throw std::runtime_error(name + ": no such option");
      const std::string value(variable.substr(std::min(equals + 1, variable.size())));
      if (!value.empty()) set(*known->second, {value}, name);
    }
  }

 private:
  static constexpr std::string_view variable_prefix = "DUPLEX_SPEECH_";

  static std::string option_of(std::string_view variable) {
    std::string name(variable.substr(variable_prefix.size()));
    std::ranges::replace(name, '_', '-');
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name;
  }

  // `shown` stands for the option where its value is wrong.
  static void set(CLI::Option& option, const std::vector<std::string>& values,
                  const std::string& shown) {
    if (option.count() > 0) return;
    try {
      option.add_result(values);
      option.run_callback();
    } catch (const CLI::ParseError& error) {
      const std::string words = arguments::worded(error);
      const std::string name = option.get_name();
      throw std::runtime_error(words.starts_with(name) ? shown + words.substr(name.size())
                                                       : shown + ": " + words);
    }
  }

  CLI::App& app_;
  std::map<std::string, CLI::Option*> options_;
};

void add_options(option_list& options, settings& it) {
  options
      .add_list("host", it.hosts,
                "address to listen on; several may be given, such as 0.0.0.0 and ::")
      ->capture_default_str();
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
      .add("request-memory", it.request_memory,
           "MiB that all one-message requests together hold, those of one address half of it")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("MIB")
      ->capture_default_str();
  options.add("tls-cert", it.tls_certificate, "PEM file; serves https and wss");
  options.add("tls-key", it.tls_key, "PEM file, the key of the certificate");
  options.add_list("token", it.tokens, "who connects must know one of these; better in a file")
      ->check(CLI::Validator(check_token, "TOKEN"));
  options.add("token-file", it.token_file, "file of tokens, a line each");
  options
      .add_list("origin", it.origins,
                "pages that may connect besides this server's own, such as "
                "https://example.com; * for all")
      ->check(CLI::Validator(check_origin, "ORIGIN"));
  options.add_seconds("idle-timeout", it.idle, "a live session without a message ends");
  options.add_seconds("session-limit", it.longest, "a live session ends");
  options.add_seconds("drain-timeout", it.drain, "time for what is in progress after SIGTERM");
  options.add("log-level", it.log_level, "least level written to standard error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

void check_together(const settings& chosen) {
  if (chosen.tls_certificate.empty() != chosen.tls_key.empty()) {
    throw std::runtime_error(chosen.tls_key.empty() ? "--tls-cert needs --tls-key too"
                                                    : "--tls-key needs --tls-cert too");
  }
  try {
    all_tokens(chosen);
  } catch (const std::runtime_error& problem) {
    throw std::runtime_error(std::string("--token-file: ") + problem.what());
  }
}

std::string usage_text(const CLI::App*, const CLI::Error& error) {
  return "duplex-speech: " + arguments::worded(error) +
         (arguments::needs_help(error) ? "\nRun duplex-speech --help for the options.\n" : "\n");
}

}  // namespace

std::variant<settings, int> parse_settings(int argc, char** argv) {
  CLI::App app("Speech recognition over WebSocket.", "duplex-speech");
  app.footer(
      "Options may stand in the file of --config, and all but that in variables such as "
      "DUPLEX_SPEECH_MAX_SESSIONS.\n"
      "Signals: SIGTERM and SIGINT finish what is in progress, a second one ends at once; SIGHUP "
      "reads the files of TLS and tokens again.\n"
      "Exit status: 0 after a signal to end, 1 where it cannot serve, 2 for wrong arguments.");
  app.failure_message(usage_text);
  app.set_version_flag("--version", "duplex-speech " + std::string(version));
  settings chosen;
  chosen.threads = std::max(1U, std::thread::hardware_concurrency());
  std::string file;
  app.add_option("--config", file, "file of these options, a line each: max-sessions = 50");
  option_list options(app);
  add_options(options, chosen);
  try {
    app.parse(argc, argv);
    hide_tokens(argc, argv);
    if (!file.empty()) options.read_file(file);
    options.read_environment();
    check_together(chosen);
  } catch (const CLI::ParseError& error) {  // --help and --version too, whose code is 0
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::runtime_error& error) {
    std::cerr << "duplex-speech: " << error.what() << '\n';
    return 2;
  }
  if (chosen.max_sessions == 0) chosen.max_sessions = sessions_a_thread * chosen.threads;
  return chosen;
}

std::vector<std::string> all_tokens(const settings& from) {
  std::vector<std::string> tokens = from.tokens;
  if (from.token_file.empty()) return tokens;
  std::istringstream lines(read_text_file(from.token_file));
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    if (const std::string problem = check_token(line); !problem.empty())
      throw std::runtime_error("'" + from.token_file + "': " + problem);
    tokens.push_back(std::move(line));
  }
  if (tokens.size() == from.tokens.size())
    throw std::runtime_error("'" + from.token_file + "' holds no token");
  return tokens;
}

}  // namespace duplex::speech
