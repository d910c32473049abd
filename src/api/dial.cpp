// One step after the other, each on the stream of the one before.
#include "api/dial.hpp"

#include <utility>

#include <duplex/io/tcp.hpp>

namespace duplex::detail {

task<std::unique_ptr<io::stream>> dial(dial_settings settings, limit limit) {
  co_return co_await io::connect_tcp(settings.host, settings.port, settings.family, limit);
}

}  // namespace duplex::detail
