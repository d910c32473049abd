// One step after the other, each on the stream of the one before.
#include "api/dial.hpp"

#include <utility>

#include <duplex/io/tcp.hpp>
#include <duplex/io/unix.hpp>

namespace duplex::detail {

task<std::unique_ptr<io::stream>> dial(dial_settings settings, limit limit) {
  if (const auto path = unix_path_of(settings.host)) {
    co_return co_await io::connect_unix(std::string(*path), limit);
  }
  co_return co_await io::connect_tcp(settings.host, settings.port, settings.family, limit,
                                     settings.local);
}

}  // namespace duplex::detail
