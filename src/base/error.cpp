// What errors say.
#include <duplex/error.hpp>
#include <duplex/log.hpp>

namespace duplex {
namespace {

std::string describe_end(const std::optional<close_info>& rcvd,
                         const std::optional<close_info>& sent, std::optional<bool> rcvd_first) {
  if (!rcvd && !sent) return "no close frame received or sent";
  if (!rcvd) return "sent " + to_string(*sent) + "; no close frame received";
  if (!sent) return "received " + to_string(*rcvd) + "; no close frame sent";
  if (rcvd_first.value_or(false)) {
    return "received " + to_string(*rcvd) + "; then sent " + to_string(*sent);
  }
  return "sent " + to_string(*sent) + "; then received " + to_string(*rcvd);
}

bool is_ok(const std::optional<close_info>& info) {
  return info && (info->code == 1000 || info->code == 1001 || info->code == 1005);
}

std::string describe_header(const std::string& name, const std::optional<std::string>& value) {
  if (!value) return "missing " + name + " header";
  if (value->empty()) return "empty " + name + " header";
  return "invalid " + name + " header: " + *value;
}

}  // namespace

bool detail::is_transient_status(int status) noexcept {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

error::error(const std::string& text) : std::runtime_error(escaped(text)) {}

connection_closed::connection_closed(std::optional<close_info> rcvd, std::optional<close_info> sent,
                                     std::optional<bool> rcvd_then_sent)
    : error(describe_end(rcvd, sent, rcvd_then_sent)),
      rcvd_(std::move(rcvd)),
      sent_(std::move(sent)),
      rcvd_then_sent_(rcvd_then_sent) {}

std::exception_ptr make_connection_closed(std::optional<close_info> rcvd,
                                          std::optional<close_info> sent,
                                          std::optional<bool> rcvd_then_sent) {
  if (is_ok(rcvd) && is_ok(sent)) {
    return std::make_exception_ptr(
        connection_closed_ok(std::move(rcvd), std::move(sent), rcvd_then_sent));
  }
  return std::make_exception_ptr(
      connection_closed_error(std::move(rcvd), std::move(sent), rcvd_then_sent));
}

invalid_status::invalid_status(duplex::response response)
    : invalid_handshake("server rejected WebSocket connection: HTTP " +
                        std::to_string(response.status)),
      response_(std::move(response)) {}

invalid_proxy_status::invalid_proxy_status(duplex::response response)
    : proxy_error("proxy rejected connection: HTTP " + std::to_string(response.status),
                  detail::is_transient_status(response.status)),
      response_(std::move(response)) {}

invalid_header::invalid_header(std::string name, std::optional<std::string> value)
    : invalid_handshake(describe_header(name, value)),
      name_(std::move(name)),
      value_(std::move(value)) {}

}  // namespace duplex
