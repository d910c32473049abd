// OpenSSL's reasons for refusing a certificate, with the facts that help to mend them.
#include "tls/verification.hpp"

#include <duplex/log.hpp>

#include "tls/certificate.hpp"

namespace duplex::tls {
namespace {

constexpr std::size_t names_told_max = 4;

std::string for_whom(const X509* certificate) {
  const auto names = names_of(certificate);
  if (names.empty()) return "no host at all (it has no subjectAltName)";
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < names_told_max; ++i) {
    text += (i == 0 ? "" : ", ") + escaped(names[i]);  // the peer writes what it likes
  }
  if (names.size() > names_told_max) {
    text += " and " + std::to_string(names.size() - names_told_max) + " more";
  }
  return text;
}

}  // namespace

std::string describe_refusal(X509_STORE_CTX* checked, const std::string& host) {
  const int error = X509_STORE_CTX_get_error(checked);
  const X509* certificate = X509_STORE_CTX_get_current_cert(checked);
  if (!certificate)
    return std::string("certificate refused: ") + X509_verify_cert_error_string(error);
  const std::string what =
      X509_STORE_CTX_get_error_depth(checked) == 0
          ? "certificate"
          : "certificate of the authority (" + text_of(X509_get_subject_name(certificate)) + ")";
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return what + " expired on " + date_of(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return what + " is not valid before " + date_of(X509_get0_notBefore(certificate));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return what + " is for " + for_whom(certificate) + ", not " + host;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return what + " is signed by itself (" + text_of(X509_get_subject_name(certificate)) + ")";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "certificate signed by unknown authority (" +
             text_of(X509_get_issuer_name(certificate)) + ")";
    default:
      return what + " refused: " + X509_verify_cert_error_string(error);
  }
}

}  // namespace duplex::tls
