// permessage-deflate: messages come out as they went in, whatever was negotiated and however they
// are cut; bytes that nobody compressed come to the same end however they are chopped, within the
// room there is.
#include <duplex/protocol/permessage_deflate.hpp>

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "property.hpp"

using namespace duplex;
using fuzz::require;
using protocol::extension;
using protocol::permessage_deflate;

namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max() / 2;

deflate_options options_of(fuzz::input& in) {
  const unsigned flags = in.byte(), windows = in.byte();
  return {.server_no_context_takeover = (flags & 1) != 0,
          .client_no_context_takeover = (flags & 2) != 0,
          .server_max_window_bits = static_cast<int>(8 + windows % 8),
          .client_max_window_bits = static_cast<int>(8 + windows / 8 % 8),
          .level = static_cast<int>(flags / 4 % 10),
          .memory_level = static_cast<int>(1 + windows / 64),
          .threshold = flags / 40 * 30};
}

// zlib as a reader who keeps exactly the window: it puts out one byte at a time, so that it cannot
// refer to what it has just put out.
class strict_reader {
 public:
  explicit strict_reader(int window_bits) { inflateInit2(&stream_, -window_bits); }
  strict_reader(strict_reader&&) = delete;
  ~strict_reader() { inflateEnd(&stream_); }

  std::string read(std::string bytes, bool keeps_context) {
    bytes.append("\0\0\xFF\xFF", 4);
    stream_.next_in = reinterpret_cast<unsigned char*>(bytes.data());
    stream_.avail_in = static_cast<unsigned>(bytes.size());
    std::string text;
    int result = Z_OK;
    while (result == Z_OK) {
      unsigned char byte;
      stream_.next_out = &byte;
      stream_.avail_out = 1;
      result = inflate(&stream_, Z_SYNC_FLUSH);
      if (stream_.avail_out == 0) text += static_cast<char>(byte);
    }
    require(result == Z_BUF_ERROR, "what is sent refers no further back than the window");
    if (!keeps_context) inflateReset(&stream_);
    return text;
  }

 private:
  z_stream stream_ = {};
};

// The value of a parameter in a response.
int window_of(const protocol::extension_parameters& response, std::string_view name) {
  for (const auto& each : response) {
    if (each.name == name) return std::stoi(each.value.value_or("15"));
  }
  return 15;
}

bool has(const protocol::extension_parameters& response, std::string_view name) {
  return std::any_of(response.begin(), response.end(),
                     [&](const auto& each) { return each.name == name; });
}

// One direction: a sender and its receiver.
struct direction {
  direction(extension& from, extension& to, int window_bits, bool keeps_context)
      : sender(from), receiver(to), strict(window_bits), keeps(keeps_context) {}

  void send(const std::string& message, unsigned fragments, unsigned chops,
            std::optional<bool> compress) {
    auto pieces = fuzz::chopped(message, fragments);
    if (pieces.empty()) pieces.emplace_back();
    buffer sent;
    bool marked = false;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool first = i == 0, last = i + 1 == pieces.size();
      const bool changed = sender.encode({as_bytes(pieces[i]), first, last, compress}, sent);
      if (first) marked = changed;
      if (!marked) {
        require(sent.empty(), "what is not compressed stays as it is");
        return;
      }
    }
    receive(std::string(as_text(sent.bytes())), message, chops);
  }

  void receive(const std::string& sent, const std::string& message, unsigned chops) {
    require(strict.read(sent, keeps) == message, "zlib reads what was sent");
    buffer out;
    auto pieces = fuzz::chopped(sent, chops);
    if (pieces.empty()) pieces.emplace_back();
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool last = i + 1 == pieces.size();
      const auto problem =
          receiver.decode(as_bytes(pieces[i]), last, out, message.size() - out.size());
      require(!problem, "what was sent is understood");
      require(out.size() <= message.size(), "no more comes out than went in");
    }
    require(as_text(out.bytes()) == message, "messages come out as they went in");
  }

  extension& sender;
  extension& receiver;
  strict_reader strict;
  bool keeps;
};

void check_round_trips(fuzz::input& in) {
  const permessage_deflate client(options_of(in)), server(options_of(in));
  const auto offers = client.offers();
  require(offers.size() == 1, "there is one offer");
  auto agreement = server.answer(offers.front());
  require(agreement.has_value(), "the server takes the client's offer");
  const auto& response = agreement->response;
  const auto of_client = client.accept(response);

  const bool server_keeps = !has(response, "server_no_context_takeover");
  const bool client_keeps = !has(response, "client_no_context_takeover");
  direction up(*of_client, *agreement->extension, window_of(response, "client_max_window_bits"),
               client_keeps);
  direction down(*agreement->extension, *of_client, window_of(response, "server_max_window_bits"),
                 server_keeps);
  std::string text;
  for (int i = 0; i < 30 && !in.empty(); ++i) {
    const unsigned choice = in.byte(), fragments = in.byte(), chops = in.byte();
    const auto repeat = 1 + choice / 16;
    // Most messages resemble the one before.
    if (choice % 4 != 0) text.resize(text.size() / 2);
    text += in.take(in.byte());
    std::string message;
    for (unsigned j = 0; j < repeat && message.size() < 5000; ++j) message += text;
    auto& way = choice % 2 == 0 ? up : down;
    way.send(message, fragments, chops,
             choice % 8 < 4 ? std::optional<bool>() : std::optional<bool>(true));
  }
}

// What became of a message of anyone's bytes.
struct ending {
  std::optional<std::string> problem = {};
  bool too_big = false;
  std::string text = {};

  bool operator==(const ending&) const = default;
};

std::vector<ending> decode(extension& it, const std::vector<std::string_view>& messages,
                           unsigned chops, std::size_t room) {
  std::vector<ending> endings;
  for (const auto message : messages) {
    ending result;
    buffer out;
    auto pieces = fuzz::chopped(message, chops);
    if (pieces.empty()) pieces.emplace_back();
    for (std::size_t i = 0; i < pieces.size() && !result.problem && !result.too_big; ++i) {
      const bool last = i + 1 == pieces.size();
      const auto problem = it.decode(as_bytes(pieces[i]), last, out, room - out.size());
      require(out.size() <= room + 1, "inflating ends with the room");
      if (problem) result.problem = problem->reason;
      result.too_big = !problem && out.size() > room;
    }
    const bool failed = result.problem || result.too_big;
    if (!failed) result.text = as_text(out.bytes());
    endings.push_back(std::move(result));
    if (failed) break;  // and so does the connection
  }
  return endings;
}

void check_any_bytes(fuzz::input& in) {
  const unsigned chops = in.byte();
  constexpr std::size_t rooms[] = {no_limit, 0, 1, 1000, 65536};
  const auto room = std::min(rooms[in.byte() % std::size(rooms)], std::size_t{1} << 20);
  std::vector<std::string_view> messages;
  while (!in.empty()) messages.push_back(in.take(in.number(4095)));
  // The widest window: a peer who exceeds a narrow one may be found out sooner or later.
  const permessage_deflate server;
  const auto decoder = [&] { return std::move(server.answer({})->extension); };
  require(decode(*decoder(), messages, chops, room) == decode(*decoder(), messages, 0, room),
          "chops change nothing");
}

}  // namespace

// An input's first byte chooses between messages of ours and anyone's bytes.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  if (in.byte() % 2 == 0) {
    check_round_trips(in);
  } else {
    check_any_bytes(in);
  }
  return 0;
}
