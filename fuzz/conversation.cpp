// A client and a server of ours talk over a pipe that cuts, stalls and breaks: what one sends the
// other receives, in order, and neither ever finds fault with the other.
#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include <algorithm>
#include <array>
#include <chrono>

#include "property.hpp"
#include "support/protocol.hpp"

using namespace duplex;
using fuzz::require;
using protocol::connection;
using protocol::side;
using protocol::state;

namespace {

constexpr std::size_t max_size = 100'000;

// One side, its end of the pipe, and what it said and heard.
struct party {
  explicit party(side own) : it(own, {.max_size = max_size}, {}, keys()) {}

  // Masks that differ and can be had again.
  static protocol::random_source keys() {
    return [state = 1U](std::byte* to, std::size_t count) mutable {
      for (std::size_t i = 0; i < count; ++i) {
        to[i] = static_cast<std::byte>((state = state * 1103515245U + 12345U) >> 16);
      }
    };
  }

  bool may_send() const { return it.state() == state::open; }

  connection it;
  std::string outgoing = {};    // bytes on their way to the peer
  std::size_t given_away = 0;   // of them, not told as sent yet
  std::string unfinished = {};  // fragments sent of a message that is not over
  bool in_fragments = false;
  bool text_fragments = false;
  std::vector<std::string> sent = {}, received = {};
  std::uint64_t last_ping = 0, last_pong = 0;
  bool closed_event = false;
};

class conversation {
 public:
  explicit conversation(fuzz::input in) : in_(in) {}

  void run() {
    if (const unsigned flags = in_.byte(); flags % 4 != 0) agree_on_compression(flags);
    for (int step = 0; step < 1000 && !in_.empty(); ++step) {
      const unsigned choice = in_.byte();
      act(parties_[choice % 2], parties_[1 - choice % 2], choice / 2 % 16);
      for (const party& each : parties_) check(each);
    }
    finish();
  }

 private:
  void agree_on_compression(unsigned flags) {
    const auto options = [&](unsigned windows) {
      return deflate_options{.server_no_context_takeover = (flags & 4) != 0,
                             .client_no_context_takeover = (flags & 8) != 0,
                             .server_max_window_bits = static_cast<int>(8 + windows % 8),
                             .client_max_window_bits = static_cast<int>(8 + windows / 8 % 8),
                             .level = static_cast<int>(flags / 16 % 10),
                             .threshold = windows / 64 * 40};
    };
    const protocol::permessage_deflate client(options(in_.byte())), server(options(in_.byte()));
    auto agreement = server.answer(client.offers().front());
    protocol::extension_list of_client, of_server;
    of_client.push_back(client.accept(agreement->response));
    of_server.push_back(std::move(agreement->extension));
    parties_[0].it.set_extensions(std::move(of_client));
    parties_[1].it.set_extensions(std::move(of_server));
  }

  // One step of `self`: to say something, or to let bytes or time pass.
  void act(party& self, party& peer, unsigned choice) {
    const auto size = in_.number(choice == 0 ? max_size : 300);
    switch (choice) {
      case 0:
      case 1:
      case 2:
        return send(self, size, choice == 2);
      case 3:
      case 4:
        return send_fragment(self, size, choice == 4);
      case 5:
        if (self.may_send()) self.last_ping = self.it.send_ping(as_bytes(unique(size)), now_);
        return;
      case 6:
        if (self.may_send()) self.it.send_pong(as_bytes(payload(size % 126)));
        return;
      case 7:
        if (self.may_send()) self.it.send_close(size % 2 == 0 ? 1000 : 4000, "bye", now_);
        return;
      case 8:
        now_ += std::chrono::milliseconds(10 * size);
        return self.it.advance(now_);
      case 9:
        return write(self, size);
      case 10:
        return give_away(self);
      case 11:
        return told_sent(self, size);
      case 12:
        return deliver(self, peer, size, size % 2 == 0);
      default:
        write(self, max_size);
        return deliver(self, peer, 1 + size * size, false);
    }
  }

  // Text of characters of several sizes, so that cuts fall into them.
  static std::string payload(std::size_t size) {
    static constexpr std::string_view pattern = "a€😀ß";
    std::string text;
    while (text.size() + pattern.size() <= size) text += pattern;
    text.resize(size, '.');
    return text;
  }

  // The payload of a ping whose pong answers no earlier one.
  std::string unique(std::size_t size) {
    const std::string number = std::to_string(++pings_);
    return number + payload(size % (126 - number.size()));
  }

  static std::optional<bool> compression_of(std::size_t size) {
    if (size % 3 == 0) return std::nullopt;
    return size % 3 == 1;
  }

  void send(party& self, std::size_t size, bool binary) {
    if (!self.may_send() || self.in_fragments || size > volume_left_) return;
    volume_left_ -= size;
    const std::string text = payload(size);
    const auto type = binary ? message::type::binary : message::type::text;
    self.it.send(type, as_bytes(text), true, compression_of(size));
    self.it.hold_output();
    self.sent.push_back((binary ? "binary " : "text ") + text);
  }

