// The words for how TLS ends badly.
#include "tls/error.hpp"

#include <string>

#include "tls/openssl.hpp"

namespace duplex::tls {
namespace {

class tls_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "tls"; }
  std::string message(int error) const override {
    switch (static_cast<errc>(error)) {
      case errc::truncated:
        return "the peer ended the connection without ending TLS";
      case errc::broken:
        return "what came is no valid TLS";
    }
    return std::string("the peer ended TLS with the alert '") + alert_text(error) + "'";
  }
};

const tls_category category;

}  // namespace

std::error_code make_error_code(errc error) noexcept { return {static_cast<int>(error), category}; }

std::error_code alert_error(int alert) noexcept { return {alert, category}; }

const char* alert_text(int alert) noexcept {
  // Those of TLS 1.3 that OpenSSL 3.0 has no words for.
  if (alert == SSL_AD_CERTIFICATE_REQUIRED) return "certificate required";
  if (alert == SSL_AD_MISSING_EXTENSION) return "missing extension";
  return SSL_alert_desc_string_long(alert);
}

std::string take_reason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(error);
  return reason ? reason : "unknown error";
}

}  // namespace duplex::tls
