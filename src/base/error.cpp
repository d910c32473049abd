// What errors say.
#include <cctype>
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

// "Connection refused" in lower case, but not "RPC failed".
std::string lower_case_message(std::error_code code) {
  std::string message = code.message();
  if (message.size() > 1 && std::islower(static_cast<unsigned char>(message[1]))) {
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  }
  return message;
}

// Pages for browsers tell little in their first line.
bool is_plain_text(const response& answer) {
  const auto type = answer.headers.get("Content-Type").value_or("text/plain");
  return type.starts_with("text/plain") || type.starts_with("application/json");
}

// The beginning of what somebody wrote for a reader, in one line.
std::string excerpt(std::string_view text) {
  constexpr std::size_t excerpt_max = 200;
  text = text.substr(0, text.find_first_of("\r\n"));
  if (text.size() <= excerpt_max) return std::string(text);
  std::size_t end = excerpt_max;  // between characters of UTF-8
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string describe_answer(const response& answer) {
  std::string text = "HTTP " + std::to_string(answer.status);
  if (!answer.reason.empty()) text += " " + excerpt(answer.reason);
  const auto body = is_plain_text(answer) ? excerpt(answer.body) : std::string();
  return body.empty() ? text : text + ": " + body;
}

}  // namespace

bool detail::is_transient_status(int status) noexcept {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

error::error(const std::string& text) : std::runtime_error(escaped(text)) {}

system_error::system_error(std::error_code code, const std::string& doing)
    : std::system_error(code), text_(escaped(doing) + ": " + lower_case_message(code)) {}

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
    : invalid_handshake("server rejected WebSocket connection: " + describe_answer(response)),
      response_(std::move(response)) {}

invalid_proxy_status::invalid_proxy_status(const std::string& proxy, duplex::response response)
    : proxy_error(proxy + " rejected connection: " + describe_answer(response),
                  detail::is_transient_status(response.status)),
      response_(std::move(response)) {}

invalid_header::invalid_header(std::string name, std::optional<std::string> value)
    : invalid_handshake(describe_header(name, value)),
      name_(std::move(name)),
      value_(std::move(value)) {}

}  // namespace duplex
