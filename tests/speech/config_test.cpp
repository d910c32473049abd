#include "speech/config.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

namespace duplex::speech {
namespace {

using namespace std::chrono_literals;

// Arguments as a program has them; what was overwritten can be seen.
class arguments {
 public:
  explicit arguments(std::vector<std::string> words) : words_(std::move(words)) {
    words_.insert(words_.begin(), "duplex-speech");
    for (std::string& each : words_) pointers_.push_back(each.data());
    pointers_.push_back(nullptr);
  }
  std::variant<settings, int> parse() {
    return parse_settings(static_cast<int>(words_.size()), pointers_.data());
  }
  const std::string& operator[](std::size_t at) const { return words_[at + 1]; }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

settings parsed(std::vector<std::string> words) {
  const auto result = arguments(std::move(words)).parse();
  if (const int* status = std::get_if<int>(&result))
    throw std::runtime_error("status " + std::to_string(*status));
  return std::get<settings>(result);
}

std::optional<int> status_of(std::vector<std::string> words) {
  const auto result = arguments(std::move(words)).parse();
  const int* status = std::get_if<int>(&result);
  return status == nullptr ? std::nullopt : std::optional(*status);
}

// What is said of wrong options, without the program's name.
std::string complaint(std::vector<std::string> words) {
  testing::internal::CaptureStderr();
  const auto status = status_of(std::move(words));
  std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(status, 2) << said;
  const std::string name = "duplex-speech: ";
  EXPECT_TRUE(said.starts_with(name)) << said;
  return said.substr(std::min(name.size(), said.size()));
}

class file {
 public:
  explicit file(const std::string& content) { std::ofstream(path_) << content; }
  ~file() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = testing::TempDir() + "duplex-config-" + std::to_string(::getpid());
};

TEST(config, defaults_need_no_arguments) {
  const settings chosen = parsed({});
  EXPECT_EQ(chosen.hosts, std::vector<std::string>{"0.0.0.0"});
  EXPECT_EQ(chosen.port, 8765);
  EXPECT_EQ(chosen.max_sessions, 12 * chosen.threads);
  EXPECT_EQ(chosen.max_connections_per_address, std::nullopt);
  EXPECT_EQ(chosen.models, std::vector<std::string>{"tiny"});
  EXPECT_GE(chosen.threads, 1U);
  EXPECT_TRUE(chosen.tokens.empty());
  EXPECT_EQ(chosen.idle, 60s);
}

TEST(config, every_option_has_an_effect) {
  const settings chosen =
      parsed({"--host",          "::1",   "--host",          "127.0.0.1",
              "--port",          "0",     "--model",         "a",
              "--model",         "b",     "--threads",       "3",
              "--token",         "t1",    "--token",         "t2",
              "--max-sessions",  "7",     "--origin",        "https://a.example",
              "--tls-cert",      "c.pem", "--tls-key",       "k.pem",
              "--origin",        "*",     "--idle-timeout",  "5",
              "--session-limit", "600",   "--drain-timeout", "9",
              "--log-level",     "debug"});
  EXPECT_EQ(chosen.hosts, (std::vector<std::string>{"::1", "127.0.0.1"}));
  EXPECT_EQ(chosen.port, 0);
  EXPECT_EQ(chosen.models, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(chosen.threads, 3U);
  EXPECT_EQ(chosen.tokens, (std::vector<std::string>{"t1", "t2"}));
  EXPECT_EQ(chosen.max_sessions, 7U);
  EXPECT_EQ(chosen.origins, (std::vector<std::string>{"https://a.example", "*"}));
  EXPECT_EQ(chosen.tls_certificate, "c.pem");
  EXPECT_EQ(chosen.tls_key, "k.pem");
  EXPECT_EQ(chosen.idle, 5s);
  EXPECT_EQ(chosen.longest, 600s);
  EXPECT_EQ(chosen.drain, 9s);
  EXPECT_EQ(chosen.log_level, "debug");
}

TEST(config, a_file_has_the_same_names) {
  const file options(
      "# comment\nport = 1234\nmodel = [\"a\", \"b\"]\nidle-timeout = 7\ntoken = \"t\"\n");
  const settings chosen = parsed({"--config", options.path(), "--port", "99"});
  EXPECT_EQ(chosen.port, 99);
  EXPECT_EQ(chosen.models, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(chosen.idle, 7s);
  EXPECT_EQ(chosen.tokens, std::vector<std::string>{"t"});
}

TEST(config, an_unknown_name_in_a_file_is_refused) {
  const file options("prot = 1234\n");
  EXPECT_EQ(status_of({"--config", options.path()}), 2);
  EXPECT_EQ(status_of({"--config", options.path() + "-not-there"}), 2);
}

TEST(config, what_is_wrong_in_a_file_is_told_with_its_line) {
  const std::pair<std::string, std::string> cases[]{
      {"# c\n\nmax-sesions = 3\n", ":3: no such option: max-sesions"},
      {"[server]\nport = 9102\n", ":1: options stand in no section"},
      {"port = = 9102", ":1: there is more than the value of port"},
      {"model = [\"a\",\n'b' # both\n]\nport = x\n", ":4: port must be from 0 to 65535, got 'x'"},
      {"port = 1\r\nport = 1\r\n", ":2: port is there twice, first in line 1"},
      {"port = [1, 2]", ":1: port is given 2 times"},
      {"port\n", ":1: expected = after port"},
      {"= 3\n", ":1: expected an option, such as port = 8765"},
      {"port = # none\n", ":1: port has no value"},
      {"model = []", ":1: model has no value"},
      {"model = [a b]", ":1: expected , or ] in the list of model"},
      {"model = [a", ":2: expected , or ] in the list of model"},
      {"host = \"a\nb\"", ":1: the value of host has no \" at its end"},
      {"tls-key = \"a\\b\"", ":1: the value of tls-key has a \\, and so is to stand between '"},
      {"token = 'two words'",
       ":1: token: a token consists of letters, digits and -._~+/= (RFC 6750)"},
      {"log-level = loud", ":1: log-level must be one of debug,info,warning,error, got 'loud'"},
      {"config = x", ":1: no such option: config"},
  };
  for (const auto& [content, problem] : cases) {
    const file options(content);
    EXPECT_EQ(complaint({"--config", options.path()}), options.path() + problem + "\n") << content;
  }
  EXPECT_EQ(complaint({"--config", "/no.toml"}),
            "cannot read '/no.toml': No such file or directory\n");
  EXPECT_EQ(complaint({"--config", "/"}), "cannot read '/': Is a directory\n");
}

TEST(config, a_file_is_read_as_toml_and_as_ini) {
  const file options(
      "; both\n host=a.example#1\nmodel = [ 'a b', # first\n  c,\n]\ntoken = abc=\n"
      "tls-cert = \"/etc/my cert\"\t# its\ntls-key = 'back\\slash'\norigin = https://example.com");
  const settings chosen = parsed({"--config", options.path()});
  EXPECT_EQ(chosen.hosts, std::vector<std::string>{"a.example"});
  EXPECT_EQ(chosen.models, (std::vector<std::string>{"a b", "c"}));
  EXPECT_EQ(chosen.tokens, std::vector<std::string>{"abc="});
  EXPECT_EQ(chosen.tls_certificate, "/etc/my cert");
  EXPECT_EQ(chosen.tls_key, "back\\slash");
  EXPECT_EQ(chosen.origins, std::vector<std::string>{"https://example.com"});
}

TEST(config, what_is_wrong_in_the_environment_is_told_with_its_variable) {
  const auto said_of = [](const std::string& variable, const char* value) {
    ::setenv(variable.c_str(), value, 1);
    const std::string said = complaint({});
    ::unsetenv(variable.c_str());
    return said;
  };
  EXPECT_EQ(said_of("DUPLEX_SPEECH_PORT", "abc"),
            "DUPLEX_SPEECH_PORT must be from 0 to 65535, got 'abc'\n");
  EXPECT_EQ(said_of("DUPLEX_SPEECH_PROT", "1"), "DUPLEX_SPEECH_PROT: no such option\n");
  EXPECT_EQ(said_of("DUPLEX_SPEECH_CONFIG", "x"), "DUPLEX_SPEECH_CONFIG: no such option\n");
  ::setenv("DUPLEX_SPEECH_PORT", "", 1);
  EXPECT_EQ(parsed({}).port, 8765) << "an empty one says nothing";
  ::unsetenv("DUPLEX_SPEECH_PORT");
}

TEST(config, the_environment_counts_last) {
  const file options("threads = 2\n");
  ::setenv("DUPLEX_SPEECH_PORT", "4321", 1);
  ::setenv("DUPLEX_SPEECH_THREADS", "9", 1);
  ::setenv("DUPLEX_SPEECH_IDLE_TIMEOUT", "11", 1);
  const settings chosen = parsed({"--config", options.path()});
  const settings overruled = parsed({"--port", "1"});
  for (const char* name : {"PORT", "THREADS", "IDLE_TIMEOUT"})
    ::unsetenv(("DUPLEX_SPEECH_" + std::string(name)).c_str());
  EXPECT_EQ(chosen.port, 4321);
  EXPECT_EQ(chosen.threads, 2U);
  EXPECT_EQ(chosen.idle, 11s);
  EXPECT_EQ(overruled.port, 1);
}

TEST(config, tokens_are_hidden_where_others_see_arguments) {
  arguments words({"--token", "secret", "--token=other", "--port", "1"});
  const auto result = words.parse();
  EXPECT_EQ(std::get<settings>(result).tokens, (std::vector<std::string>{"secret", "other"}));
  EXPECT_EQ(words[1], "******");
  EXPECT_EQ(words[2], "--token=*****");
  EXPECT_EQ(words[4], "1");
}

TEST(config, tokens_come_from_a_file_a_line_each) {
  const file tokens("# of the lab\nsecret-1\r\n\nsecret+2/=\n");
  EXPECT_EQ(all_tokens(parsed({"--token-file", tokens.path(), "--token", "x"})),
            (std::vector<std::string>{"x", "secret-1", "secret+2/="}));
}

TEST(config, bad_tokens_are_refused_without_being_told) {
  for (const std::string line : {"two words", "", "caf\xc3\xa9"}) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(status_of({"--token", line}), 2) << line;
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said, "");
    if (!line.empty()) {
      EXPECT_EQ(said.find(line), std::string::npos) << said;
    }
  }
  const file empty("# nothing\n");
  EXPECT_EQ(status_of({"--token-file", empty.path()}), 2);
  EXPECT_EQ(status_of({"--token-file", empty.path() + "-not-there"}), 2);
}

TEST(config, wrong_values_are_refused) {
  EXPECT_EQ(status_of({"--port", "65536"}), 2);
  EXPECT_EQ(status_of({"--threads", "0"}), 2);
  EXPECT_EQ(status_of({"--threads", "-1"}), 2);
  EXPECT_EQ(status_of({"--max-sessions", "0"}), 2);
  EXPECT_EQ(status_of({"--max-sessions", "-1"}), 2);
  EXPECT_EQ(status_of({"--idle-timeout", "0"}), 2);
  EXPECT_EQ(complaint({"--tls-cert", "x"}), "--tls-cert needs --tls-key too\n");
  EXPECT_EQ(complaint({"--tls-key", "x"}), "--tls-key needs --tls-cert too\n");
  EXPECT_EQ(complaint({"--threads", "x"}), "--threads must be from 1 to 1024, got 'x'\n");
  EXPECT_EQ(status_of({"--log-level", "loud"}), 2);
  EXPECT_EQ(status_of({"extra"}), 2);
  EXPECT_EQ(status_of({"--help"}), 0);
  EXPECT_EQ(status_of({"--version"}), 0);
}

}  // namespace
}  // namespace duplex::speech
