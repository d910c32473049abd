// How two sides agree on extensions, and messages on their way through them.
#include <duplex/protocol/extension.hpp>

#include <algorithm>

#include <duplex/error.hpp>

namespace duplex::protocol {
namespace {

unsigned char bit_of(const extension& each) { return static_cast<unsigned char>(each.bit()); }

// Appends an extension unless its reserved bit is taken.
bool append(extension_list& to, std::unique_ptr<extension> added) {
  const bool taken = std::any_of(to.begin(), to.end(), [&](const auto& each) {
    return (bit_of(*each) & bit_of(*added)) != 0;
  });
  if (!taken) to.push_back(std::move(added));
  return !taken;
}

// What a stage in the middle may hold of a message: one that holds more for no good reason is
// bounded, and one that is wanted has a little more than it will be.
std::size_t room_between(std::size_t room) {
  constexpr std::size_t overhead = std::size_t{1} << 16;
  return room > static_cast<std::size_t>(-1) - overhead ? room : room + overhead;
}

}  // namespace

extension_agreement answer_offers(const extension_offers& offers, const server_extensions& known) {
  extension_agreement agreed;
  extension_offers response;
  for (const auto& each : known) {
    const std::string name = each->name();
    for (const extension_offer& offer : offers) {
      if (offer.name != name) continue;
      auto answer = each->answer(offer.parameters);
      if (!answer || !append(agreed.extensions, std::move(answer->extension))) continue;
      response.push_back({name, std::move(answer->response)});
      break;
    }
  }
  agreed.header = write_extensions(response);
  return agreed;
}

std::string write_offers(const client_extensions& known) {
  extension_offers offers;
  for (const auto& each : known) {
    for (auto& parameters : each->offers()) offers.push_back({each->name(), std::move(parameters)});
  }
  return write_extensions(offers);
}

extension_list accept_response(const extension_offers& response, const client_extensions& known) {
  extension_list agreed;
  std::vector<std::string> names;
  for (const auto& [name, parameters] : response) {
    const auto found = std::find_if(known.begin(), known.end(), [&name = name](const auto& each) {
      return each->name() == name;
    });
    if (found == known.end()) throw negotiation_error("unexpected extension '" + name + "'");
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      throw negotiation_error("more than one extension '" + name + "'");
    }
    names.push_back(name);
    if (!append(agreed, (*found)->accept(parameters))) {
      throw negotiation_error("extension '" + name + "' has the reserved bit of another");
    }
  }
  return agreed;
}

extension_chain::extension_chain(extension_list extensions)
    : extensions_(std::move(extensions)),
      sending_(extensions_.size()),
      receiving_(extensions_.size()) {
  for (const auto& each : extensions_) bits_ |= bit_of(*each);
}

std::span<const std::byte> extension_chain::encode(outgoing_fragment fragment, buffer& scratch) {
  if (fragment.first) sent_bits_ = 0;
  for (std::size_t i = 0; i < extensions_.size(); ++i) {
    if (!fragment.first && !sending_[i]) continue;
    buffer out;
    const bool changed = extensions_[i]->encode(fragment, out);
    if (fragment.first) sending_[i] = changed;
    if (!sending_[i]) continue;
    if (fragment.first) sent_bits_ |= bit_of(*extensions_[i]);
    scratch = std::move(out);
    fragment.payload = scratch.bytes();
  }
  return fragment.payload;
}

std::string extension_chain::sharing_key() const {
  std::string all;
  for (const auto& each : extensions_) {
    const std::string key = each->sharing_key();
    if (key.empty()) return {};
    all.append(key).append(";");
  }
  return all;
}

void extension_chain::forget_sent() noexcept {
  for (const auto& each : extensions_) each->forget_sent();
}

void extension_chain::begin_decoding(unsigned char bits) noexcept {
  for (std::size_t i = 0; i < extensions_.size(); ++i) {
    receiving_[i] = (bits & bit_of(*extensions_[i])) != 0;
  }
}

std::optional<decode_problem> extension_chain::decode(std::span<const std::byte> bytes, bool last,
                                                      buffer& out, std::size_t room) {
  // The sender's first comes last here, and writes to where the message stays.
  const auto first = std::find(receiving_.begin(), receiving_.end(), true) - receiving_.begin();
  buffer between;
  for (auto i = extensions_.size() - 1;; --i) {
    if (!receiving_[i]) continue;
    if (i == static_cast<std::size_t>(first)) {
      return extensions_[i]->decode(bytes, last, out, room);
    }
    buffer decoded;
    const std::size_t room_here = room_between(room);
    if (auto problem = extensions_[i]->decode(bytes, last, decoded, room_here)) return problem;
    if (decoded.size() > room_here) {
      return decode_problem{close_code::message_too_big,
                            "message exceeds limit while it is decoded"};
    }
    between = std::move(decoded);
    bytes = between.bytes();
  }
}

}  // namespace duplex::protocol
