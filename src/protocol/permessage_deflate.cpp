// permessage-deflate: what the sides agree on, and messages on their way.
#include <duplex/protocol/permessage_deflate.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <duplex/error.hpp>

#include "protocol/deflate.hpp"

namespace duplex::protocol {
namespace {

// --- parameters

// What one offer or response says, checked.
struct parameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_max_window_bits = {};
  std::optional<int> client_max_window_bits = {};
  bool client_max_window_bits_alone = false;  // without a value
};

// Section 7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
std::optional<int> parse_window_bits(const std::string& text) {
  constexpr std::array<std::string_view, 8> values{"8", "9", "10", "11", "12", "13", "14", "15"};
  const auto found = std::find(values.begin(), values.end(), text);
  if (found == values.end()) return std::nullopt;
  return window_bits_min + static_cast<int>(found - values.begin());
}

std::string to_text(const extension_parameter& parameter) {
  return "'" + parameter.name + (parameter.value ? "=" + *parameter.value : "") + "'";
}

// Sections 7.1.1 and 7.1.2. Throws negotiation_error.
parameters parse(const extension_parameters& list, bool is_offer) {
  parameters result;
  for (auto each = list.begin(); each != list.end(); ++each) {
    const auto& [name, value] = *each;
    const auto same = [&name = name](const extension_parameter& other) {
      return other.name == name;
    };
    if (std::any_of(list.begin(), each, same)) {
      throw negotiation_error("more than one '" + name + "' of permessage-deflate");
    }
    bool valid = true;
    if (name == "server_no_context_takeover") {
      valid = result.server_no_context_takeover = !value;
    } else if (name == "client_no_context_takeover") {
      valid = result.client_no_context_takeover = !value;
    } else if (name == "server_max_window_bits") {
      if (value) result.server_max_window_bits = parse_window_bits(*value);
      valid = result.server_max_window_bits.has_value();
    } else if (name == "client_max_window_bits") {
      // "This parameter has no value or a decimal integer value" in an offer, a value in a
      // response.
      if (value) result.client_max_window_bits = parse_window_bits(*value);
      result.client_max_window_bits_alone = is_offer && !value;
      valid = result.client_max_window_bits || result.client_max_window_bits_alone;
    } else {
      throw negotiation_error("unknown parameter " + to_text(*each) + " of permessage-deflate");
    }
    if (!valid) {
      throw negotiation_error("invalid parameter " + to_text(*each) + " of permessage-deflate");
    }
  }
  return result;
}

extension_parameters to_list(const parameters& from) {
  extension_parameters list;
  const auto add_bits = [&list](const char* name, const std::optional<int>& bits) {
    if (bits) list.push_back({name, std::to_string(*bits)});
  };
  if (from.server_no_context_takeover) list.push_back({"server_no_context_takeover"});
  if (from.client_no_context_takeover) list.push_back({"client_no_context_takeover"});
  add_bits("server_max_window_bits", from.server_max_window_bits);
  add_bits("client_max_window_bits", from.client_max_window_bits);
  if (from.client_max_window_bits_alone) list.push_back({"client_max_window_bits"});
  return list;
}

std::optional<int> unless_default(int bits) {
  if (bits == window_bits_max) return std::nullopt;
  return bits;
}

// --- messages

// What one direction does.
struct direction {
  int window_bits = window_bits_max;
  bool context_takeover = true;
};

// What was sent last. Twice the size of a message is what it may refer to, at least 4 KiB and at
// most 16 KiB: of 2 KiB JSON, 32 KiB would save one byte in a hundred and double the time.
class sent_history {
 public:
  explicit sent_history(int window_bits) : window_(std::size_t{1} << window_bits) {}

  std::span<const std::byte> of_use_to(std::span<const std::byte> message) const {
    return bytes_.bytes().last(std::min(bytes_.size(), wanted(message)));
  }

