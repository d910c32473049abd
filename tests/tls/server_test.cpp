// Certificates exchanged while threads use them.
#include "tls/server.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/certificates.hpp"
#include "tls/client.hpp"

namespace duplex::tls {
namespace {

bool carry(engine& from, engine& to) {
  const auto bytes = from.output();
  if (bytes.empty()) return false;
  const auto space = to.input_space();
  const auto count = std::min(bytes.size(), space.size());
  std::copy_n(bytes.begin(), count, space.begin());
  to.received(count);
  from.output_sent(count);
  return true;
}

bool shake_hands(engine& client, engine& server) {
  for (;;) {
    const bool a = client.shake_hands(), b = server.shake_hands();
    const bool to_server = carry(client, server), to_client = carry(server, client);
    if (a && b) return true;
    if (!to_server && !to_client) return false;
  }
}

TEST(tls_server_of_many_threads, reloads_while_they_open_connections) {
  const test::test_authority authority;
  const auto own = authority.issue();
  const test::test_files files;
  auto server =
      tls_server::pem(files.write("chain.pem", own.certificate), files.write("key.pem", own.key));
  tls_client options;
  options.ca = authority.certificate();
  const client trusting(options);
  std::atomic<int> opened = 0, running = 3;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, copy = server] {
      for (int n = 0; n < 20; ++n) {
        const auto near = trusting.make_engine("localhost");
        const auto far = make_tls_engine(copy);
        opened += shake_hands(*near, *far);
      }
      --running;
    });
  }
  while (running != 0) {
    server.reload();
    server.replace(tls_server::pem_text(own.certificate, own.key));
    server.replace(tls_server::pem(files.path("chain.pem"), files.path("key.pem")));
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(opened, 60);
}

// The password is asked for while the old files are read.
TEST(tls_server, replaced_while_it_reloads_keeps_what_is_newer) {
  const test::test_authority authority, other;
  const auto old = authority.issue(), next = other.issue();
  std::optional<tls_server> server;
  bool reloading = false;
  const auto replace = [&](std::string_view) {
    if (std::exchange(reloading, false))
      server->replace(tls_server::pem_text(next.certificate, next.key));
    return std::string("open sesame");
  };
  server = tls_server::pem_text(old.certificate, test::encrypted_key(old.key, "open sesame"),
                                {.password = replace});
  reloading = true;
  server->reload();
  tls_client options;
  options.ca = other.certificate();
  const auto near = client(options).make_engine("localhost");
  const auto far = make_tls_engine(*server);
  EXPECT_TRUE(shake_hands(*near, *far)) << near->problem();
}

}  // namespace
}  // namespace duplex::tls
