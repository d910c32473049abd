// Failures of libuv in the system's numbers.
#pragma once

#include <system_error>

#include "net/error.hpp"

namespace duplex::io {

using net::throw_system_error;
using net::to_resolver_error;

/// libuv's negative numbers are those of errno.
inline std::error_code to_error_code(int uv_error) noexcept {
  return {-uv_error, std::system_category()};
}

}  // namespace duplex::io
