// Failures of the system as exceptions with a message in the project's words.
#include "net/error.hpp"

#include <cerrno>

#include <netdb.h>

#include <duplex/error.hpp>

namespace duplex::net {
namespace {

class resolver_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "resolver"; }
  std::string message(int error) const override { return gai_strerror(error); }
};

const resolver_category category;

}  // namespace

std::error_code to_resolver_error(int eai_error) noexcept {
  if (eai_error == EAI_SYSTEM) return {errno, std::system_category()};
  return {eai_error, category};
}

void throw_system_error(std::error_code code, const std::string& doing) {
  throw system_error(code, doing);
}

void throw_system_error(int error, const std::string& doing) {
  throw_system_error(std::error_code(error, std::system_category()), doing);
}

}  // namespace duplex::net
