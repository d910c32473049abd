// The PROXY protocol in front of the opening handshake.
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/io/unix.hpp>
#include <duplex/server.hpp>

#include "io/tls_stream.hpp"
#include "raw_client.hpp"
#include "support.hpp"
#include "support/certificates.hpp"
#include "support/temporary.hpp"
#include "tls/client.hpp"

namespace duplex::test {
namespace {

using namespace std::string_literals;

task<> tell_addresses(connection& ws) {
  std::string text = to_string(ws.remote_address()) + " to " + to_string(ws.local_address());
  co_await ws.send(text);
}

// What the server says to whom begins with these bytes, in pieces of so many; empty: dropped.
task<std::string> answer_to(const server& server, std::string bytes, std::size_t piece) {
  auto client = co_await raw_client::connect(server.port());
  bytes += upgrade_request();
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    co_await client.write(bytes.substr(at, piece));
    if (piece < bytes.size()) co_await pass();
  }
  auto head = co_await client.read_until("\r\n\r\n");
  if (head.empty()) co_return head;
  auto frame_head = co_await client.read(2);
  auto text = co_await client.read(static_cast<unsigned char>(frame_head.at(1)));
  co_return text;
}

std::string reported(const server& server, const std::string& header, std::size_t piece = 4096) {
  std::string result;
  run_test([&]() -> task<> {
    auto text = co_await answer_to(server, header, piece);
    result = text;
  });
  return result;
}

const std::string binary_header =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0C\xC0\x00\x02\x01\x0A\x00\x00\x02\x1F\x90\x00\x50"s;

TEST(proxy_protocol, names_the_client) {
  const auto server = serve(tell_addresses, "127.0.0.1", 0, {.proxy_protocol = true});
  for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}}) {
    EXPECT_EQ(reported(server, "PROXY TCP4 192.0.2.1 10.0.0.2 8080 80\r\n", piece),
              "192.0.2.1:8080 to 10.0.0.2:80");
    EXPECT_EQ(reported(server, binary_header, piece), "192.0.2.1:8080 to 10.0.0.2:80");
  }
  const auto own = " to 127.0.0.1:" + std::to_string(server.port());
  EXPECT_TRUE(reported(server, "PROXY UNKNOWN\r\n").ends_with(own));
}

TEST(proxy_protocol, connection_without_its_header_is_dropped_and_told_why) {
  std::vector<std::string> log;
  const auto server = serve(tell_addresses, "127.0.0.1", 0,
                            {.proxy_protocol = true, .logger = [&](const log_record& record) {
                               log.emplace_back(record.message);
                             }});
  EXPECT_EQ(reported(server, ""), "");
  ASSERT_FALSE(log.empty());
  EXPECT_TRUE(log.back().starts_with("opening handshake with 127.0.0.1:")) << log.back();
  EXPECT_NE(log.back().find(" failed: no PROXY protocol header from 127.0.0.1:"), std::string::npos)
      << log.back();
  EXPECT_TRUE(log.back().ends_with(": it begins with something else")) << log.back();
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write("PROXY TCP4 192");
    client.half_close();
    auto rest = co_await client.read_to_end();
    EXPECT_EQ(rest, "");
  });
  EXPECT_TRUE(log.back().ends_with(" failed: the PROXY protocol header is cut off")) << log.back();
}

TEST(proxy_protocol, header_must_come_in_time) {
  const auto server =
      serve(tell_addresses, "127.0.0.1", 0, {.open_timeout = 20ms, .proxy_protocol = true});
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write("PROXY ");
    auto rest = co_await client.read_to_end();
    EXPECT_EQ(rest, "");
  });
}

TEST(proxy_protocol, is_believed_from_trusted_proxies_only) {
  const std::string header = "PROXY TCP4 192.0.2.1 10.0.0.2 8080 80\r\n";
  const auto trusting = [](std::vector<std::string> trusted) {
    return serve(tell_addresses, "127.0.0.1", 0,
                 {.proxy_protocol = true, .trusted_proxies = std::move(trusted)});
  };
  EXPECT_EQ(reported(trusting({"10.0.0.0/8", "127.0.0.0/8"}), header),
            "192.0.2.1:8080 to 10.0.0.2:80");
  EXPECT_EQ(reported(trusting({"127.0.0.2", "::1", "unix:"}), header), "");
}

