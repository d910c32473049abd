// CONNECT and what answers it.
#include "protocol/http_proxy.hpp"

#include <duplex/error.hpp>

#include "protocol/crypto.hpp"
#include "protocol/option_settings.hpp"

namespace duplex::protocol {
namespace {

http1_limits limits_of_answer() {
  http1_limits limits = detail::handshake_limits();
  limits.max_body = 16'384;
  return limits;
}

std::string make_request(const detail::proxy& proxy, const std::string& host, std::uint16_t port,
                         std::optional<std::string> user_agent) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  const std::string target = (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  request result{.method = "CONNECT", .target = target, .headers = {{"Host", target}}};
  if (user_agent) result.headers.add("User-Agent", std::move(*user_agent));
  if (proxy.credentials) {
    // RFC 7617 section 2
    const std::string credentials = proxy.credentials->first + ":" + proxy.credentials->second;
    result.headers.add("Proxy-Authorization", "Basic " + base64_encode(as_bytes(credentials)));
  }
  return write_request(result);
}

}  // namespace

http_proxy_handshake::http_proxy_handshake(const detail::proxy& proxy, const std::string& host,
                                           std::uint16_t port,
                                           std::optional<std::string> user_agent)
    : proxy_handshake(proxy.name()), limits_(limits_of_answer()), reader_(limits_) {
  send(make_request(proxy, host, port, std::move(user_agent)));
}

std::size_t http_proxy_handshake::take_in(std::span<const std::byte> bytes) {
  if (body_) {
    body_->receive_data(bytes);
    finish_body();
    return bytes.size();
  }
  reader_.receive_data(bytes);
  check_first_line();
  skip_interim_responses();
  if (failure()) return bytes.size();
  if (reader_.problem()) {
    fail_at(reader_.problem()->text);
  } else if (reader_.complete()) {
    finish_head();
  }
  return done() ? bytes.size() - reader_.rest().size() : bytes.size();
}

void http_proxy_handshake::end() {
  if (body_) {
    body_->receive_eof();
    return finish_body();
  }
  fail(invalid_proxy_message("the connection ended before a valid HTTP response from " + name(),
                             true));
}

void http_proxy_handshake::fail_at(const std::string& problem) {
  fail(invalid_proxy_message("invalid HTTP response from " + name() + ": " + problem));
}

void http_proxy_handshake::check_first_line() {
  if (first_line_fits_ || !reader_.start_line()) return;
  const auto line = parse_status_line(*reader_.start_line());
  first_line_fits_ = line && line->version.starts_with("HTTP/1.");
  if (!first_line_fits_) {
    fail_at("invalid status line");
  }
}

// RFC 9110 section 15.2, as for a server's answer.
void http_proxy_handshake::skip_interim_responses() {
  constexpr int interim_responses_max = 16;
  while (!failure() && reader_.complete()) {
    const auto line = parse_status_line(*reader_.start_line());
    if (line->status == 101 || line->status >= 200) return;
    if (++interim_responses_ > interim_responses_max) {
      return fail(invalid_proxy_message(name() + " sends interim responses without end"));
    }
    http1_head_reader next(limits_);
    next.receive_data(reader_.rest());
    reader_ = std::move(next);
    first_line_fits_ = false;
    check_first_line();
  }
}

void http_proxy_handshake::finish_head() {
  const auto line = parse_status_line(*reader_.start_line());
  // RFC 9110 section 9.3.6: "A client MUST ignore any Content-Length or Transfer-Encoding header
  // fields received in a successful response to CONNECT."
  if (line->status >= 200 && line->status < 300) return finish();
  refusal_ = {
      .status = line->status, .reason = std::string(line->reason), .headers = reader_.headers()};
  body_.emplace(line->status, reader_.headers(), limits_);
  body_->receive_data(reader_.rest());
  finish_body();
}

void http_proxy_handshake::finish_body() {
  if (body_->problem()) {
    return fail_at(*body_->problem());
  }
  if (!body_->complete()) return;
  refusal_.body = body_->body();
  fail(invalid_proxy_status(name(), std::move(refusal_)));
}

}  // namespace duplex::protocol
