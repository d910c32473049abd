// Frames written the obvious way, and what a connection makes of a stream however it is chopped.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/protocol/connection.hpp>

namespace duplex::test {

/// A frame with every bit free to be wrong.
struct wire_frame {
  unsigned opcode = 0x1;
  std::string payload = {};
  bool fin = true;
  unsigned rsv = 0;                                 ///< 4, 2, 1 for RSV1, RSV2, RSV3
  std::optional<bool> masked = {};                  ///< else as the side must
  std::optional<int> length_size = {};              ///< 0, 2 or 8 bytes of extended length
  std::optional<std::uint64_t> stated_length = {};  ///< else that of the payload
};

inline std::string to_wire(protocol::side from, const wire_frame& frame) {
  const std::uint64_t length = frame.stated_length.value_or(frame.payload.size());
  const int size = frame.length_size.value_or(length <= 125 ? 0 : length <= 65535 ? 2 : 8);
  const bool masked = frame.masked.value_or(from == protocol::side::client);
  std::string bytes;
  bytes += static_cast<char>((frame.fin ? 0x80U : 0U) | frame.rsv << 4 | frame.opcode);
  const std::uint64_t first = size == 8 ? 127 : size == 2 ? 126 : length;
  bytes += static_cast<char>((masked ? 0x80U : 0U) | first);
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(length >> (8 * i) & 0xFF);
  const std::string key = "\x37\xfa\x21\x3d";
  if (masked) bytes += key;
  for (std::size_t i = 0; i < frame.payload.size(); ++i) {
    bytes += masked ? static_cast<char>(frame.payload[i] ^ key[i % 4]) : frame.payload[i];
  }
  return bytes;
}

inline std::string to_wire(protocol::side from, const std::vector<wire_frame>& frames) {
  std::string bytes;
  for (const auto& each : frames) bytes += to_wire(from, each);
  return bytes;
}

/// The payload of a close frame.
inline std::string close_payload(unsigned code, std::string_view reason = "") {
  std::string payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code & 0xFF);
  return payload.append(reason);
}

/// Masks of zeros, so that what a client sends can be read.
inline protocol::random_source zeros() {
  return [](std::byte* to, std::size_t count) { std::fill_n(to, count, std::byte{0}); };
}

inline std::string text_of(std::span<const std::byte> bytes) { return std::string(as_text(bytes)); }

/// Everything a connection has to send, which it is told was sent.
inline std::string take_output(protocol::connection& connection) {
  std::string bytes;
  while (connection.buffered_amount() != 0) {
    std::size_t count = 0;
    for (const auto part : connection.data_to_send()) {
      bytes += text_of(part);
      count += part.size();
    }
    connection.data_sent(count);
  }
  return bytes;
}

/// An event in words.
inline std::string describe(const protocol::event& event) {
  const std::string payload(event.payload.text());
  switch (event.kind) {
    case protocol::event::type::message:
      return (event.payload.is_text() ? "text " : "binary ") + payload;
    case protocol::event::type::fragment:
      return (event.last ? "last " : "part ") + payload;
    case protocol::event::type::ping:
      return "ping " + payload;
    case protocol::event::type::pong:
      return "pong " + payload + (event.ping_id ? " #" + std::to_string(*event.ping_id) : "");
    case protocol::event::type::close:
      return "close";
  }
  return "";
}

/// What a stream did to a connection.
struct outcome {
  std::vector<std::string> events = {};
  std::string output = {};
  std::optional<close_info> close_rcvd = {}, close_sent = {};
  protocol::state state = protocol::state::open;
  bool wants_shutdown = false;

  bool operator==(const outcome&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const outcome& value) {
  for (const auto& each : value.events) out << '[' << each.substr(0, 80) << "] ";
  if (value.close_rcvd) out << "rcvd " << to_string(*value.close_rcvd) << "; ";
  if (value.close_sent) out << "sent " << to_string(*value.close_sent) << "; ";
  return out << value.output.size() << " bytes out, state " << static_cast<int>(value.state)
             << (value.wants_shutdown ? ", wants shutdown" : "");
}

/// How the pieces of a stream are handed over.
enum class delivery { lent, held, direct };

inline void drain(protocol::connection& connection, outcome& result) {
  while (auto event = connection.next_event()) {
    result.events.push_back(describe(*event));
    result.output += take_output(connection);
  }
  result.output += take_output(connection);
}

/// Feeds the pieces, each in memory of its own that is gone afterwards.
inline outcome feed(protocol::connection& connection, const std::vector<std::string>& pieces,
                    bool with_eof = false, delivery how = delivery::lent) {
  outcome result;
  for (const std::string& piece : pieces) {
    std::string left = piece;
    while (!left.empty()) {
      const auto space =
          how == delivery::direct ? connection.direct_read_space() : std::span<std::byte>();
      const auto count = space.empty() ? left.size() : std::min(left.size(), space.size());
      if (space.empty()) {
        auto memory = std::make_unique<std::byte[]>(count);
        std::copy_n(as_bytes(left).begin(), count, memory.get());
        connection.receive_data({memory.get(), count}, {});
        if (how == delivery::held) {
          if (auto event = connection.next_event()) result.events.push_back(describe(*event));
          connection.hold_input();
          memory.reset();
        }
        drain(connection, result);
      } else {
        std::copy_n(as_bytes(left).begin(), count, space.begin());
        connection.receive_direct(count, {});
        drain(connection, result);
      }
      left.erase(0, count);
    }
  }
  if (with_eof) {
    connection.receive_eof();
    drain(connection, result);
  }
  result.close_rcvd = connection.close_rcvd();
  result.close_sent = connection.close_sent();
  result.state = connection.state();
  result.wants_shutdown = connection.wants_shutdown();
  return result;
}

/// The text so many times.
inline std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// The stream in pieces of `size` bytes.
inline std::vector<std::string> chopped(const std::string& stream, std::size_t size) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < stream.size(); at += size) {
    pieces.push_back(stream.substr(at, size));
  }
  return pieces;
}

/// Calls `check` with the stream cut in two at every place, and in pieces of several sizes.
inline void for_every_chop(const std::string& stream,
                           const std::function<void(const std::vector<std::string>&)>& check) {
  check({stream});
  // Long streams are cut near their ends, where headers are, and at some places between.
  const std::size_t step = stream.size() > 2000 ? 997 : 1;
  for (std::size_t cut = 1; cut < stream.size(); cut += 1) {
    const bool near_end = cut < 64 || stream.size() - cut < 64;
    if (near_end || cut % step == 0) check({stream.substr(0, cut), stream.substr(cut)});
  }
  for (const std::size_t size : {1, 2, 3, 5, 7, 13, 64, 1000}) {
    if (size < stream.size()) check(chopped(stream, size));
  }
}

}  // namespace duplex::test
