// OpenSSL's objects, owned.
#pragma once

#include <memory>
#include <string>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace duplex::tls {

template <auto free_function>
struct freeing {
  template <class T>
  void operator()(T* object) const noexcept {
    free_function(object);
  }
};

inline void free_certificates(STACK_OF(X509) * chain) noexcept {
  sk_X509_pop_free(chain, X509_free);
}

using bio_ptr = std::unique_ptr<BIO, freeing<BIO_free>>;
using context_ptr = std::unique_ptr<SSL_CTX, freeing<SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, freeing<SSL_free>>;
using certificate_ptr = std::unique_ptr<X509, freeing<X509_free>>;
using chain_ptr = std::unique_ptr<STACK_OF(X509), freeing<free_certificates>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freeing<EVP_PKEY_free>>;

/// What OpenSSL says of its last failure in this thread: "no shared cipher". Forgets it.
std::string take_reason();
/// Throws std::bad_alloc where OpenSSL gave nullptr: no other reason is left.
template <class Pointer>
Pointer not_null(Pointer pointer) {
  if (!pointer) throw std::bad_alloc();
  return pointer;
}

}  // namespace duplex::tls