  void add(std::span<const std::byte> message) {
    keep_ = std::max(keep_, wanted(message));
    message = message.last(std::min(message.size(), keep_));
    const std::size_t kept = std::min(bytes_.size(), keep_ - message.size());
    if (kept != bytes_.size()) {
      std::memmove(bytes_.data(), bytes_.data() + bytes_.size() - kept, kept);
      bytes_.truncate(kept);
    }
    if (bytes_.capacity() < keep_ && bytes_.size() + message.size() > bytes_.capacity()) {
      bytes_.reserve(std::min(keep_, 2 * (bytes_.size() + message.size())));
    }
    bytes_.append(message);
  }

  void release() noexcept { bytes_.release(); }

 private:
  std::size_t wanted(std::span<const std::byte> message) const {
    constexpr std::size_t least = std::size_t{1} << 12, most = std::size_t{1} << 14;
    return std::min(window_, std::clamp(2 * std::min(message.size(), most), least, most));
  }

  std::size_t window_;
  std::size_t keep_ = 0;
  buffer bytes_;
};

class deflate_extension final : public extension {
 public:
  deflate_extension(const deflate_options& options, direction out, direction in)
      : settings_{out.window_bits, options.level, options.memory_level},
        threshold_(options.threshold),
        max_ratio_(options.max_ratio),
        keeps_sent_(out.context_takeover),
        keeps_received_(in.context_takeover),
        history_(out.window_bits),
        inflater_(in.window_bits) {}

  reserved_bit bit() const noexcept override { return reserved_bit::rsv1; }

  bool encode(const outgoing_fragment& fragment, buffer& out) override {
    const auto payload = fragment.payload;
    const bool whole = fragment.first && fragment.last;
    if (fragment.first && !fragment.compress.value_or(!whole || payload.size() >= threshold_)) {
      return false;
    }
    if (!payload.empty()) {
      deflate(history_.of_use_to(payload), payload, settings_, out);
      // What does not shrink goes as it is: nothing remembers the attempt.
      if (whole && out.size() >= payload.size() + sync_tail_size) {
        out.clear();
        return false;
      }
      // Section 7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
      if (fragment.last) out.truncate(out.size() - sync_tail_size);
    } else if (whole) {
      return false;
    } else if (fragment.last) {
      *out.extend(1) = std::byte{0};  // section 7.2.3.6
    }
    if (keeps_sent_ || !fragment.last) history_.add(payload);
    if (!keeps_sent_ && fragment.last) history_.release();
    return true;
  }

  // The peer's window has its own memory of what came; a message that refers to none of it may be
  // anyone's.
  std::string sharing_key() const override {
    return "deflate/" + std::to_string(settings_.window_bits) + "/" +
           std::to_string(settings_.level) + "/" + std::to_string(settings_.memory_level) + "/" +
           std::to_string(threshold_);
  }
  void forget_sent() noexcept override { history_.release(); }

