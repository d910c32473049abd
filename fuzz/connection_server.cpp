// What a server makes of its peer's bytes.
#include "connection.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return duplex::fuzz::check_connection(duplex::protocol::side::server, data, size);
}