  static void send_fragment(party& self, std::size_t size, bool last) {
    if (!self.may_send()) return;
    if (!self.in_fragments) {
      self.in_fragments = true;
      self.text_fragments = size % 2 == 0;
      self.unfinished.clear();
    }
    const std::string text = payload(size);
    if (self.unfinished.size() + text.size() > max_size) return;
    const auto type = self.text_fragments ? message::type::text : message::type::binary;
    self.it.send_fragment(type, as_bytes(text), last, compression_of(size));
    self.unfinished += text;
    if (!last) return;
    self.in_fragments = false;
    self.sent.push_back((self.text_fragments ? "text " : "binary ") + self.unfinished);
  }

  // The socket takes at most `count` bytes.
  static void write(party& self, std::size_t count) {
    if (self.given_away != 0) return told_sent(self, count);
    std::size_t written = 0;
    for (const auto part : self.it.data_to_send()) {
      const auto piece = as_text(part).substr(0, count - written);
      self.outgoing += piece;
      written += piece.size();
    }
    self.it.data_sent(written);
  }

  static void give_away(party& self) {
    const buffer bytes = self.it.take_data_to_send();
    self.outgoing += as_text(bytes.bytes());
    self.given_away += bytes.size();
  }

  static void told_sent(party& self, std::size_t count) {
    count = std::min(count, self.given_away);
    self.given_away -= count;
    self.it.data_sent(count);
  }

  // At most `count` bytes of the pipe reach `self`.
  void deliver(party& self, party& peer, std::size_t count, bool hold) {
    count = std::min(count, peer.outgoing.size());
    const std::string bytes = peer.outgoing.substr(0, count);
    peer.outgoing.erase(0, count);
    const auto space = self.it.direct_read_space();
    if (!space.empty() && count <= space.size()) {
      std::copy_n(as_bytes(bytes).begin(), count, space.begin());
      self.it.receive_direct(count, now_);
    } else {
      self.it.receive_data(as_bytes(bytes), now_);
    }
    if (hold) {
      if (auto event = self.it.next_event()) hear(self, *event);
      return self.it.hold_input();
    }
    while (auto event = self.it.next_event()) hear(self, *event);
  }

  static void hear(party& self, const protocol::event& event) {
    require(!self.closed_event, "no event follows the close");
    switch (event.kind) {
      case protocol::event::type::message:
        return self.received.push_back(test::describe(event));
      case protocol::event::type::pong:
        if (!event.ping_id) return;
        require(*event.ping_id > self.last_pong, "pongs answer pings in order");
        self.last_pong = *event.ping_id;
        return;
      case protocol::event::type::close:
        self.closed_event = true;
        return;
      case protocol::event::type::fragment:
      case protocol::event::type::ping:
        return;
    }
  }

  static void check(const party& self) {
    const auto& sent = self.it.close_sent();
    if (!sent || (self.it.close_rcvd() && self.it.rcvd_then_sent() == true)) return;
    require(sent->code == 1000 || sent->code == 4000 || sent->reason == "keepalive ping timeout",
            "neither side finds fault with the other");
  }

  // Everything under way arrives; then the close handshake, if there is one, and the end of TCP.
  void finish() {
    auto& [client, server] = parties_;
    bool quiet = false;
    while (!quiet) {
      quiet = true;
      for (auto [self, peer] : {std::pair(&client, &server), std::pair(&server, &client)}) {
        told_sent(*self, self->given_away);
        write(*self, ~std::size_t{0});
        quiet = quiet && self->outgoing.empty();
        deliver(*peer, *self, self->outgoing.size(), false);
        quiet = quiet && peer->it.buffered_amount() == 0;
      }
    }
    for (auto [self, peer] : {std::pair(&client, &server), std::pair(&server, &client)}) {
      check(*self);
      compare(*self, *peer);
      require(!self->may_send() || !peer->may_send() || self->last_pong >= self->last_ping,
              "the last ping is answered");
      require(failed(*peer) || self->it.close_sent() == peer->it.close_rcvd(),
              "a close frame arrives as sent");
    }
    for (party& each : parties_) {
      each.it.receive_eof();
      while (auto event = each.it.next_event()) hear(each, *event);
      require(each.it.state() == state::closed && each.closed_event, "the end is the end");
      require(each.it.close_code().has_value(), "the end has a code");
    }
  }

  static void compare(const party& sender, const party& receiver) {
    require(receiver.received.size() <= sender.sent.size() &&
                std::equal(receiver.received.begin(), receiver.received.end(), sender.sent.begin()),
            "what is received was sent, in order");
    require(failed(receiver) || receiver.received.size() == sender.sent.size(),
            "everything sent is received");
  }

  // Of silence, the only reason here; it discards what comes.
  static bool failed(const party& self) {
    return self.it.close_sent() && self.it.close_sent()->code == 1011;
  }

  fuzz::input in_;
  protocol::time_point now_ = {};
  int pings_ = 0;
  std::size_t volume_left_ = 2 * max_size;  // what a conversation may say, for it to be quick
  std::array<party, 2> parties_{party(side::client), party(side::server)};
};

}  // namespace

// An input is a list of steps: one byte for who does what, two for how much.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  conversation(fuzz::input(data, size)).run();
  return 0;
}
