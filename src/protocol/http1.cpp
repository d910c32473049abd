// HTTP/1.1 on the wire: lines in, lines out.
#include <duplex/protocol/http1.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include <duplex/protocol/header_grammar.hpp>

namespace duplex::protocol {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_version(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' &&
         is_digit(text[7]);
}

bool is_target(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_status(int status) { return status >= 100 && status <= 599; }

// reason-phrase = 1*( HTAB / SP / VCHAR / obs-text ), or nothing
bool is_reason(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  });
}

// What a message may show of a peer's line: little, and nothing that moves a terminal's cursor.
std::string quoted(std::string_view line) {
  constexpr std::size_t shown_max = 75;
  std::string text = "'";
  for (const char c : line.substr(0, shown_max)) text += c >= 0x20 && c < 0x7F ? c : '?';
  return text + (line.size() > shown_max ? "...'" : "'");
}

void write_headers(std::string& to, const headers& fields) {
  for (const auto& [name, value] : fields)
    to.append(name).append(": ").append(value).append("\r\n");
  to.append("\r\n");
}

}  // namespace

// --- heads

void http1_head_reader::receive_data(std::span<const std::byte> bytes) {
  if (problem_) return;
  input_.append(bytes);
  while (!complete_ && !problem_) {
    const std::string_view unparsed = as_text(input_.bytes().subspan(parsed_));
    const auto line_feed = unparsed.find('\n', scanned_ - parsed_);
    if (std::min(line_feed, unparsed.size()) >= limits_.max_line) {
      const std::string limit = " is longer than " + std::to_string(limits_.max_line) + " bytes";
      if (start_line_) return fail(http1_problem::type::header_line_too_long, "a header" + limit);
      return fail(http1_problem::type::start_line_too_long, "the first line" + limit);
    }
    if (line_feed == std::string_view::npos) {
      scanned_ = input_.size();
      return;
    }
    parsed_ += line_feed + 1;
    scanned_ = parsed_;
    const auto line = unparsed.substr(0, line_feed);
    if (!line.ends_with('\r')) {
      return fail(http1_problem::type::malformed, "line without CRLF: " + quoted(line));
    }
    receive_line(line.substr(0, line.size() - 1));
  }
}

void http1_head_reader::receive_line(std::string_view line) {
  if (!start_line_ && line.empty() && empty_lines_left_ != 0) {
    --empty_lines_left_;
  } else if (!start_line_) {
    start_line_ = line;
  } else if (line.empty()) {
    complete_ = true;
  } else if (headers_.size() == limits_.max_headers) {
    fail(http1_problem::type::too_many_headers,
         "more than " + std::to_string(limits_.max_headers) + " headers");
  } else {
    receive_header(line);
  }
}

void http1_head_reader::receive_header(std::string_view line) {
  // RFC 9112 section 5.2: "A server that receives an obs-fold in a request message ... MUST either
  // reject the message ... or replace each received obs-fold".
  if (is_blank(line.front())) {
    return fail(http1_problem::type::malformed, "folded header line: " + quoted(line));
  }
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name)) {
    return fail(http1_problem::type::malformed, "invalid header line: " + quoted(line));
  }
  auto value = line.substr(colon + 1);
  while (!value.empty() && is_blank(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_blank(value.back())) value.remove_suffix(1);
  if (!is_field_value(value)) {
    return fail(http1_problem::type::malformed,
                "control character in the value of header " + std::string(name));
  }
  headers_.add(std::string(name), std::string(value));
}

void http1_head_reader::fail(http1_problem::type kind, std::string text) {
  problem_ = http1_problem{kind, std::move(text)};
}

// --- bodies

http1_body_reader::http1_body_reader(int status, const headers& fields, http1_limits limits)
    : max_body_(limits.max_body), max_line_(limits.max_line) {
  if (status < 200 || status == 204 || status == 304) {
    complete_ = true;
  } else if (fields.contains("Transfer-Encoding")) {
    const auto codings = parse_list(fields, "Transfer-Encoding");
    if (!codings.empty() && equal_ignoring_case(codings.back(), "chunked")) {
      framing_ = framing::chunked;
    }
  } else if (fields.contains("Content-Length")) {
    read_length(fields);
  }
}

