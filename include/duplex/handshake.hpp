// What a server knows of a connection before it is open, and what its application adds to that.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <duplex/http.hpp>
#include <duplex/io/address.hpp>
#include <duplex/tls.hpp>

namespace duplex {

/// A value of any type that lives as long as its connection.
class connection_data {
 public:
  connection_data() noexcept = default;
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, connection_data>)
      connection_data(T&& value)  // NOLINT: implicit by design
      : value_(std::make_shared<std::remove_cvref_t<T>>(std::forward<T>(value))),
        type_(&typeid(std::remove_cvref_t<T>)) {}

  /// The value, where it is there and a T; else nullptr.
  template <class T>
  T* get() const noexcept {
    return type_ && *type_ == typeid(T) ? static_cast<T*>(value_.get()) : nullptr;
  }

 private:
  std::shared_ptr<void> value_;
  const std::type_info* type_ = nullptr;
};

/// A server's opening handshake: what came, and what is known so far. Functions of `serve_options`
/// may change what follows `tls`; all of it is the connection's later.
struct handshake {
  duplex::request request = {};
  duplex::response response = {};  ///< once it is decided
  std::optional<std::string> subprotocol = {};
  address local_address = {};
  address remote_address = {};
  /// What TLS has agreed on, the client's certificate among it; nullptr: no TLS.
  std::shared_ptr<const tls_info> tls = {};

  /// Who the peer has proven to be, as `basic_auth` does; see `connection::username`.
  std::optional<std::string> username = {};
  /// What stood in the place of a route's parameters; see `connection::parameters`.
  std::map<std::string, std::string> parameters = {};
  /// Anything; see `connection::data`.
  connection_data data = {};
};

}  // namespace duplex
