// What a server answers to a request, byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <duplex/server.hpp>

#include "raw_client.hpp"
#include "support.hpp"

namespace duplex::test {

/// A request of plain HTTP, with more header lines where wanted.
inline std::string http_request(std::string_view method, std::string_view target,
                                std::string_view more = {}) {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" +
         std::string(more) + "\r\n";
}

/// An answer: its head, and its body where no connection opens.
struct http_answer {
  std::string head = {};
  std::string body = {};

  /// "404 Not Found".
  std::string status() const {
    const auto line = head.substr(0, head.find("\r\n"));
    return line.substr(line.find(' ') + 1);
  }
  /// Of the first header of that name; "missing" where there is none.
  std::string value(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "missing";
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

inline task<http_answer> ask(std::uint16_t port, std::string request) {
  http_answer answer;
  auto client = co_await raw_client::connect(port);
  co_await client.write(request);
  auto head = co_await client.read_until("\r\n\r\n");
  answer.head = std::move(head);
  if (answer.head.starts_with("HTTP/1.1 101 ")) co_return answer;
  auto body = co_await client.read_to_end();
  answer.body = std::move(body);
  EXPECT_FALSE(client.was_reset());
  co_return answer;
}

/// Of a server that lives as long as it answers.
inline http_answer answer_of(const server& server, std::string request) {
  http_answer answer;
  run_test([&]() -> task<> {
    auto given = co_await ask(server.port(), request);
    answer = std::move(given);
  });
  return answer;
}

/// Of a server of these options that echoes.
inline http_answer answer_of(serve_options options, std::string request) {
  return answer_of(serve(echo, "127.0.0.1", 0, std::move(options)), std::move(request));
}

}  // namespace duplex::test
