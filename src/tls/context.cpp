// Contexts of OpenSSL, made from options.
#include "tls/context.hpp"

#include <stdexcept>
#include <utility>

namespace duplex::tls {
namespace {

context_ptr make_native(const SSL_METHOD* method, tls_version least) {
  context_ptr native(not_null(SSL_CTX_new(method)));
  SSL_CTX* to = native.get();
  SSL_CTX_set_min_proto_version(to,
                                least == tls_version::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(to, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // An idle connection keeps no buffer for records.
  SSL_CTX_set_mode(to, SSL_MODE_RELEASE_BUFFERS);
  // A server's sessions are with its clients, in tickets.
  SSL_CTX_set_session_cache_mode(to, SSL_SESS_CACHE_OFF);
  return native;
}

template <class Names>
std::string write_alpn(const Names& names, const char* option) {
  std::string result;
  for (const auto& name : names) {
    if (name.empty() || name.size() > 255) {
      throw std::invalid_argument(std::string(option) + " needs names of 1 to 255 bytes, got '" +
                                  std::string(name) + "'");
    }
    result += static_cast<char>(name.size());
    result += name;
  }
  return result;
}

void use(SSL_CTX* context, const credentials& own) {
  if (SSL_CTX_use_cert_and_key(context, own.certificate.get(), own.key.get(), own.chain.get(), 1) !=
      1) {
    throw std::invalid_argument("a certificate cannot be used: " + take_reason());
  }
}

void trust(SSL_CTX* context, const pem_source& authorities) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const auto& each : read_certificates(authorities)) {
    if (X509_STORE_add_cert(store, each.get()) != 1) throw std::bad_alloc();
  }
  // Who is named is trusted, be it a root or not.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
}

void trust_clients_of(SSL_CTX* context, const pem_source& authorities) {
  trust(context, authorities);
  for (const auto& each : read_certificates(authorities)) {
    SSL_CTX_add_client_CA(context, each.get());
  }
}

// A client without common protocols is refused: what it would speak is nothing we know.
int choose_alpn(SSL*, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned int offered_size, void* data) noexcept {
  const auto& own = static_cast<const context*>(data)->alpn;
  auto* result = const_cast<unsigned char**>(chosen);
  const auto* spoken = reinterpret_cast<const unsigned char*>(own.data());
  const int found = SSL_select_next_proto(
      result, size, spoken, static_cast<unsigned int>(own.size()), offered, offered_size);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int choose_certificate(SSL* ssl, void* data) noexcept {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return 1;
  try {
    const std::string host = name;
    for (const auto& each : static_cast<const context*>(data)->more) {
      if (!each.fits(host)) continue;
      return SSL_use_cert_and_key(ssl, each.certificate.get(), each.key.get(), each.chain.get(), 1);
    }
    return 1;
  } catch (...) {
    return 0;
  }
}

void set_client_verification(SSL_CTX* native, const tls_server_options& options) {
  const bool has_authority = !options.client_ca_file.empty() || !options.client_ca.empty();
  if (options.client == client_certificate::none) {
    if (has_authority) {
      throw std::invalid_argument(
          "tls.client_ca is for servers that ask for certificates, and tls.client is none");
    }
    return;
  }
  if (!has_authority) {
    throw std::invalid_argument("tls.client needs tls.client_ca_file or tls.client_ca");
  }
  if (!options.client_ca_file.empty()) {
    trust_clients_of(native, pem_source::file(options.client_ca_file, "tls.client_ca_file"));
  }
  if (!options.client_ca.empty()) {
    trust_clients_of(native, pem_source::memory(options.client_ca, "tls.client_ca"));
  }
  const bool required = options.client == client_certificate::required;
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
}

pem_source source_of(std::string_view file, std::string_view text, const char* option) {
  if (!file.empty() && !text.empty()) {
    throw std::invalid_argument(std::string(option) + " is given twice: as '" + std::string(file) +
                                "' and as a text");
  }
  if (!file.empty()) return pem_source::file(file, std::string(option) + "_file");
  return pem_source::memory(text, option);
}

credentials read_certificate(const tls_certificate& from, const password_function& password) {
  return read_credentials(source_of(from.certificate_file, from.certificate, "tls.certificate"),
                          source_of(from.key_file, from.key, "tls.key"), password);
}

void set_own_certificate(SSL_CTX* native, const tls_client& options) {
  const bool has_certificate = options.certificate_file || options.certificate;
  const bool has_key = options.key_file || options.key;
  if (has_certificate != has_key) {
    throw std::invalid_argument(has_key ? "tls.key needs tls.certificate"
                                        : "tls.certificate needs tls.key");
  }
  if (!has_certificate) return;
  password_function password;
  if (options.password) {
    password = [given = std::string(*options.password)](std::string_view) { return given; };
  }
  const tls_certificate own{
      .certificate_file = std::string(options.certificate_file.value_or("")),
      .key_file = std::string(options.key_file.value_or("")),
      .certificate = std::string(options.certificate.value_or("")),
      .key = std::string(options.key.value_or("")),
  };
  use(native, read_certificate(own, password));
}

}  // namespace

std::shared_ptr<const context> make_client_context(const tls_client& options) {
  auto result = std::make_shared<context>();
  result->native = make_native(TLS_client_method(), options.minimum_version);
  SSL_CTX* native = result->native.get();
  if (options.ca_file) trust(native, pem_source::file(*options.ca_file, "tls.ca_file"));
  if (options.ca) trust(native, pem_source::memory(*options.ca, "tls.ca"));
  if (!options.ca_file && !options.ca) SSL_CTX_set_default_verify_paths(native);
  ERR_clear_error();  // a system without authorities shows when there is something to check
  if (!options.insecure_skip_verification) SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  set_own_certificate(native, options);
  result->alpn = write_alpn(options.alpn, "tls.alpn");
  // Gives 0 where it went well.
  if (SSL_CTX_set_alpn_protos(native, reinterpret_cast<const unsigned char*>(result->alpn.data()),
                              static_cast<unsigned int>(result->alpn.size())) != 0) {
    throw std::bad_alloc();
  }
  return result;
}

std::shared_ptr<const context> make_server_context(const tls_certificate& first,
                                                   const tls_server_options& options) {
  auto result = std::make_shared<context>();
  result->native = make_native(TLS_server_method(), options.minimum_version);
  SSL_CTX* native = result->native.get();
  use(native, read_certificate(first, options.password));
  for (const auto& each : options.more_certificates) {
    result->more.push_back(read_certificate(each, options.password));
  }
  if (!result->more.empty()) SSL_CTX_set_cert_cb(native, choose_certificate, result.get());
  set_client_verification(native, options);
  // A session is taken up again only with the server that checked its client.
  const unsigned char id[] = "duplex";
  SSL_CTX_set_session_id_context(native, id, sizeof id - 1);
  result->alpn = write_alpn(options.alpn, "tls.alpn");
  if (!result->alpn.empty()) SSL_CTX_set_alpn_select_cb(native, choose_alpn, result.get());
  return result;
}

}  // namespace duplex::tls
