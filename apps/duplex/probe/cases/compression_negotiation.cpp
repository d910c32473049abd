// What a server agrees to, and whether it keeps to it: offers of permessage-deflate.
#include <algorithm>
#include <charconv>
#include <duplex/protocol/header_grammar.hpp>

#include "escape.hpp"
#include "probe/deflate.hpp"
#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

constexpr const char* extension = "permessage-deflate";

// What both agreed on.
struct agreement {
  bool any = false;
  bool server_no_context_takeover = false, client_no_context_takeover = false;
  int server_max_window_bits = 15, client_max_window_bits = 15;
};

struct offer {
  std::string name, section;
  std::string value = {};  // of the header
  // What the server must answer, if it agrees.
  bool server_no_context_takeover = false;
  int server_max_window_bits = 15;
  int client_max_window_bits = 0;  // as much may be answered; 0: nothing
  bool declinable = false;         // as right as agreeing
  bool invalid = false;            // must be declined
};

// The parameters of a response; what is wrong with it where it is none.
std::optional<std::string> read_agreement(const duplex::headers& response, const offer& offer,
                                          agreement& to) {
  const auto all = protocol::parse_extensions(response);
  if (!all || all->size() > 1) return "a response that is no list of what was offered";
  if (all->empty()) return std::nullopt;
  to.any = true;
  if (all->front().name != extension) return "an extension that was not offered";
  for (const auto& [name, value] : all->front().parameters) {
    int bits = 0;
    if (value) std::from_chars(value->data(), value->data() + value->size(), bits);
    const bool has_bits = value && bits >= 8 && bits <= 15 && std::to_string(bits) == *value;
    if (name == "server_no_context_takeover" && !value && !to.server_no_context_takeover) {
      to.server_no_context_takeover = true;
    } else if (name == "client_no_context_takeover" && !value && !to.client_no_context_takeover) {
      to.client_no_context_takeover = true;
    } else if (name == "server_max_window_bits" && has_bits) {
      to.server_max_window_bits = bits;
    } else if (name == "client_max_window_bits" && has_bits &&
               bits <= offer.client_max_window_bits) {
      to.client_max_window_bits = bits;
    } else {
      return "the parameter \"" + name + (value ? "=" + *value : "") + "\" in the response";
    }
  }
  if (offer.server_no_context_takeover && !to.server_no_context_takeover) {
    return "a response without server_no_context_takeover";
  }
  if (to.server_max_window_bits > offer.server_max_window_bits) {
    return "a response with a larger server_max_window_bits";
  }
  return std::nullopt;
}

// Three messages with something to refer back to: within a message, far back in it, and in the one
// before.
std::vector<std::string> conversation_pieces() {
  const std::string noise = filler(700), far = filler(9000);
  return {noise + noise, far + noise + far, noise + far.substr(0, 3000)};
}

finding talk(conversation& on, const offer& offered, const agreement& agreed,
             const target& target) {
  on.decode_with(decompressor(agreed.server_max_window_bits, !agreed.server_no_context_takeover));
  // What the client said it would do at most holds even where the server does not ask for it.
  const int hint = offered.client_max_window_bits == 0 ? 15 : offered.client_max_window_bits;
  compressor compress(std::min(hint, agreed.client_max_window_bits),
                      !agreed.client_no_context_takeover);
  exchange row;
  for (const std::string& each : conversation_pieces()) {
    row.bytes += write({.payload = compress(each), .reserved = rsv1});
    row.answers.push_back(says_text(each));
  }
  return play(row, target, on);
}

finding negotiate(const offer& offer, const target& target) try {
  conversation on(target, clock::now() + target.timeout, offer.value);
  agreement agreed;
  const auto problem = read_agreement(on.response(), offer, agreed);
  finding result{.expected = offer.invalid ? "101 without the extension" : "an agreement"};
  result.got = cli::escaped(on.response().get("Sec-WebSocket-Extensions").value_or("none"), 200);
  if (problem) {
    result.got += ": " + cli::escaped(*problem, 200);
    result.verdict = verdict::wrong;
  } else if (offer.invalid) {
    result.verdict = agreed.any ? verdict::wrong : verdict::ok;
  } else if (agreed.any) {
    return target.echoes ? talk(on, offer, agreed, target) : result;
  } else if (!offer.declinable) {
    result.verdict = verdict::differs;
    result.note = "declines, which any offer may be";
  }
  return result;
} catch (const no_conversation& refusal) {
  finding result{.verdict = verdict::wrong, .expected = "101", .got = refusal.what()};
  if (offer.invalid) {
    result.verdict = verdict::differs;
    result.note = "refuses the handshake, where the offer should be declined";
  }
  return result;
}

probe_case to_case(offer offer) {
  probe_case result{.name = "negotiation." + offer.name,
                    .section = offer.section,
                    .sent = "an offer \"" + offer.value + "\"",
                    .needs_compression = true};
  result.run = [row = std::move(offer)](const target& target) { return negotiate(row, target); };
  return result;
}

