// An extension of one's own: each message carries a checksum, which the other side checks.
#include <duplex/duplex.hpp>
#include <iostream>
using namespace duplex;
// One end of a connection: a byte behind each message makes the sum of all bytes 0.
class checksum final : public protocol::extension {
 public:
  protocol::reserved_bit bit() const noexcept override { return protocol::reserved_bit::rsv2; }

  bool encode(const protocol::outgoing_fragment& fragment, buffer& out) override {
    out.append(fragment.payload);
    for (const auto byte : fragment.payload) sent_ += std::to_integer<unsigned char>(byte);
    if (fragment.last) *out.extend(1) = static_cast<std::byte>(-std::exchange(sent_, 0));
    return true;
  }
  std::optional<protocol::decode_problem> decode(std::span<const std::byte> bytes, bool last,
                                                 buffer& out, std::size_t) override {
    for (const auto byte : bytes) {  // the last of them is held back: it may be the checksum
      if (held_) *out.extend(1) = *held_;
      held_ = byte;
      received_ += std::to_integer<unsigned char>(byte);
    }
    if (!last) return std::nullopt;
    if (std::exchange(held_, {}) && std::exchange(received_, 0) == 0) return std::nullopt;
    return protocol::decode_problem{close_code::invalid_data, "the checksum is wrong"};
  }

 private:
  unsigned char sent_ = 0, received_ = 0;
  std::optional<std::byte> held_;
};
// How both sides agree on it; it has no parameters.
struct checksums final : protocol::client_extension, protocol::server_extension {
  using parameters = protocol::extension_parameters;
  std::string name() const override { return "x-checksum"; }
  std::vector<parameters> offers() const override { return {{}}; }
  std::unique_ptr<protocol::extension> accept(const parameters&) const override {
    return std::make_unique<checksum>();
  }
  std::optional<agreement> answer(const parameters& offer) const override {
    return agreement{offer, std::make_unique<checksum>()};
  }
};

task<> talk(std::string uri) {
  const checksums offered;
  auto ws = co_await connect(uri, {.extensions = {&offered}});
  co_await ws.send("Hello world!");
  auto reply = co_await ws.recv();
  const auto agreed = ws.response().headers.get("Sec-WebSocket-Extensions").value_or("nothing");
  std::cout << "Received: " << reply.text() << " (with " << agreed << ")\n";
}

task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

int main() {
  auto server = serve(echo, "127.0.0.1", 0, {.extensions = {std::make_shared<checksums>()}});
  run(talk("ws://127.0.0.1:" + std::to_string(server.port())));
}
