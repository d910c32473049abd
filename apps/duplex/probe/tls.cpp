#include "probe/tls.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <stdexcept>

namespace duplex::probe {
namespace {

std::string take_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason ? reason : "unknown error";
}

[[noreturn]] void refuse(const char* what, std::string_view file) {
  throw std::runtime_error("cannot use the " + std::string(what) + " in " + std::string(file) +
                           ": " + take_reason());
}

// Why a handshake failed.
std::string reason_of(const SSL* ssl) {
  const long verified = SSL_get_verify_result(ssl);
  if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE || verified == X509_V_OK) return take_reason();
  ERR_clear_error();
  return std::string("certificate refused: ") + X509_verify_cert_error_string(verified);
}

}  // namespace

tls_context make_tls_context(const tls_client& options) {
  ERR_clear_error();
  const tls_context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) throw std::runtime_error("no TLS: " + take_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  constexpr unsigned char http_1_1[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context.get(), http_1_1, sizeof http_1_1 - 1);
  if (!options.insecure_skip_verification) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (options.ca_file) {
    const std::string file(*options.ca_file);
    if (SSL_CTX_load_verify_file(context.get(), file.c_str()) != 1) refuse("certificates", file);
  } else {
    SSL_CTX_set_default_verify_paths(context.get());
  }
  if (options.certificate_file) {
    const std::string file(*options.certificate_file);
    if (SSL_CTX_use_certificate_chain_file(context.get(), file.c_str()) != 1) {
      refuse("certificate", file);
    }
  }
  if (options.key_file) {
    const std::string file(*options.key_file);
    if (SSL_CTX_use_PrivateKey_file(context.get(), file.c_str(), SSL_FILETYPE_PEM) != 1) {
      refuse("key", file);
    }
  }
  return context;
}

tls_session::tls_session(const tls_context& context, const std::string& host)
    : ssl_(SSL_new(context.get()), SSL_free) {
  if (!ssl_) throw std::runtime_error("no TLS: " + take_reason());
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl_.get());
  // OpenSSL would take it for all names below it.
  if (host.starts_with('.')) throw std::runtime_error("no certificate is for " + host);
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) {  // no address, but a name
    X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  }
}

bool tls_session::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return true;
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return false;
  throw std::runtime_error(reason_of(ssl_.get()));
}

void tls_session::seal(std::string_view plain) {
  ERR_clear_error();
  std::size_t written = 0;
  // Into memory it all goes at once; on a broken session nothing does, and `unseal` tells.
  SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written);
}

void tls_session::finish() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

std::string tls_session::take_output() {
  BIO* const from = SSL_get_wbio(ssl_.get());
  std::string bytes(BIO_ctrl_pending(from), '\0');
  if (!bytes.empty()) BIO_read(from, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

void tls_session::receive(std::string_view bytes) {
  BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
}

tls_session::state tls_session::unseal(std::string& to) {
  std::array<char, 16384> plain;
  for (;;) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), plain.data(), plain.size(), &count);
    if (result != 1) {
      const int problem = SSL_get_error(ssl_.get(), result);
      ERR_clear_error();
      if (problem == SSL_ERROR_WANT_READ) return state::open;
      return problem == SSL_ERROR_ZERO_RETURN ? state::ended : state::broken;
    }
    to.append(plain.data(), count);
  }
}

}  // namespace duplex::probe
