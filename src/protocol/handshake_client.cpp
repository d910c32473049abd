// A client's side of the opening handshake (RFC 6455 section 4.1).
#include <algorithm>
#include <array>
#include <stdexcept>

#include <duplex/error.hpp>
#include <duplex/log.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/header_grammar.hpp>

#include "protocol/crypto.hpp"

namespace duplex::protocol {
namespace {

std::string random_key(const random_source& random) {
  std::array<std::byte, 16> nonce;
  random(nonce.data(), nonce.size());
  return base64_encode(nonce);
}

template <class Elements>
std::string joined(const Elements& elements) {
  std::string text;
  for (const std::string_view each : elements) text.append(text.empty() ? "" : ", ").append(each);
  return text;
}

void add_additional_headers(headers& to, const headers& additional) {
  for (const auto& [name, value] : additional) {
    if (is_handshake_header(name)) {
      throw std::invalid_argument("header " + name + " is the handshake's own");
    }
    for (const std::string_view own : {"Host", "Origin", "Authorization", "User-Agent"}) {
      if (equal_ignoring_case(name, own)) to.remove(own);
    }
  }
  for (const auto& [name, value] : additional) to.add(name, value);
}

// RFC 6455 section 4.1: tokens that "MUST all be unique strings"
void check_subprotocols(std::span<const std::string> names) {
  for (auto each = names.begin(); each != names.end(); ++each) {
    if (!is_token(*each)) {
      throw std::invalid_argument("invalid subprotocol '" + escaped(*each) + "'");
    }
    if (std::find(names.begin(), each, *each) != each) {
      throw std::invalid_argument("subprotocol " + *each + " is offered twice");
    }
  }
}

request make_request(const uri& uri, const client_handshake_settings& settings,
                     const random_source& random) {
  request result{.target = uri.target(),
                 .headers = {{"Host", uri.host_header()},
                             {"Upgrade", "websocket"},
                             {"Connection", "Upgrade"},
                             {"Sec-WebSocket-Key", random_key(random)},
                             {"Sec-WebSocket-Version", "13"}}};
  headers& fields = result.headers;
  if (settings.origin) fields.add("Origin", *settings.origin);
  if (!settings.subprotocols.empty()) {
    check_subprotocols(settings.subprotocols);
    fields.add("Sec-WebSocket-Protocol", joined(settings.subprotocols));
  }
  if (const auto offers = write_offers(settings.extensions); !offers.empty()) {
    fields.add("Sec-WebSocket-Extensions", offers);
  }
  if (const auto& userinfo = uri.userinfo()) {
    const std::string credentials = userinfo->first + ":" + userinfo->second;
    fields.add("Authorization", "Basic " + base64_encode(as_bytes(credentials)));
  }
  if (settings.user_agent_header) fields.add("User-Agent", *settings.user_agent_header);
  add_additional_headers(fields, settings.additional_headers);
  return result;
}

// The value of a header there must be one of. `Error` is invalid_header or one of its kinds.
template <typename Error>
std::string_view require_one(const headers& fields, const std::string& name) {
  const auto values = fields.all(name);
  if (values.empty()) throw Error(name);
  if (values.size() > 1) throw Error(name, "more than one");
  return values.front();
}

std::exception_ptr describe(const http1_problem& problem) {
  if (problem.kind == http1_problem::type::malformed) {
    return std::make_exception_ptr(invalid_message("invalid HTTP response: " + problem.text));
  }
  return std::make_exception_ptr(security_error("refused HTTP response: " + problem.text));
}

// A server of TLS that is sent plain HTTP may say so in TLS: with an alert (RFC 8446 section 6).
bool begins_with_tls(std::span<const std::byte> bytes) {
  constexpr auto alert_record = std::byte{21};
  return !bytes.empty() && bytes.front() == alert_record;
}

}  // namespace

bool is_handshake_header(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 9> own{
      "Connection",        "Content-Length",         "Sec-WebSocket-Accept",
      "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions",
      "Transfer-Encoding", "Sec-WebSocket-Version",  "Upgrade"};
  return std::any_of(own.begin(), own.end(),
                     [&](std::string_view each) { return equal_ignoring_case(name, each); });
}

client_handshake::client_handshake(const uri& uri, const client_handshake_settings& settings,
                                   http1_limits limits, random_source random)
    : request_(make_request(uri, settings, random)),
      offered_subprotocols_(settings.subprotocols),
      offered_extensions_(settings.extensions),
      limits_(limits),
      reader_(limits) {}

void client_handshake::receive_data(std::span<const std::byte> bytes) {
  if (failure_) return;
  if (body_) {
    body_->receive_data(bytes);
    return finish_body();
  }
  if (reader_.untouched() && begins_with_tls(bytes)) {
    failure_ = std::make_exception_ptr(invalid_message("the server speaks TLS: use wss"));
    return;
  }
  reader_.receive_data(bytes);
  if (finished_) return;
  check_first_line();
  skip_interim_responses();
  if (failure_) return;
  if (reader_.problem()) {
    failure_ = describe(*reader_.problem());
  } else if (reader_.complete()) {
    finish_head();
  }
}

// Before the headers, whatever came together with it; and once, not again for each byte of them.
void client_handshake::check_first_line() {
  if (first_line_fits_ || !reader_.start_line()) return;
  first_line_fits_ = parse_status_line(*reader_.start_line()).has_value();
  if (!first_line_fits_) {
    failure_ = std::make_exception_ptr(invalid_message("invalid HTTP status line"));
  }
}

void client_handshake::receive_eof() {
  if (failure_ || finished_) return;
  if (body_) {
    body_->receive_eof();
    return finish_body();
  }
  failure_ = std::make_exception_ptr(
      invalid_message("the connection ended before a valid HTTP response", true));
}

// RFC 9110 section 15.2: "A client MUST be able to parse one or more 1xx responses received prior
// to a final response".
void client_handshake::skip_interim_responses() {
  constexpr int interim_responses_max = 16;
  while (!failure_ && reader_.complete()) {
    const auto line = parse_status_line(*reader_.start_line());
    if (line->status == 101 || line->status >= 200) return;
    if (++interim_responses_ > interim_responses_max) {
      failure_ = std::make_exception_ptr(security_error(
          "more than " + std::to_string(interim_responses_max) + " interim HTTP responses"));
      return;
    }
    const http1_head_reader interim = std::exchange(reader_, http1_head_reader(limits_));
    reader_.receive_data(interim.rest());
    first_line_fits_ = false;
    check_first_line();
  }
}

void client_handshake::finish_head() {
  const status_line line = *parse_status_line(*reader_.start_line());
  response_ = {line.status, std::string(line.reason), reader_.headers(), {}};
  if (line.status != 101) {
    body_.emplace(line.status, response_->headers, limits_);
    if (body_->problem()) {
      failure_ =
          std::make_exception_ptr(invalid_message("invalid HTTP response: " + *body_->problem()));
      return;
    }
    body_->receive_data(reader_.rest());
    return finish_body();
  }
  try {
    if (!is_http_1_1(line.version)) {
      throw invalid_message("the response is " + std::string(line.version) + ", not HTTP/1.1");
    }
    check_upgrade();
    check_agreement();
    finished_ = true;
  } catch (const invalid_handshake&) {
    failure_ = std::current_exception();
  }
}

void client_handshake::finish_body() {
  if (!body_->complete()) return;
  response_->body = body_->body();
  failure_ = std::make_exception_ptr(invalid_status(std::move(*response_)));
}

// Section 4.1, items 2 to 4 of what a client checks.
void client_handshake::check_upgrade() const {
  const headers& fields = response_->headers;
  const auto upgrade = require_one<invalid_upgrade>(fields, "Upgrade");
  if (!equal_ignoring_case(upgrade, "websocket")) {
    throw invalid_upgrade("Upgrade", std::string(upgrade));
  }
  const auto options = fields.all("Connection");
  if (options.empty()) throw invalid_upgrade("Connection");
  if (!lists_token(fields, "Connection", "upgrade")) {
    throw invalid_upgrade("Connection", std::string(options.front()));
  }
  const auto accepted = require_one<invalid_header>(fields, "Sec-WebSocket-Accept");
  if (accepted != accept_key(*request_.headers.get("Sec-WebSocket-Key"))) {
    throw invalid_header("Sec-WebSocket-Accept", std::string(accepted));
  }
}

// Items 5 and 6.
void client_handshake::check_agreement() {
  const headers& fields = response_->headers;
  const auto response = parse_extensions(fields);
  if (!response) {
    throw invalid_header("Sec-WebSocket-Extensions",
                         joined(fields.all("Sec-WebSocket-Extensions")));
  }
  extensions_ = accept_response(*response, offered_extensions_);
  const auto subprotocols = fields.all("Sec-WebSocket-Protocol");
  if (subprotocols.empty()) return;
  if (subprotocols.size() > 1) throw negotiation_error("more than one subprotocol");
  const std::string chosen(subprotocols.front());
  if (std::find(offered_subprotocols_.begin(), offered_subprotocols_.end(), chosen) ==
      offered_subprotocols_.end()) {
    throw negotiation_error("unexpected subprotocol '" + chosen + "'");
  }
  subprotocol_ = chosen;
}

std::optional<response> client_handshake::next_response() {
  if (!finished_) return std::nullopt;
  return std::exchange(response_, std::nullopt);
}

}  // namespace duplex::protocol
