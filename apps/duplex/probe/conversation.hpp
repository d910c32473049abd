// An open connection to the target: bytes out, and what the server says in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "probe/frames.hpp"
#include "probe/http.hpp"
#include "probe/peer.hpp"

namespace duplex::probe {

/// The server refused a right handshake, or took no connection. The message is printable.
class no_conversation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A whole message of the server, or a control frame.
struct said {
  unsigned code = text_code;
  std::string payload = {};

  bool operator==(const said&) const = default;
};

said says_text(std::string_view payload);
said says_binary(std::string_view payload);
said says_pong(std::string_view payload);

/// The code of a close frame; 1005 for an empty payload.
std::uint16_t code_of(const said& close);
/// `text "hello"`, `close 1002 "reason"`: printable, and cut where it is long.
std::string describe(const said& said);

/// Speaks frames once the handshake is done. Not to be copied or shared; each call is bounded by
/// its deadline.
class conversation {
 public:
  /// Turns the payload of a compressed message into what it means, or throws std::runtime_error.
  using decoder = std::function<std::string(std::string_view)>;

  /// Connects and opens, with an offer of extensions if given.
  conversation(const target& target, time_point deadline, std::string_view extensions = {});
  /// Takes over a peer whose handshake is done.
  conversation(peer& opened, time_point deadline) : peer_(&opened), deadline_(deadline) {}

  /// Writes bytes, `chop` of them at a time unless it is 0.
  void send(std::string_view bytes, std::size_t chop = 0);
  /// What the server says next; nullopt where nothing came until then, or nothing will. Its pings
  /// are answered and left out.
  std::optional<said> next(time_point until);
  std::optional<said> next() { return next(deadline_); }

  /// From now on messages may be compressed.
  void decode_with(decoder decode) { decode_ = std::move(decode); }
  /// What the server agreed to.
  const duplex::headers& response() const { return response_.headers; }

  /// Why `next` gave nothing: "nothing more in 4000 ms", "the end of the connection", ...
  std::string ending() const;
  bool ended() const { return last_ == peer::outcome::end || last_ == peer::outcome::reset; }
  bool timed_out() const { return last_ == peer::outcome::timeout; }
  /// The first thing the server did that no server may do, if it did one.
  const std::optional<breach>& violation() const { return violation_; }
  time_point deadline() const { return deadline_; }
  /// Half-closes.
  void finish_writing() { peer_->finish_writing(); }

 private:
  std::optional<frame> next_frame(time_point until);
  std::optional<said> receive(frame received);
  std::optional<said> finish_message();
  void violate(std::string what, std::string section);

  std::optional<peer> own_peer_;
  peer* peer_;
  time_point deadline_;
  answer response_ = {};
  decoder decode_ = {};
  peer::outcome last_ = peer::outcome::data;
  std::optional<breach> violation_;
  bool broken_ = false;  // what comes makes no sense any more

  bool in_message_ = false;
  bool compressed_ = false;
  said message_;
};

}  // namespace duplex::probe
