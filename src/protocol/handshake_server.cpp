// A server's side of the opening handshake (RFC 6455 section 4.2).
#include <algorithm>

#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/header_grammar.hpp>

#include "protocol/crypto.hpp"

namespace duplex::protocol {
namespace {

bool is_host_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("-._~!$&'()*+,;=%").find(c) != std::string_view::npos;
}

bool is_ipv6_character(char c) { return c == ':' || is_host_character(c); }

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Whether two digits follow each percent sign (RFC 3986 section 2.1).
bool is_percent_encoded(std::string_view text) {
  for (auto at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 2 >= text.size() || !is_hex_digit(text[at + 1]) || !is_hex_digit(text[at + 2])) {
      return false;
    }
  }
  return true;
}

// RFC 9110 section 7.2: Host = uri-host [ ":" port ]
bool is_host(std::string_view text) {
  std::string_view name = text;
  std::string_view port;
  const auto bracket = text.rfind(']');
  const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    name = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const bool port_fits =
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name.empty() || !port_fits) return false;
  if (name.starts_with('[') && name.ends_with(']')) {
    name = name.substr(1, name.size() - 2);
    return !name.empty() && std::all_of(name.begin(), name.end(), is_ipv6_character);
  }
  return std::all_of(name.begin(), name.end(), is_host_character) && is_percent_encoded(name);
}

// RFC 6455 section 4.1: "a nonce consisting of a randomly selected 16-byte value that has been
// base64-encoded"
bool is_key(std::string_view text) {
  return text.size() == 24 && text.ends_with("==") &&
         std::all_of(text.begin(), text.end() - 2, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '+' || c == '/';
         });
}

// RFC 9112 section 3.2.2: a server must accept "GET http://host/path HTTP/1.1", whose host counts
// instead of the Host header.
void take_origin_form(request& request) {
  for (const std::string_view scheme : {"http://", "https://", "ws://", "wss://"}) {
    const std::string_view target = request.target;
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const auto end = std::min(target.find_first_of("/?", scheme.size()), target.size());
    request.headers.set("Host", std::string(target.substr(scheme.size(), end - scheme.size())));
    std::string path(target.substr(end));
    if (!path.starts_with('/')) path.insert(path.begin(), '/');
    request.target = std::move(path);
    return;
  }
}

response upgrade_required(std::string_view text) {
  response answer = server_handshake::reject(426, text);
  answer.headers.add("Upgrade", "websocket");  // RFC 9110 section 15.5.22
  return answer;
}

response not_get() {
  response answer = server_handshake::reject(405, "the method is not GET");
  answer.headers.add("Allow", "GET");
  return answer;
}

// What is wrong with the body, whose bytes would otherwise be taken for frames.
std::optional<response> check_body(const request& request) {
  const auto lengths = request.headers.all("Content-Length");
  const bool are_numbers = std::all_of(lengths.begin(), lengths.end(), [](std::string_view length) {
    return !length.empty() && length.find_first_not_of("0123456789") == std::string_view::npos;
  });
  if (!are_numbers || lengths.size() > 1) {
    return server_handshake::reject(400, "invalid Content-Length header");
  }
  const bool has_length =
      !lengths.empty() && lengths[0].find_first_not_of('0') != std::string_view::npos;
  if (request.headers.contains("Transfer-Encoding") || has_length) {
    return server_handshake::reject(400, "a request of a handshake has no body");
  }
  return std::nullopt;
}

std::optional<response> check_host(const request& request) {
  const auto hosts = request.headers.all("Host");
  if (hosts.empty()) return server_handshake::reject(400, "missing Host header");
  if (hosts.size() > 1) return server_handshake::reject(400, "more than one Host header");
  if (!is_host(hosts.front())) return server_handshake::reject(400, "invalid Host header");
  return std::nullopt;
}

// RFC 6455 section 4.1: the elements "MUST all be unique strings", and section 4.3 wants one.
std::optional<response> check_subprotocols(const request& request) {
  constexpr std::string_view name = "Sec-WebSocket-Protocol";
  auto offered = parse_token_list(request.headers, name);
  if (!offered || (offered->empty() && request.headers.contains(name))) {
    return server_handshake::reject(400, "invalid Sec-WebSocket-Protocol header");
  }
  std::sort(offered->begin(), offered->end());
  if (std::adjacent_find(offered->begin(), offered->end()) != offered->end()) {
    return server_handshake::reject(400, "a subprotocol is offered twice");
  }
  return std::nullopt;
}

// What is wrong with a request whose first line is `line` and whose headers are there.
std::optional<response> check_request(const request_line& line, request& request) {
  if (!is_http_1_1(line.version)) {
    return server_handshake::reject(505, std::string(line.version) + " is not HTTP/1.1");
  }
  if (line.method != "GET" && line.method != "HEAD") return not_get();
  if (auto refusal = check_body(request)) return refusal;
  // Before the target's own host replaces it: smugglers send several.
  if (auto refusal = check_host(request)) return refusal;
  take_origin_form(request);
  if (!request.target.starts_with('/') || request.target.find('#') != std::string::npos) {
    return server_handshake::reject(400, "the target is not a path");
  }
  return check_host(request);
}

