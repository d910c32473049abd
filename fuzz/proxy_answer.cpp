// What a client makes of a proxy's answers: the same however they are chopped, without end of none,
// and nothing of what follows is taken.
#include <duplex/buffer.hpp>
#include <duplex/error.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "property.hpp"
#include "protocol/proxy_handshake.hpp"

using namespace duplex;
using fuzz::require;

namespace {

constexpr std::size_t body_max = 16'384;
constexpr std::string_view more_than_its_answer = "proxy proxy:1 sent more than its answer";

struct outcome {
  std::string sent = {};
  std::string failure = {};
  std::string refusal = {};  // the body of one
  bool done = false;

  bool operator==(const outcome&) const = default;
};

// A client's side towards one proxy.
class conversation {
 public:
  explicit conversation(unsigned choice) {
    using type = detail::proxy::type;
    constexpr std::array kinds{type::http, type::socks4, type::socks4a, type::socks5,
                               type::socks5h};
    constexpr std::array<const char*, 3> hosts{"example.com", "192.0.2.1", "2001:db8::1"};
    detail::proxy proxy{.kind = kinds.at(choice % kinds.size()), .host = "proxy", .port = 1};
    if (choice / 8 % 2 == 1) proxy.credentials = {"ada", "secret"};
    const bool is_4 = proxy.kind == type::socks4 || proxy.kind == type::socks4a;
    const auto* host = hosts.at(choice / 16 % (is_4 ? 2 : 3));
    handshake_ = protocol::make_proxy_handshake(proxy, host, 443, "duplex");
    result_.sent = handshake_->take_data_to_send();
    require(!result_.sent.empty() && !ended(), "a client speaks first");
  }

  void receive(std::string_view bytes) {
    handshake_->receive_data(as_bytes(bytes));
    result_.sent += handshake_->take_data_to_send();
  }
  void receive_eof() {
    handshake_->receive_eof();
    require(ended(), "the end is an answer");
  }
  bool done() const { return handshake_->done(); }
  bool failed() const { return handshake_->failure() != nullptr; }
  bool ended() const { return done() || failed(); }

  outcome result() {
    result_.done = done();
    if (failed()) describe_failure();
    require(!done() || !failed() || result_.failure == more_than_its_answer,
            "what is done fails by what follows alone");
    require(result_.refusal.size() <= body_max, "a body is bounded");
    return result_;
  }

 private:
  void describe_failure() {
    try {
      std::rethrow_exception(handshake_->failure());
    } catch (const invalid_proxy_status& refused) {
      result_.failure = refused.what();
      result_.refusal = refused.response().body;
      require(refused.response().status < 200 || refused.response().status >= 300, "2xx is yes");
    } catch (const proxy_error& other) {
      result_.failure = other.what();
    }
  }

  std::unique_ptr<protocol::proxy_handshake> handshake_;
  outcome result_;
};

outcome run(unsigned choice, const std::vector<std::string>& pieces, bool with_eof) {
  conversation talk(choice);
  for (const auto& piece : pieces) talk.receive(piece);
  if (with_eof) talk.receive_eof();
  return talk.result();
}

// Where the answer ends, if it does.
std::optional<std::size_t> size_of_answer(unsigned choice, std::string_view bytes) {
  conversation talk(choice);
  for (std::size_t at = 0; at < bytes.size() && !talk.failed(); ++at) {
    talk.receive(bytes.substr(at, 1));
    if (talk.done()) return at + 1;
  }
  return std::nullopt;
}

// Goes on and on with the same few bytes: 17 heads, a line or a body of the longest, are less.
void check_patience(unsigned choice, std::string_view bytes) {
  constexpr std::size_t pattern_max = 64, patience = 256 * 1024;
  if (bytes.empty() || bytes.size() > pattern_max) return;
  conversation talk(choice);
  for (std::size_t sent = 0; !talk.ended(); sent += bytes.size()) {
    require(sent < patience, "a proxy that goes on and on is given up");
    talk.receive(bytes);
  }
}

}  // namespace

// An input's first byte chooses the proxy, the second the chops and whether the end comes; the rest
// is what the proxy says.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const unsigned choice = in.byte(), how = in.byte();
  const bool with_eof = how >= 128;
  const auto bytes = in.rest();

  const auto whole = run(choice, {std::string(bytes)}, with_eof);
  require(run(choice, fuzz::chopped(bytes, how % 128), with_eof) == whole, "chops change nothing");
  require(run(choice, fuzz::chopped(bytes, 1), with_eof) == whole, "bytes change nothing");
  if (const auto answer = size_of_answer(choice, bytes)) {
    const auto exactly = run(choice, {std::string(bytes.substr(0, *answer))}, with_eof);
    require(exactly.done && exactly.failure.empty(), "an answer ends with its last byte");
    require(*answer == bytes.size() || whole.failure == more_than_its_answer,
            "what follows an answer is no part of it");
  }
  check_patience(choice, bytes);
  return 0;
}
