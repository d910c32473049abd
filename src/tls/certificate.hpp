// Certificates and keys: read from PEM, and told about.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/tls.hpp>

#include "tls/openssl.hpp"

namespace duplex::tls {

/// PEM that was given as a file or as the text itself, and what to call it in errors.
struct pem_source {
  std::string name = {};
  std::string text = {};
  std::string path = {};  ///< of the file, if it is one

  /// Throws std::system_error where the file cannot be read.
  /// `what`: the option that names it, "tls.ca_file".
  static pem_source file(std::string_view path, std::string_view what);
  static pem_source memory(std::string_view text, std::string_view what);
};

/// A certificate, those that lead to its authority, and its key.
struct credentials {
  certificate_ptr certificate = {};
  chain_ptr chain = {};
  key_ptr key = {};

  /// Whether the certificate is for this host name.
  bool fits(const std::string& host) const;
};

using password_function = std::function<std::string(std::string_view key_file)>;

/// Throws std::invalid_argument where a source does not hold what it should, the key does not go
/// with the certificate, or the certificate has expired.
credentials read_credentials(const pem_source& chain, const pem_source& key,
                             const password_function& password);

/// At least one; std::invalid_argument where there is none.
std::vector<certificate_ptr> read_certificates(const pem_source& from);

/// "CN=alice,O=Example"
std::string text_of(const X509_NAME* name);
/// "2024-05-01", in UTC
std::string date_of(const ASN1_TIME* time);
/// Host names and IP addresses the certificate is for.
std::vector<std::string> names_of(const X509* certificate);
tls_identity identity_of(const X509* certificate);

}  // namespace duplex::tls
