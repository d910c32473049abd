// Contexts of clients, the shared one among them.
#include "tls/client.hpp"

#include <algorithm>
#include <utility>

namespace duplex::tls {
namespace {

bool is_default(const tls_client& options) {
  const tls_client other;
  return !options.ca_file && !options.ca && !options.certificate_file && !options.certificate &&
         !options.key_file && !options.key && std::ranges::equal(options.alpn, other.alpn) &&
         options.minimum_version == other.minimum_version && !options.insecure_skip_verification;
}

bool has_certificate(const tls_client& options) {
  return options.certificate_file || options.certificate;
}

tls_client without_certificate(tls_client options) {
  options.certificate_file = options.certificate = options.key_file = options.key = {};
  options.password = {};
  return options;
}

}  // namespace

client::client(const tls_client& options) : server_name_(options.server_name) {
  if (!is_default(options)) own_ = make_client_context(options);
}

std::unique_ptr<engine> client::make_engine(const std::string& host) const {
  auto shared = own_;
  if (!shared) {
    static const auto of_process = make_client_context({});
    shared = of_process;
  }
  return std::make_unique<engine>(std::move(shared), side::client, server_name_.value_or(host));
}

clients::clients(const tls_client& to_server, const tls_client& to_proxy)
    : server(to_server),
      elsewhere(has_certificate(to_server) ? client(without_certificate(to_server)) : server),
      proxy(to_proxy) {}

}  // namespace duplex::tls