// RFC 9110 section 8.6: the same length several times is one length; RFC 9112 section 6.3: anything
// else that is no length makes the client "discard the received response".
void http1_body_reader::read_length(const headers& fields) {
  framing_ = framing::by_length;
  const auto lengths = parse_list(fields, "Content-Length");
  for (const std::string_view length : lengths) {
    const auto [end, failure] =
        std::from_chars(length.data(), length.data() + length.size(), left_);
    if (failure != std::errc() || end != length.data() + length.size() || length != lengths[0]) {
      problem_ = "invalid Content-Length header: " + quoted(length);
    }
  }
  if (lengths.empty()) problem_ = "empty Content-Length header";
  complete_ = problem_ || left_ == 0;
}

void http1_body_reader::receive_data(std::span<const std::byte> bytes) {
  if (complete_) return;
  switch (framing_) {
    case framing::by_length:
      take(as_text(bytes));
      if (left_ == 0) complete_ = true;
      break;
    case framing::chunked:
      receive_chunked(as_text(bytes));
      break;
    case framing::to_eof:
      left_ = bytes.size();
      take(as_text(bytes));
      break;
  }
}

// Adds what belongs to the body and fits; gives how many bytes are used up.
std::size_t http1_body_reader::take(std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
  const std::size_t room = max_body_ - body_.size();
  body_.append(bytes.substr(0, std::min(count, room)));
  left_ -= count;
  if (count > room) complete_ = true;
  return count;
}

void http1_body_reader::receive_chunked(std::string_view bytes) {
  while (!bytes.empty() && !complete_) {
    if (chunk_part_ == chunk_part::data) {
      bytes.remove_prefix(take(bytes));
      if (left_ == 0) chunk_part_ = chunk_part::data_end;
      continue;
    }
    const auto line_feed = bytes.find('\n');
    line_.append(bytes.substr(0, line_feed));
    if (line_.size() > max_line_) complete_ = true;
    if (line_feed == std::string_view::npos) return;
    bytes.remove_prefix(line_feed + 1);
    receive_chunk_line();
    line_.clear();
  }
}

// RFC 9112 section 7.1. Trailers do not matter here, so the last chunk ends the body.
void http1_body_reader::receive_chunk_line() {
  if (chunk_part_ == chunk_part::data_end) {
    chunk_part_ = chunk_part::size;
    return;
  }
  const char* const line_end = line_.data() + line_.size();
  const auto [end, failure] = std::from_chars(line_.data(), line_end, left_, 16);
  const bool size_ends =
      line_.ends_with('\r') && std::string_view(" \t;\r").find(*end) != std::string_view::npos;
  if (failure != std::errc() || !size_ends || left_ == 0) {
    complete_ = true;
    return;
  }
  chunk_part_ = chunk_part::data;
}

// --- first lines

std::optional<request_line> parse_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const request_line parsed{line.substr(0, first), line.substr(first + 1, last - first - 1),
                            line.substr(last + 1)};
  if (!is_token(parsed.method) || !is_target(parsed.target) || !is_version(parsed.version)) {
    return std::nullopt;
  }
  return parsed;
}

std::optional<status_line> parse_status_line(std::string_view line) {
  // "HTTP/1.1 101 " and a reason, which may be empty
  if (line.size() < 13 || line[8] != ' ' || line[12] != ' ' || !is_version(line.substr(0, 8))) {
    return std::nullopt;
  }
  status_line parsed{line.substr(0, 8), 0, line.substr(13)};
  const auto [end, failure] = std::from_chars(line.data() + 9, line.data() + 12, parsed.status);
  const bool is_number = failure == std::errc() && end == line.data() + 12;
  if (!is_number || !is_status(parsed.status) || !is_reason(parsed.reason)) return std::nullopt;
  return parsed;
}

bool is_http_1_1(std::string_view version) noexcept {
  return is_version(version) && version[5] == '1' && version[7] != '0';
}

// --- writing

std::string write_request(const request& request) {
  if (!is_token(request.method)) {
    throw std::invalid_argument("invalid method " + quoted(request.method));
  }
  if (!is_target(request.target)) {
    throw std::invalid_argument("invalid target " + quoted(request.target));
  }
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\n";
  write_headers(text, request.headers);
  return text;
}

std::string write_response(const response& response) {
  if (!is_status(response.status)) {
    throw std::invalid_argument("invalid status " + std::to_string(response.status));
  }
  if (!is_reason(response.reason)) {
    throw std::invalid_argument("invalid reason " + quoted(response.reason));
  }
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " " + response.reason + "\r\n";
  write_headers(text, response.headers);
  return text + response.body;
}

}  // namespace duplex::protocol
