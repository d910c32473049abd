// What both clients are to do alike: the coroutine's and the blocking one.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/sync/client.hpp>

#include "support.hpp"

namespace duplex::test {

enum class client_kind { coroutine, blocking };

/// Tests that are run with either client.
class both_clients : public testing::TestWithParam<client_kind> {
 protected:
  /// Connects, sends "hello" and gives what comes back; or what was thrown, in words.
  std::string say_hello(const std::string& uri, const connect_options& options = {}) {
    std::string answer;
    if (GetParam() == client_kind::blocking) {
      const auto failure = failure_now([&] {
        auto ws = sync::connect(uri, options);
        ws.send("hello");
        answer = ws.recv().text();
      });
      return failure == "none" ? answer : failure;
    }
    run_test([&]() -> task<> {
      const auto failure = co_await failure_of([&]() -> task<> {
        auto ws = co_await connect(uri, options);
        co_await ws.send("hello");
        auto received = co_await ws.recv();
        answer = received.text();
        co_await ws.close();
      });
      if (failure != "none") answer = failure;
    });
    return answer;
  }
};

inline std::string name_of(const testing::TestParamInfo<client_kind>& info) {
  return info.param == client_kind::coroutine ? "coroutine" : "blocking";
}

/// Instantiates the tests of a class derived from both_clients.
#define DUPLEX_WITH_BOTH_CLIENTS(suite) \
  INSTANTIATE_TEST_SUITE_P(             \
      client, suite, testing::Values(client_kind::coroutine, client_kind::blocking), name_of)

}  // namespace duplex::test
