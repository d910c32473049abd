// The options of permessage-deflate (RFC 7692).
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>

namespace duplex {

/// How messages are compressed. The first four are what the sides negotiate (section 7.1): a peer
/// may ask for less than they say, never for more.
///
/// A connection keeps what was sent and received last, to refer to it: at most 16 KiB for what it
/// sends, 2^bits bytes and 7 KiB for what it receives, 55 KiB by default; nothing of it before the
/// first compressed message.
struct deflate_options {
  /// Nothing is kept between messages the server sends.
  bool server_no_context_takeover = false;
  /// Nothing is kept between messages the client sends.
  bool client_no_context_takeover = false;
  /// 2^bits bytes are how far back messages of the server refer: 8 to 15.
  int server_max_window_bits = 15;
  /// The same of the client. A client that says nothing of its window has 15 all the same.
  int client_max_window_bits = 15;
  /// 0 (none) to 9 (best), as zlib has them. 1 to 3 are fast where ISA-L is installed: 1
  /// compresses JSON to about 1.2 times the bytes of 6 in a fifth of its time.
  int level = 1;
  /// 1 to 9, as zlib has them: of memory that is shared by all connections of a thread.
  int memory_level = 8;
  /// Messages of fewer bytes are sent as they are, fragmented ones aside: little is gained there,
  /// and a frame of up to 125 bytes has the shortest header.
  std::size_t threshold = 128;
  /// A received message that has grown, wherever in it, to more than so many times the compressed
  /// bytes that came fails the connection with 1009; up to 64 KiB it does not. nullopt: max_size
  /// alone decides.
  std::optional<std::size_t> max_ratio = {};
};

static_assert(std::is_trivially_destructible_v<deflate_options>);

}  // namespace duplex
