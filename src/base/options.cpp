// The user agent that options have by default.
#include <duplex/options.hpp>
#include <duplex/version.hpp>

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

std::string_view connect_options::default_user_agent() noexcept {
  static constexpr std::string_view user_agent =
      "duplex/" DUPLEX_TEXT(DUPLEX_VERSION_MAJOR) "." DUPLEX_TEXT(
          DUPLEX_VERSION_MINOR) "." DUPLEX_TEXT(DUPLEX_VERSION_PATCH) " (" DUPLEX_PLATFORM ")";
  static_assert(user_agent.substr(7).starts_with(version));
  return user_agent;
}

}  // namespace duplex