TEST(proxy_protocol, names_the_client_of_a_proxy_on_a_unix_socket) {
  const temporary_directory folder;
  const auto server = unix_serve(tell_addresses, folder / "app.sock",
                                 {.proxy_protocol = true, .trusted_proxies = {"unix:"}});
  run_test([&]() -> task<> {
    auto stream = co_await io::connect_unix(folder / "app.sock");
    raw_client client(std::move(stream));
    co_await client.write(binary_header + upgrade_request());
    co_await client.read_until("\r\n\r\n");
    auto frame = co_await client.read(2 + 29);
    EXPECT_EQ(frame.substr(2), "192.0.2.1:8080 to 10.0.0.2:80");
  });
}

// TLS to the server, behind bytes that are not part of it.
task<raw_client> connect_with_tls(std::uint16_t port, std::string header, tls_client trusting) {
  auto transport = co_await io::connect_tcp("127.0.0.1", port, address_family::any, 20s);
  {
    detail::stream_reader before(*transport);
    co_await before.write(header, 20s);
  }
  auto engine = tls::client(trusting).make_engine("localhost");
  auto stream = co_await io::open_tls(std::move(transport), std::move(engine), "server", 20s);
  co_return raw_client(std::move(stream));
}

class proxy_protocol_with_tls : public testing::Test {
 protected:
  server serve_tls(logger logger = {}) {
    const auto own = authority.issue();
    return serve(tell_addresses, "127.0.0.1", 0,
                 {.proxy_protocol = true,
                  .tls = tls_server::pem_text(own.certificate, own.key),
                  .logger = std::move(logger)});
  }
  task<std::string> reported(std::uint16_t port, std::string header) {
    auto client = co_await connect_with_tls(port, std::move(header), trusting());
    co_await client.write(upgrade_request());
    co_await client.read_until("\r\n\r\n");
    auto frame_head = co_await client.read(2);
    auto text = co_await client.read(static_cast<unsigned char>(frame_head.at(1)));
    co_return text;
  }
  tls_client trusting() const { return {.ca = certificate}; }

  test_authority authority;
  std::string certificate = authority.certificate();
};

TEST_F(proxy_protocol_with_tls, names_the_client_of_either_version) {
  const auto server = serve_tls();
  run_test([&]() -> task<> {
    auto by_text = co_await reported(server.port(), "PROXY TCP4 192.0.2.1 10.0.0.2 8080 80\r\n");
    EXPECT_EQ(by_text, "192.0.2.1:8080 to 10.0.0.2:80");
    auto by_bytes = co_await reported(server.port(), binary_header);
    EXPECT_EQ(by_bytes, "192.0.2.1:8080 to 10.0.0.2:80");
  });
}

TEST_F(proxy_protocol_with_tls, drops_who_begins_with_tls) {
  std::vector<std::string> log;
  const auto server =
      serve_tls([&](const log_record& record) { log.emplace_back(record.message); });
  run_test([&]() -> task<> {
    auto failure = co_await failure_of([&]() -> task<> { co_await reported(server.port(), ""); });
    EXPECT_TRUE(failure.starts_with("system: TLS handshake with server failed")) << failure;
  });
  ASSERT_FALSE(log.empty());
  EXPECT_TRUE(log.back().ends_with(": it begins with something else")) << log.back();
}

TEST(proxy_protocol, options_that_make_no_sense_are_refused_by_name) {
  EXPECT_EQ(failure_now([] {
              serve(echo, "127.0.0.1", 0,
                    {.proxy_protocol = true, .trusted_proxies = {"10.0.0.0/8", "gateway"}});
            }),
            "invalid argument: trusted_proxies must be addresses, networks or \"unix:\", got "
            "'gateway'");
  EXPECT_EQ(
      failure_now([] { serve(echo, "127.0.0.1", 0, {.trusted_proxies = {"10.0.0.1"}}); }),
      "invalid argument: trusted_proxies must be with proxy_protocol, got '10.0.0.1' without");
}

}  // namespace
}  // namespace duplex::test
