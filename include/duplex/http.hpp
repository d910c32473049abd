// HTTP header fields, requests and responses, as the opening handshake uses them (RFC 6455 section
// 4).
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duplex {

template <class T>
class task;

/// Whether the text is a token (RFC 9110 section 5.6.2), as header names and subprotocols are.
bool is_token(std::string_view text) noexcept;
/// Whether the text can be the value of a header: no control characters but tabs, no white space
/// at its ends (RFC 9110 section 5.5).
bool is_field_value(std::string_view text) noexcept;
/// Whether two texts differ at most in the case of ASCII letters.
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// Header fields in the order of the wire; names compare without case (RFC 9110 section 5.1).
class headers {
 public:
  using field = std::pair<std::string, std::string>;

  headers() = default;
  /// Throws like `add`.
  headers(std::initializer_list<field> fields);

  /// The value of the only field of that name; nullopt where there is none or more than one.
  std::optional<std::string_view> get(std::string_view name) const;
  /// Every value of that name, in order.
  std::vector<std::string_view> all(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  bool contains(std::string_view name) const { return count(name) != 0; }
  /// Adds a field. Throws std::invalid_argument where the name is no token or the value has a
  /// control character or white space at its ends: nothing of a user's can break a line of the
  /// wire.
  void add(std::string name, std::string value);
  /// Replaces all fields of that name. Throws like `add`.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }

  bool operator==(const headers&) const = default;

 private:
  std::vector<field> fields_;
};

/// The request of an opening handshake.
struct request {
  std::string method = "GET";
  std::string target = "/";  ///< path and query, as sent
  duplex::headers headers = {};

  /// The target up to its query.
  std::string_view path() const noexcept;
  /// What follows the `?`; empty where there is none.
  std::string_view query() const noexcept;
};

/// The response to an opening handshake.
struct response {
  int status = 200;
  std::string reason = "OK";
  duplex::headers headers = {};
  std::string body = {};
  /// Of a server's answer: makes what follows the body, piece by piece, each when the one before
  /// has left; an empty piece is the end. Content-Length must say how much it is.
  std::function<task<std::string>()> stream = {};
};

/// "Not Found" for 404; "" for an unknown status.
std::string_view reason_phrase(int status) noexcept;

/// A server's answer that opens no connection, with its Content-Type and Content-Length.
response respond(int status, std::string_view text,
                 std::string_view content_type = "text/plain; charset=utf-8");

}  // namespace duplex
