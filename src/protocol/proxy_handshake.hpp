// What is said to a proxy before the bytes are the server's; bytes in, bytes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/proxy.hpp"

namespace duplex::protocol {

/// A conversation with a proxy, from the request for a server to the proxy's word that it is
/// connected.
///
/// Until it is done or has failed: write what `take_data_to_send` gives, read, hand over what came.
/// What it keeps is bounded, whatever the proxy sends.
class proxy_handshake {
 public:
  virtual ~proxy_handshake() = default;

  /// The bytes to send now, once; often none.
  std::string take_data_to_send() { return std::exchange(output_, {}); }
  void receive_data(std::span<const std::byte> bytes);
  void receive_eof();
  /// From now on the bytes are the server's.
  bool done() const noexcept { return done_; }
  /// A proxy_error or one of its kinds, for the caller to throw.
  const std::exception_ptr& failure() const noexcept { return failure_; }

 protected:
  explicit proxy_handshake(std::string name) : name_(std::move(name)) {}
  /// "proxy localhost:3128", for messages.
  const std::string& name() const noexcept { return name_; }
  void send(std::string_view bytes) { output_ += bytes; }
  void finish() noexcept { done_ = true; }
  template <class Error>
  void fail(Error error) {
    failure_ = std::make_exception_ptr(std::move(error));
  }

 private:
  /// Gives how many of the bytes it took: fewer than all of them only once it is done.
  virtual std::size_t take_in(std::span<const std::byte> bytes) = 0;
  virtual void end() = 0;

  std::string name_;
  std::string output_;
  std::exception_ptr failure_;
  bool done_ = false;
};

/// The conversation a proxy wants. `host`: a name, or an address in numbers; an address for the
/// proxies that want one. Throws proxy_error where the proxy cannot be told of the host.
std::unique_ptr<proxy_handshake> make_proxy_handshake(const detail::proxy& proxy,
                                                      const std::string& host, std::uint16_t port,
                                                      std::optional<std::string> user_agent);

}  // namespace duplex::protocol
