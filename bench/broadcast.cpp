// What a broadcast costs for each connection: framed and compressed once, or for each.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include "json_messages.hpp"

using namespace duplex;
using namespace duplex::protocol;

namespace {

std::deque<connection> connections(std::size_t count, bool compressed) {
  std::deque<connection> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.emplace_back(side::server, connection_settings(), time_point());
    if (!compressed) continue;
    extension_list extensions;
    extensions.push_back(std::move(permessage_deflate().answer({})->extension));
    all.back().set_extensions(std::move(extensions));
  }
  return all;
}

// Microseconds of each connection and message, and bytes.
template <class Send>
void measure(const char* what, bool compressed, const std::vector<std::string>& messages,
             Send send) {
  auto all = connections(1000, compressed);
  std::size_t bytes = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& message : messages) {
    send(all, as_bytes(message));
    for (auto& each : all) {
      bytes += each.buffered_amount();
      each.data_sent(each.buffered_amount());
    }
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
  const auto count = static_cast<double>(all.size() * messages.size());
  std::printf("%-28s %10.3f %10.0f\n", what, time.count() / count,
              static_cast<double>(bytes) / count);
}

}  // namespace

int main(int argc, char** argv) {
  const auto messages = json_messages(argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 50);
  std::printf("JSON of 2 KiB to 1000 connections\n%-28s %10s %10s\n", "", "us each", "bytes");
  const auto each = [](auto& all, auto bytes) {
    for (auto& to : all) to.send(message::type::text, bytes);
  };
  const auto once = [](auto& all, auto bytes) {
    const auto frame = all.front().frame_once(message::type::text, bytes);
    for (auto& to : all) to.send_shared(frame);
  };
  measure("not compressed", false, messages, each);
  measure("not compressed, framed once", false, messages, once);
  measure("compressed for each", true, messages, each);
  measure("compressed once", true, messages, once);
}
