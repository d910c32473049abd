// Failures of the system as exceptions with a message in the project's words.
#include "net/error.hpp"

#include <cctype>
#include <cerrno>
#include <stdexcept>

#include <netdb.h>

namespace duplex::net {
namespace {

class resolver_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "resolver"; }
  std::string message(int error) const override { return gai_strerror(error); }
};

// std::system_error writes the message of the code as it is, in upper case.
class described_error : public std::system_error {
 public:
  described_error(std::error_code code, const std::string& description)
      : std::system_error(code), description_(description) {}
  const char* what() const noexcept override { return description_.what(); }

 private:
  std::runtime_error description_;  // a string that can be copied without failing
};

}  // namespace

std::error_code to_resolver_error(int eai_error) noexcept {
  static const resolver_category category;
  if (eai_error == EAI_SYSTEM) return {errno, std::system_category()};
  return {eai_error, category};
}

void throw_system_error(std::error_code code, const std::string& doing) {
  std::string message = code.message();
  // "Connection refused", but not "RPC failed".
  if (message.size() > 1 && std::islower(static_cast<unsigned char>(message[1]))) {
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  }
  throw described_error(code, doing + ": " + message);
}

void throw_system_error(int error, const std::string& doing) {
  throw_system_error(std::error_code(error, std::system_category()), doing);
}

}  // namespace duplex::net
