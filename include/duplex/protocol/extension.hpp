// Extensions of the protocol (RFC 6455 section 9): what one does, and how two sides agree on it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/buffer.hpp>
#include <duplex/close_code.hpp>
#include <duplex/protocol/header_grammar.hpp>

namespace duplex::protocol {

/// The reserved bit an extension marks messages with that it changed, on their first frame, as it
/// stands in a frame's first byte (section 5.2).
enum class reserved_bit : unsigned char { rsv1 = 0x40, rsv2 = 0x20, rsv3 = 0x10 };

/// A message to be sent, or the next fragment of one.
struct outgoing_fragment {
  std::span<const std::byte> payload = {};
  bool first = true;
  bool last = true;
  /// What send_options::compress says; nullopt: the extension decides.
  std::optional<bool> compress = {};
};

/// Why a message cannot be decoded: the connection fails with it (section 7.1.7).
struct decode_problem {
  duplex::close_code code = duplex::close_code::invalid_data;
  std::string reason = {};
};

/// An extension two sides agreed on, for one connection: it changes messages on their way.
///
/// It works on the bytes of a message in order, whatever frames they come in. Messages do not mix:
/// one is ended before the next begins, in each direction. The connection owns it and calls it
/// from one thread at a time. What it throws drops the connection and reaches whoever sends or
/// receives: the other side could not follow any more.
class extension {
 public:
  virtual ~extension() = default;

  /// The same for the whole life of the object.
  virtual reserved_bit bit() const noexcept = 0;

  /// Appends to `out` what is to be sent for `fragment`. False for the first fragment of a message
  /// leaves all of that message as it is, and unmarked; nothing may have been appended then. Of
  /// later fragments the result does not count.
  virtual bool encode(const outgoing_fragment& fragment, buffer& out) = 0;

  /// Appends to `out` what the next bytes of a marked message stand for; `last` where it ends with
  /// them. May stop, the message being lost, as soon as more than `room` bytes have been appended:
  /// then the connection fails with 1009. Never throws for what a peer sent.
  virtual std::optional<decode_problem> decode(std::span<const std::byte> bytes, bool last,
                                               buffer& out, std::size_t room) = 0;

  /// Extensions with the same key, however many connections they belong to, encode a whole message
  /// alike as long as it refers to no earlier one: a broadcast is encoded once for all of them.
  /// Empty: this one shares with nobody.
  virtual std::string sharing_key() const { return {}; }
  /// What is encoded next must not refer to messages encoded before: a marked message that another
  /// extension with the same key encoded is, or was, sent. Called only where there is a key.
  virtual void forget_sent() noexcept {}
};

/// What a client knows of an extension. Used by any number of connections, from any thread.
class client_extension {
 public:
  virtual ~client_extension() = default;
  /// The token of the registry (section 11.4).
  virtual std::string name() const = 0;
  /// What the request offers, best first: a server takes one of them.
  virtual std::vector<extension_parameters> offers() const = 0;
  /// The extension as the server's response has it. Throws negotiation_error where the response
  /// fits none of the offers.
  virtual std::unique_ptr<extension> accept(const extension_parameters& response) const = 0;
};

/// What a server knows of an extension. Used by any number of connections, from any thread.
class server_extension {
 public:
  struct agreement {
    extension_parameters response = {};
    std::unique_ptr<protocol::extension> extension = {};
  };

  virtual ~server_extension() = default;
  virtual std::string name() const = 0;
  /// The answer to one offer of a client; nullopt declines it.
  virtual std::optional<agreement> answer(const extension_parameters& offer) const = 0;
};

using extension_list = std::vector<std::unique_ptr<extension>>;
using client_extensions = std::vector<std::shared_ptr<const client_extension>>;
using server_extensions = std::vector<std::shared_ptr<const server_extension>>;

/// What a server takes of a client's offers.
struct extension_agreement {
  std::string header = {};  ///< the value of Sec-WebSocket-Extensions; empty: there is none
  extension_list extensions = {};
};

/// Every extension the server knows, in the server's order, with the first offer of it that it
/// answers; where two want the same reserved bit the earlier has it.
extension_agreement answer_offers(const extension_offers& offers, const server_extensions& known);

/// The value of a request's Sec-WebSocket-Extensions; empty where nothing is offered.
std::string write_offers(const client_extensions& known);

/// Judges a server's response. Throws negotiation_error where it names what was not offered, or
/// names it twice, has wrong parameters, or gives one reserved bit to two extensions.
extension_list accept_response(const extension_offers& response, const client_extensions& known);

/// The extensions of one connection, one behind the other: the first agreed on is the first that
/// changes a message to be sent, and the last that changes a received one.
class extension_chain {
 public:
  explicit extension_chain(extension_list extensions);

  /// The reserved bits a message may carry.
  unsigned char bits() const noexcept { return bits_; }

  /// What is to be sent for a fragment: its payload where nothing changes it, else `scratch`.
  std::span<const std::byte> encode(outgoing_fragment fragment, buffer& scratch);
  /// The bits of the first frame of the message last begun with `encode`.
  unsigned char sent_bits() const noexcept { return sent_bits_; }

  /// As `extension::sharing_key`, of all of them.
  std::string sharing_key() const;
  void forget_sent() noexcept;

  /// A message begins whose first frame has these bits, some of `bits()`.
  void begin_decoding(unsigned char bits) noexcept;
  /// As `extension::decode`, through all that changed the message.
  std::optional<decode_problem> decode(std::span<const std::byte> bytes, bool last, buffer& out,
                                       std::size_t room);

 private:
  extension_list extensions_;
  unsigned char bits_ = 0;
  unsigned char sent_bits_ = 0;
  std::vector<bool> sending_, receiving_;  // which of them change the message under way
};

}  // namespace duplex::protocol
