// The names that options have by default.
#include <duplex/options.hpp>
#include <duplex/version.hpp>

#include "base/environment.hpp"

#if defined(_WIN32)
#define DUPLEX_PLATFORM "Windows"
#elif defined(__APPLE__)
#define DUPLEX_PLATFORM "macOS"
#elif defined(__linux__)
#define DUPLEX_PLATFORM "Linux"
#else
#define DUPLEX_PLATFORM "other"
#endif

#define DUPLEX_TEXT_OF(number) #number
#define DUPLEX_TEXT(number) DUPLEX_TEXT_OF(number)

namespace duplex {

namespace {

constexpr std::string_view own_name() {
  constexpr std::string_view name = "duplex/" DUPLEX_TEXT(DUPLEX_VERSION_MAJOR) "." DUPLEX_TEXT(
      DUPLEX_VERSION_MINOR) "." DUPLEX_TEXT(DUPLEX_VERSION_PATCH) " (" DUPLEX_PLATFORM ")";
  static_assert(name.substr(7).starts_with(version));
  return name;
}

}  // namespace

std::string_view connect_options::default_user_agent() {
  const auto& chosen = detail::user_agent_of_environment();
  return chosen ? std::string_view(*chosen) : own_name();
}

std::string serve_options::default_server_header() {
  return detail::server_of_environment().value_or(std::string(own_name()));
}

}  // namespace duplex