std::vector<offer> windows() {
  std::vector<offer> rows;
  for (int bits = 8; bits <= 15; ++bits) {
    const std::string number = std::to_string(bits);
    rows.push_back({.name = "server-window-" + number,
                    .section = "RFC 7692 7.1.2.1",
                    .value = "permessage-deflate; server_max_window_bits=" + number,
                    .server_max_window_bits = bits,
                    // Few libraries can compress with so small a window.
                    .declinable = bits == 8});
  }
  for (int bits = 8; bits <= 15; ++bits) {
    const std::string number = std::to_string(bits);
    rows.push_back({.name = "client-window-" + number,
                    .section = "RFC 7692 7.1.2.2",
                    .value = "permessage-deflate; client_max_window_bits=" + number,
                    .client_max_window_bits = bits});
  }
  rows.push_back({.name = "client-window-any",
                  .section = "RFC 7692 7.1.2.2",
                  .value = "permessage-deflate; client_max_window_bits",
                  .client_max_window_bits = 15});
  rows.push_back(
      {.name = "both-windows",
       .section = "RFC 7692 7.1.2",
       .value = "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
       .server_max_window_bits = 10,
       .client_max_window_bits = 9});
  return rows;
}

std::vector<offer> takeover() {
  return {
      {.name = "no-parameters", .section = "RFC 7692 7.1", .value = "permessage-deflate"},
      {.name = "server-no-takeover",
       .section = "RFC 7692 7.1.1.1",
       .value = "permessage-deflate; server_no_context_takeover",
       .server_no_context_takeover = true},
      {.name = "client-no-takeover",
       .section = "RFC 7692 7.1.1.2",
       .value = "permessage-deflate; client_no_context_takeover"},
      {.name = "no-takeover",
       .section = "RFC 7692 7.1.1",
       .value = "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
       .server_no_context_takeover = true},
      {.name = "all-parameters",
       .section = "RFC 7692 7.1",
       .value = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                "server_max_window_bits=11; client_max_window_bits=12",
       .server_no_context_takeover = true,
       .server_max_window_bits = 11,
       .client_max_window_bits = 12},
  };
}

std::vector<offer> spellings() {
  return {
      {.name = "quoted-value",
       .section = "RFC 6455 9.1",
       .value = "permessage-deflate; server_max_window_bits=\"12\"",
       .server_max_window_bits = 12},
      {.name = "white-space",
       .section = "RFC 6455 9.1",
       .value = "permessage-deflate  ;\tserver_max_window_bits=12 ;client_max_window_bits",
       .server_max_window_bits = 12,
       .client_max_window_bits = 15},
      {.name = "unknown-extension-first",
       .section = "RFC 6455 9.1",
       .value = "x-unknown; a=b, permessage-deflate"},
      {.name = "second-choice",
       .section = "RFC 7692 5.1",
       .value = "permessage-deflate; server_max_window_bits=99, permessage-deflate"},
      {.name = "two-choices",
       .section = "RFC 7692 5.1",
       .value = "permessage-deflate; server_max_window_bits=12, permessage-deflate"},
  };
}

// Section 7.1: "A server MUST decline an extension negotiation offer for this extension if any of
// the following conditions are met".
std::vector<offer> invalid_ones() {
  std::vector<offer> rows;
  for (const auto& [name, parameters] :
       {std::pair("unknown-parameter", "x_unknown"),
        std::pair("unknown-parameter-with-value", "x_unknown=1"),
        std::pair("server-window-7", "server_max_window_bits=7"),
        std::pair("server-window-16", "server_max_window_bits=16"),
        std::pair("server-window-0", "server_max_window_bits=0"),
        std::pair("server-window-08", "server_max_window_bits=08"),
        std::pair("server-window-text", "server_max_window_bits=ten"),
        std::pair("server-window-huge", "server_max_window_bits=4294967306"),
        std::pair("server-window-missing", "server_max_window_bits"),
        std::pair("client-window-7", "client_max_window_bits=7"),
        std::pair("client-window-16", "client_max_window_bits=16"),
        std::pair("server-takeover-value", "server_no_context_takeover=1"),
        std::pair("client-takeover-value", "client_no_context_takeover=true"),
        std::pair("server-window-twice", "server_max_window_bits=10; server_max_window_bits=10"),
        std::pair("client-window-twice", "client_max_window_bits; client_max_window_bits=10"),
        std::pair("takeover-twice", "server_no_context_takeover; server_no_context_takeover")}) {
    rows.push_back({.name = std::string("invalid-") + name,
                    .section = "RFC 7692 7.1",
                    .value = std::string("permessage-deflate; ") + parameters,
                    .invalid = true});
  }
  rows.push_back({.name = "invalid-other-extension",
                  .section = "RFC 7692 7",
                  .value = "x-webkit-deflate-frame",
                  .invalid = true});
  return rows;
}

}  // namespace

std::vector<probe_case> compression_negotiation_cases() {
  std::vector<probe_case> cases;
  for (auto part : {takeover(), windows(), spellings(), invalid_ones()}) {
    for (offer& each : part) cases.push_back(to_case(std::move(each)));
  }
  return cases;
}

}  // namespace duplex::probe