  std::optional<decode_problem> decode(std::span<const std::byte> bytes, bool last, buffer& out,
                                       std::size_t room) override {
    const std::size_t before = out.size();
    auto problem = inflater_.inflate(bytes, out, room);
    compressed_ += bytes.size();
    inflated_ += out.size() - before;
    if (last && !problem && out.size() - before <= room) {
      problem = inflater_.finish(out, room - (out.size() - before));
    }
    // Too much comes before what is wrong behind it, which shows only where both came together.
    if (out.size() - before > room) return std::nullopt;
    if (problem) {
      return decode_problem{close_code::invalid_data, "invalid compressed data: " + *problem};
    }
    if (max_ratio_ && inflated_ > ratio_free && (inflated_ - 1) / *max_ratio_ >= compressed_) {
      return decode_problem{close_code::message_too_big,
                            "message of " + std::to_string(compressed_) + " bytes grows to " +
                                std::to_string(inflated_) + " bytes and exceeds limit of " +
                                std::to_string(*max_ratio_) + " times"};
    }
    if (last) {
      compressed_ = inflated_ = 0;
      if (!keeps_received_) inflater_.release();
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t sync_tail_size = 4;
  static constexpr std::uint64_t ratio_free = std::uint64_t{1} << 16;

  deflate_settings settings_;
  std::size_t threshold_;
  std::optional<std::size_t> max_ratio_;
  bool keeps_sent_, keeps_received_;
  sent_history history_;
  inflater inflater_;
  std::uint64_t compressed_ = 0, inflated_ = 0;  // bytes of the message being received
};

}  // namespace

// --- the client

std::vector<extension_parameters> permessage_deflate::offers() const {
  // "client_max_window_bits" alone says that the server may ask for a smaller window.
  const auto client_bits = unless_default(options_.client_max_window_bits);
  return {to_list({.server_no_context_takeover = options_.server_no_context_takeover,
                   .client_no_context_takeover = options_.client_no_context_takeover,
                   .server_max_window_bits = unless_default(options_.server_max_window_bits),
                   .client_max_window_bits = client_bits,
                   .client_max_window_bits_alone = !client_bits})};
}

std::unique_ptr<extension> permessage_deflate::accept(const extension_parameters& response) const {
  const parameters agreed = parse(response, false);
  if (options_.server_no_context_takeover && !agreed.server_no_context_takeover) {
    throw negotiation_error("missing 'server_no_context_takeover' of permessage-deflate");
  }
  const auto check_bits = [](const char* name, const std::optional<int>& bits, int most) {
    if (bits.value_or(0) <= most) return;
    throw negotiation_error(std::string(name) + " of permessage-deflate is " +
                            std::to_string(*bits) + ", and " + std::to_string(most) +
                            " was offered");
  };
  check_bits("server_max_window_bits", agreed.server_max_window_bits,
             options_.server_max_window_bits);
  check_bits("client_max_window_bits", agreed.client_max_window_bits,
             options_.client_max_window_bits);
  // Section 7.1.2.1: a server accepts the limit "by including the parameter [...] in the response".
  if (unless_default(options_.server_max_window_bits) && !agreed.server_max_window_bits) {
    throw negotiation_error("missing 'server_max_window_bits' of permessage-deflate");
  }
  return std::make_unique<deflate_extension>(
      options_,
      direction{agreed.client_max_window_bits.value_or(options_.client_max_window_bits),
                !options_.client_no_context_takeover && !agreed.client_no_context_takeover},
      direction{agreed.server_max_window_bits.value_or(window_bits_max),
                !agreed.server_no_context_takeover});
}

// --- the server

std::optional<server_extension::agreement> permessage_deflate::answer(
    const extension_parameters& offer) const {
  parameters offered;
  try {
    offered = parse(offer, true);
  } catch (const negotiation_error&) {
    return std::nullopt;  // section 7.1: "MUST decline the offer"
  }
  const int server_bits = std::min(options_.server_max_window_bits,
                                   offered.server_max_window_bits.value_or(window_bits_max));
  // Section 7.1.2.2: only what was offered may be in the response.
  std::optional<int> client_bits;
  if (offered.client_max_window_bits || offered.client_max_window_bits_alone) {
    client_bits = unless_default(std::min(
        options_.client_max_window_bits, offered.client_max_window_bits.value_or(window_bits_max)));
  }
  parameters agreed{.server_no_context_takeover =
                        options_.server_no_context_takeover || offered.server_no_context_takeover,
                    .client_no_context_takeover =
                        options_.client_no_context_takeover || offered.client_no_context_takeover,
                    .server_max_window_bits = unless_default(server_bits),
                    .client_max_window_bits = client_bits};
  // What was asked for must be in the response, even where it is the default.
  if (offered.server_max_window_bits) agreed.server_max_window_bits = server_bits;
  const direction out{server_bits, !agreed.server_no_context_takeover};
  const direction in{client_bits.value_or(window_bits_max), !agreed.client_no_context_takeover};
  return agreement{to_list(agreed), std::make_unique<deflate_extension>(options_, out, in)};
}

}  // namespace duplex::protocol
