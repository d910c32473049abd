// What the bytes of a handshake cost: time per byte does not grow with what came before.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

#include <duplex/protocol/handshake.hpp>

#include "support/cost.hpp"
#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::expect_linear;
using test::repeated;

const http1_limits no_limits{.max_line = std::size_t{1} << 30,
                             .max_headers = std::size_t{1} << 20,
                             .max_body = std::size_t{1} << 30};

void read_request(const std::string& bytes) {
  server_handshake handshake(no_limits);
  for (const char& c : bytes) handshake.receive_data(as_bytes({&c, 1}));
  ASSERT_FALSE(handshake.refusal()) << handshake.refusal()->body;
}

void read_response(const std::string& bytes) {
  client_handshake handshake(uri("ws://x/"), {}, no_limits);
  for (const char& c : bytes) handshake.receive_data(as_bytes({&c, 1}));
  ASSERT_FALSE(handshake.failure());
}

TEST(handshake_cost, of_a_request_that_comes_byte_by_byte_is_linear) {
  const std::string line = "GET /" + std::string(500, 'x') + " HTTP/1.1\r\n";
  expect_linear([&](int scale) { return line + "A: " + std::string(8000 * scale, 'x'); },
                read_request);
  expect_linear([&](int scale) { return line + repeated("Header: value\r\n", 500 * scale); },
                read_request);
  expect_linear([](int scale) { return "GET /" + std::string(8000 * scale, 'x'); }, read_request);
  expect_linear(
      [](int scale) {
        // The first line grows with what follows it: it must not be looked at for each byte of it.
        return "GET /" + std::string(4000 * scale, 'x') +
               " HTTP/1.1\r\nA: " + std::string(4000 * scale, 'x');
      },
      read_request);
}

TEST(handshake_cost, of_a_response_that_comes_byte_by_byte_is_linear) {
  const std::string line = "HTTP/1.1 101 OK\r\n";
  expect_linear([&](int scale) { return line + "A: " + std::string(8000 * scale, 'x'); },
                read_response);
  expect_linear([&](int scale) { return line + repeated("Header: value\r\n", 500 * scale); },
                read_response);
  expect_linear(
      [](int scale) {
        return "HTTP/1.1 101 " + std::string(4000 * scale, 'x') +
               "\r\nA: " + std::string(4000 * scale, 'x');
      },
      read_response);
}

TEST(handshake_cost, of_a_body_that_comes_byte_by_byte_is_linear) {
  expect_linear(
      [](int scale) { return "HTTP/1.1 500 No\r\n\r\n" + std::string(8000 * scale, 'x'); },
      read_response);
  expect_linear(
      [](int scale) {
        return "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" +
               repeated("1\r\nx\r\n", 1500 * scale);
      },
      read_response);
}

// Lists are split where a request is judged: once.
TEST(handshake_cost, of_long_lists_is_linear) {
  const auto request = [](std::string_view name, const std::string& value) {
    return "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           std::string(name) + ": " + value + "\r\n\r\n";
  };
  const auto judge = [](const std::string& bytes) {
    server_handshake handshake(no_limits);
    handshake.receive_data(as_bytes(bytes));
    ASSERT_TRUE(handshake.next_request());
  };
  expect_linear([&](int scale) { return request("Connection", repeated("a,", 8000 * scale)); },
                judge);
  expect_linear(
      [&](int scale) {
        std::string names = "v0";
        for (int i = 1; i < 4000 * scale; ++i) names += ",v" + std::to_string(i);
        return request("Sec-WebSocket-Protocol", names);
      },
      judge);
}

}  // namespace
}  // namespace duplex::protocol
