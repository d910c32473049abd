#include "probe/http.hpp"

#include <algorithm>
#include <duplex/buffer.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/header_grammar.hpp>

#include "escape.hpp"

namespace duplex::probe {
namespace {

constexpr std::size_t shown_max = 60;

bool is_header(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == ':' &&
         equal_ignoring_case(line.substr(0, name.size()), name);
}

answer::type without_response(peer::outcome outcome) {
  switch (outcome) {
    case peer::outcome::end:
      return answer::type::end;
    case peer::outcome::reset:
      return answer::type::reset;
    case peer::outcome::flood:
      return answer::type::malformed;
    default:
      return answer::type::silence;
  }
}

answer malformed(std::string problem) {
  return {.kind = answer::type::malformed, .problem = std::move(problem)};
}

answer parse_answer(const protocol::http1_head_reader& reader) {
  const auto line = protocol::parse_status_line(*reader.start_line());
  if (!line)
    return malformed("the status line \"" + cli::escaped(*reader.start_line(), shown_max) + "\"");
  return {.kind = answer::type::response,
          .version = std::string(line->version),
          .status = line->status,
          .reason = std::string(line->reason),
          .headers = reader.headers()};
}

answer read_one_answer(peer& from, time_point deadline) {
  protocol::http1_head_reader reader;
  for (;;) {
    const std::string bytes(from.input());
    reader.receive_data(as_bytes(bytes));
    from.consume(bytes.size());
    if (reader.problem()) return malformed(cli::escaped(reader.problem()->text, 2 * shown_max));
    if (reader.complete()) {
      from.unread(as_text(reader.rest()));
      return parse_answer(reader);
    }
    const auto outcome = from.read(deadline);
    if (outcome == peer::outcome::data) continue;
    if (!reader.untouched()) return malformed("a response that is not complete");
    return {.kind = without_response(outcome)};
  }
}

}  // namespace

// --- requests

std::string request_lines::value(std::string_view name) const {
  for (const std::string& line : headers) {
    if (!is_header(line, name)) continue;
    const auto begin = line.find_first_not_of(" \t", name.size() + 1);
    const auto end = line.find_last_not_of(" \t");
    return begin == std::string::npos ? "" : line.substr(begin, end - begin + 1);
  }
  return {};
}

void request_lines::drop(std::string_view name) {
  std::erase_if(headers, [&](const std::string& line) { return is_header(line, name); });
}

std::string request_lines::bytes() const {
  std::string result = first + line_end;
  for (const std::string& line : headers) result += line + line_end;
  return result + line_end;
}

request_lines right_request(const target& target) {
  const protocol::client_handshake handshake(target.uri, target.settings);
  const duplex::request& request = handshake.request();
  request_lines result{request.method + " " + request.target + " HTTP/1.1", {}};
  for (const auto& [name, value] : request.headers) result.headers.push_back(name + ": " + value);
  return result;
}

// --- answers

answer read_answer(peer& from, time_point deadline) {
  answer result = read_one_answer(from, deadline);
  while (result.status >= 100 && result.status < 200 && result.status != 101) {
    result = read_one_answer(from, deadline);
  }
  return result;
}

std::string describe(const answer& answer) {
  switch (answer.kind) {
    case answer::type::response:
      return std::to_string(answer.status) + " " + cli::escaped(answer.reason, shown_max);
    case answer::type::malformed:
      return "no HTTP response: " + answer.problem;
    case answer::type::end:
      return "the end of the connection";
    case answer::type::reset:
      return "a reset of the connection";
    case answer::type::silence:
      break;
  }
  return "no answer in time";
}

std::optional<breach> check_upgrade(const answer& answer, const request_lines& request) {
  const duplex::headers& fields = answer.headers;
  if (answer.version != "HTTP/1.1") {
    return breach{"101 with version " + answer.version, "RFC 6455 4.2.2"};
  }
  const auto upgrade = fields.get("Upgrade");
  if (!upgrade || !equal_ignoring_case(*upgrade, "websocket")) {
    return breach{"101 without \"Upgrade: websocket\"", "RFC 6455 4.2.2"};
  }
  if (!protocol::lists_token(fields, "Connection", "upgrade")) {
    return breach{"101 without \"Connection: Upgrade\"", "RFC 6455 4.2.2"};
  }
  const duplex::request with_key{
      .headers = {{"Sec-WebSocket-Key", request.value("Sec-WebSocket-Key")}}};
  const auto accept = fields.get("Sec-WebSocket-Accept");
  const duplex::response right = protocol::server_handshake::accept(with_key);
  if (!accept || accept != right.headers.get("Sec-WebSocket-Accept")) {
    return breach{"101 without the right Sec-WebSocket-Accept", "RFC 6455 4.2.2"};
  }
  if (fields.contains("Sec-WebSocket-Protocol") &&
      request.value("Sec-WebSocket-Protocol").empty()) {
    return breach{"101 with a subprotocol that was not offered", "RFC 6455 4.2.2"};
  }
  if (fields.contains("Sec-WebSocket-Extensions") &&
      request.value("Sec-WebSocket-Extensions").find("permessage-deflate") == std::string::npos) {
    return breach{"101 with an extension that was not offered", "RFC 6455 9.1"};
  }
  if (fields.contains("X-Injected")) {
    return breach{"a header that was smuggled in through the request", "RFC 9110 5.5"};
  }
  return std::nullopt;
}

std::optional<breach> check_refusal(const answer& answer) {
  if (answer.status == 426 && !answer.headers.contains("Upgrade")) {
    return breach{"426 without an Upgrade header", "RFC 9110 15.5.22"};
  }
  if (answer.status == 405 && !answer.headers.contains("Allow")) {
    return breach{"405 without an Allow header", "RFC 9110 15.5.6"};
  }
  return std::nullopt;
}

}  // namespace duplex::probe
