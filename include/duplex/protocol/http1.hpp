// Heads and bodies of HTTP/1.1 messages, read as their bytes come and written (RFC 9112).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <duplex/buffer.hpp>
#include <duplex/http.hpp>

namespace duplex::protocol {

/// What a peer may send.
struct http1_limits {
  std::size_t max_line = 8192;                  ///< bytes of a line with its CRLF
  std::size_t max_headers = 128;                ///< header lines
  std::size_t max_body = std::size_t{1} << 20;  ///< bytes; what is beyond is cut off
};

/// Why bytes are not a head.
struct http1_problem {
  enum class type : unsigned char {
    malformed,
    start_line_too_long,
    header_line_too_long,
    too_many_headers
  };
  type kind = type::malformed;
  std::string text = {};
};

/// Reads a start line and headers from bytes that come in any pieces, in linear time. Lines end in
/// CRLF; a bare LF or CR, folded lines and white space before a colon are refused.
class http1_head_reader {
 public:
  /// Of empty lines before the start line, so many are skipped: "a server that is expecting to
  /// receive and parse a request-line SHOULD ignore at least one" (RFC 9112 section 2.2).
  explicit http1_head_reader(http1_limits limits = {}, std::size_t empty_lines_max = 0)
      : limits_(limits), empty_lines_left_(empty_lines_max) {}

  /// Takes bytes until the head is complete or wrong; those behind the head are kept in `rest`.
  void receive_data(std::span<const std::byte> bytes);
  /// Whether no byte has come yet.
  bool untouched() const noexcept { return input_.empty(); }
  bool complete() const noexcept { return complete_; }
  const std::optional<http1_problem>& problem() const noexcept { return problem_; }

  /// The line before the headers, without its CRLF; nullopt until it is complete.
  const std::optional<std::string>& start_line() const noexcept { return start_line_; }
  const duplex::headers& headers() const noexcept { return headers_; }
  /// What came after the head.
  std::span<const std::byte> rest() const noexcept { return input_.bytes().subspan(parsed_); }

 private:
  void receive_line(std::string_view line);
  void receive_header(std::string_view line);
  void fail(http1_problem::type, std::string text);

  http1_limits limits_;
  buffer input_;
  std::size_t parsed_ = 0;   // the lines before are done with
  std::size_t scanned_ = 0;  // no line feed between parsed_ and here
  std::size_t empty_lines_left_;
  std::optional<std::string> start_line_;
  duplex::headers headers_;
  std::optional<http1_problem> problem_;
  bool complete_ = false;
};

/// Reads the body of a response (RFC 9112 section 6.3): of a known length, chunked, or up to the
/// end of the connection.
class http1_body_reader {
 public:
  http1_body_reader(int status, const headers&, http1_limits limits = {});

  void receive_data(std::span<const std::byte> bytes);
  /// The end of the connection is the end of the body, whatever was announced.
  void receive_eof() { complete_ = true; }
  /// Whether the body is at its end, at the limit, or at a byte that makes no sense.
  bool complete() const noexcept { return complete_; }
  const std::string& body() const noexcept { return body_; }
  /// Set where its length is announced in a way that makes no sense: the response is void.
  const std::optional<std::string>& problem() const noexcept { return problem_; }

 private:
  enum class framing : unsigned char { by_length, chunked, to_eof };
  enum class chunk_part : unsigned char { size, data, data_end };

  std::size_t take(std::string_view bytes);
  void receive_chunked(std::string_view bytes);
  void receive_chunk_line();
  void read_length(const headers&);

  std::string body_;
  std::optional<std::string> problem_;
  std::string line_;
  std::size_t max_body_, max_line_;
  std::uint64_t left_ = 0;  // of the body or of the chunk
  framing framing_ = framing::to_eof;
  chunk_part chunk_part_ = chunk_part::size;
  bool complete_ = false;
};

/// The first line of a request: "GET /chat HTTP/1.1".
struct request_line {
  std::string_view method, target, version;
};
/// The three parts, views of `line`; nullopt where the grammar is broken (RFC 9112 section 3).
std::optional<request_line> parse_request_line(std::string_view line);

/// The first line of a response: "HTTP/1.1 101 Switching Protocols".
struct status_line {
  std::string_view version;
  int status = 0;
  std::string_view reason;
};
/// The three parts, views of `line`; nullopt where the grammar is broken (RFC 9112 section 4).
std::optional<status_line> parse_status_line(std::string_view line);

/// Whether a version is 1.1 or a later 1.x, which is read alike (RFC 9110 section 2.5).
bool is_http_1_1(std::string_view version) noexcept;

/// The bytes of a request's head. Throws std::invalid_argument where its method or its target would
/// break the first line.
std::string write_request(const request&);
/// The bytes of a response: its head and its body. Throws std::invalid_argument where its status or
/// its reason would break the first line.
std::string write_response(const response&);

}  // namespace duplex::protocol