response refuse_head(const http1_problem& problem) {
  switch (problem.kind) {
    case http1_problem::type::start_line_too_long:
      return server_handshake::reject(414, problem.text);
    case http1_problem::type::header_line_too_long:
    case http1_problem::type::too_many_headers:
      return server_handshake::reject(431, problem.text);
    case http1_problem::type::malformed:
      break;
  }
  return server_handshake::reject(400, problem.text);
}

// A client of TLS begins so (RFC 8446 section 5.1), and no request does. It cannot read the answer;
// it is the log that tells.
bool begins_with_tls(std::span<const std::byte> bytes) {
  constexpr auto handshake_record = std::byte{22};
  return !bytes.empty() && bytes.front() == handshake_record;
}

}  // namespace

void server_handshake::receive_data(std::span<const std::byte> bytes) {
  if (refusal_) return;
  if (reader_.untouched() && begins_with_tls(bytes)) {
    refusal_ = reject(400, "this looks like TLS, and this port speaks plain HTTP: use ws or http");
    finished_ = true;
    return;
  }
  reader_.receive_data(bytes);
  if (finished_) return;
  check_first_line();
  if (!refusal_ && reader_.problem()) refusal_ = refuse_head(*reader_.problem());
  if (!refusal_ && reader_.complete()) finish_head();
  finished_ = refusal_ || request_;
}

// Before the headers, whatever came together with it; and once, not again for each byte of them.
void server_handshake::check_first_line() {
  if (first_line_fits_ || !reader_.start_line()) return;
  first_line_fits_ = parse_request_line(*reader_.start_line()).has_value();
  if (!first_line_fits_) refusal_ = reject(400, "invalid HTTP request line");
}

void server_handshake::receive_eof() {
  if (finished_ || reader_.untouched()) return;
  refusal_ = reject(400, "the connection ended inside the request");
  finished_ = true;
}

void server_handshake::finish_head() {
  const request_line line = *parse_request_line(*reader_.start_line());
  duplex::request request{std::string(line.method), std::string(line.target), reader_.headers()};
  refusal_ = check_request(line, request);
  if (!refusal_) request_ = std::move(request);
}

std::optional<request> server_handshake::next_http_request() {
  return std::exchange(request_, std::nullopt);
}

std::optional<request> server_handshake::next_request() {
  auto request = next_http_request();
  if (request) refusal_ = check_upgrade(*request);
  return refusal_ ? std::nullopt : request;
}

// RFC 6455 section 4.2.1, items 1 and 3 to 6.
std::optional<response> server_handshake::check_upgrade(const request& request) {
  if (request.method != "GET") return not_get();
  if (!lists_token(request.headers, "Upgrade", "websocket")) {
    return upgrade_required("the Upgrade header does not ask for websocket");
  }
  if (!lists_token(request.headers, "Connection", "upgrade")) {
    return upgrade_required("the Connection header does not ask for an upgrade");
  }
  if (request.headers.count("Sec-WebSocket-Version") > 1) {
    return reject(400, "more than one Sec-WebSocket-Version header");
  }
  if (request.headers.get("Sec-WebSocket-Version") != "13") {
    // Section 4.4: the answer to other versions names the one that is spoken.
    response answer = upgrade_required("the Sec-WebSocket-Version is not 13");
    answer.headers.add("Sec-WebSocket-Version", "13");
    return answer;
  }
  const auto keys = request.headers.all("Sec-WebSocket-Key");
  if (keys.empty()) return reject(400, "missing Sec-WebSocket-Key header");
  if (keys.size() > 1) {
    return reject(400, "more than one Sec-WebSocket-Key header");
  }
  if (!is_key(keys.front())) {
    return reject(400, "invalid Sec-WebSocket-Key header");
  }
  if (auto refusal = check_subprotocols(request)) return refusal;
  if (!parse_extensions(request.headers)) {
    return reject(400, "invalid Sec-WebSocket-Extensions header");
  }
  return std::nullopt;
}

response server_handshake::accept(const request& request,
                                  std::optional<std::string_view> subprotocol,
                                  std::string_view extensions) {
  const auto key = request.headers.get("Sec-WebSocket-Key").value_or("");
  response answer{101,
                  std::string(reason_phrase(101)),
                  {{"Upgrade", "websocket"},
                   {"Connection", "Upgrade"},
                   {"Sec-WebSocket-Accept", accept_key(key)}}};
  if (subprotocol) answer.headers.add("Sec-WebSocket-Protocol", std::string(*subprotocol));
  if (!extensions.empty()) {
    answer.headers.add("Sec-WebSocket-Extensions", std::string(extensions));
  }
  return answer;
}

response server_handshake::reject(int status, std::string_view text) {
  response answer = respond(status, std::string(text) + "\n");
  answer.headers.add("Connection", "close");
  return answer;
}

extension_agreement select_extensions(const request& request, const server_extensions& known) {
  return answer_offers(parse_extensions(request.headers).value_or(extension_offers()), known);
}

std::optional<std::string> select_subprotocol(const request& request,
                                              std::span<const std::string> supported) {
  const auto offered = parse_list(request.headers, "Sec-WebSocket-Protocol");
  const auto chosen = std::find_if(supported.begin(), supported.end(), [&](const auto& each) {
    return std::find(offered.begin(), offered.end(), each) != offered.end();
  });
  if (chosen == supported.end()) return std::nullopt;
  return *chosen;
}

}  // namespace duplex::protocol
