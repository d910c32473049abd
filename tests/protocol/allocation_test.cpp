// The hot path allocates nothing: every malloc of this program is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "support/protocol.hpp"
#include "support/sanitizers.hpp"

namespace {

std::atomic<long> allocations{0};

}  // namespace

#if DUPLEX_TEST_SANITIZED
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*,
                                                                  std::size_t),
                                                         void (*)(const volatile void*));
namespace {

const int hooks_installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { ++allocations; }, [](const volatile void*) {});

}  // namespace
#else
extern "C" void* __libc_malloc(std::size_t);  // glibc's own, under a name that stays
extern "C" void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
#endif

namespace duplex::protocol {
namespace {

using test::to_wire;
using test::wire_frame;

template <typename Action>
long allocations_of(Action action) {
  const long before = allocations;
  action();
  return allocations - before;
}

TEST(allocations, are_counted) {
  // Compilers leave out pairs they see through.
  EXPECT_EQ(allocations_of([] {
              std::string* volatile text = new std::string(100, 'x');
              delete text;
            }),
            2);
  EXPECT_EQ(allocations_of([] {
              void* volatile block = std::malloc(1);
              std::free(block);
            }),
            1);
}

// What a server does for one message that came whole, and its echo.
void echo(connection& server, std::span<const std::byte> bytes) {
  server.receive_data(bytes, {});
  while (auto event = server.next_event()) {
    server.send(message::type::text, event->payload.bytes());
  }
  server.data_sent(server.buffered_amount());
}

TEST(allocations, of_an_echo_of_a_small_message_are_none) {
  for (const std::size_t size : {0, 20, 125, 126, 1000, 2000, 4000}) {
    for (const side own : {side::server, side::client}) {
      connection it(own, {}, {});
      const std::string bytes =
          to_wire(peer_of(own), wire_frame{.payload = std::string(size, 'x')});
      echo(it, as_bytes(bytes));  // fills the cache of blocks
      EXPECT_EQ(allocations_of([&] {
                  for (int i = 0; i < 1000; ++i) echo(it, as_bytes(bytes));
                }),
                0)
          << size;
    }
  }
}

TEST(allocations, of_a_batch_of_small_messages_are_none_once_its_room_is_there) {
  connection server(side::server, {}, {});
  std::string bytes;
  for (int i = 0; i < 20; ++i)
    bytes += to_wire(side::client, wire_frame{.payload = "20 bytes of payload."});
  echo(server, as_bytes(bytes));
  EXPECT_EQ(allocations_of([&] {
              for (int i = 0; i < 1000; ++i) echo(server, as_bytes(bytes));
            }),
            0);
}

TEST(allocations, of_pings_are_none) {
  connection server(side::server, {}, {});
  const std::string bytes = to_wire(side::client, wire_frame{.opcode = 0x9, .payload = "ping"});
  const auto answer = [&] {
    server.receive_data(as_bytes(bytes), {});
    while (server.next_event()) continue;
    server.data_sent(server.buffered_amount());
  };
  answer();
  EXPECT_EQ(allocations_of(answer), 0);
}

TEST(allocations, of_a_lent_payload_are_none) {
  connection server(side::server, {}, {});
  const std::string payload(1 << 20, 'x');
  const auto send = [&] {
    server.send(message::type::binary, as_bytes(payload), true);
    server.data_sent(server.buffered_amount());
  };
  send();
  EXPECT_EQ(allocations_of(send), 0);
}

}  // namespace
}  // namespace duplex::protocol
