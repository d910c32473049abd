// Reading PEM, with errors that name the file; and the words in a certificate.
#include "tls/certificate.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <openssl/pem.h>

#include <duplex/error.hpp>

namespace duplex::tls {
namespace {

// Far beyond any chain of certificates; /dev/zero ends here.
constexpr std::size_t file_size_max = std::size_t{16} << 20;

bio_ptr reading(const std::string& text) {
  return bio_ptr(not_null(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))));
}

[[noreturn]] void refuse(const pem_source& source, const std::string& problem) {
  ERR_clear_error();
  throw std::invalid_argument(source.name + " " + problem);
}

struct password_request {
  const pem_source& source;
  const password_function& ask;
  bool asked = false;
  std::exception_ptr failure = {};
};

// OpenSSL would ask on the terminal.
int give_password(char* to, int size, int, void* data) noexcept {
  auto& request = *static_cast<password_request*>(data);
  request.asked = true;
  if (!request.ask) return -1;
  try {
    const std::string password = request.ask(request.source.path);
    if (password.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(to, password.data(), password.size());
    return static_cast<int>(password.size());
  } catch (...) {
    request.failure = std::current_exception();
    return -1;
  }
}

// For certificates, which nobody encrypts.
int give_no_password(char*, int, int, void*) noexcept { return -1; }

key_ptr read_key(const pem_source& from, const password_function& password) {
  const auto bio = reading(from.text);
  password_request request{from, password};
  ERR_clear_error();
  key_ptr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_password, &request));
  if (key) return key;
  if (request.failure) std::rethrow_exception(request.failure);
  if (request.asked && !password) refuse(from, "is encrypted, and no password is given");
  if (request.asked) refuse(from, "is encrypted with another password");
  refuse(from, "holds no private key in PEM");
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  const unsigned char* bytes = ASN1_STRING_get0_data(address);
  const int size = ASN1_STRING_length(address);
  std::string text;
  char part[8];
  if (size == 4) {
    for (int i = 0; i < 4; ++i) {
      std::snprintf(part, sizeof part, i == 0 ? "%u" : ".%u", bytes[i]);
      text += part;
    }
  } else if (size == 16) {
    for (int i = 0; i < 16; i += 2) {
      std::snprintf(part, sizeof part, i == 0 ? "%x" : ":%x", bytes[i] << 8 | bytes[i + 1]);
      text += part;
    }
  }
  return text;
}

}  // namespace

pem_source pem_source::file(std::string_view path, std::string_view what) {
  if (path.empty()) throw std::invalid_argument(std::string(what) + " must be a path, got ''");
  pem_source result{.name = std::string(what) + " '" + std::string(path) + "'",
                    .path = std::string(path)};
  const std::unique_ptr<std::FILE, freeing<std::fclose>> opened(
      std::fopen(result.path.c_str(), "rb"));
  char block[4096];
  std::size_t count = 0;
  errno = opened ? 0 : errno;
  while (opened && (count = std::fread(block, 1, sizeof block, opened.get())) != 0) {
    result.text.append(block, count);
    if (result.text.size() > file_size_max) refuse(result, "is too large for a file in PEM");
  }
  if (!opened || std::ferror(opened.get()) != 0) {
    const std::error_code error(errno, std::system_category());
    throw system_error(error, "cannot read " + result.name);
  }
  return result;
}

pem_source pem_source::memory(std::string_view text, std::string_view what) {
  if (text.size() > file_size_max) {
    throw std::invalid_argument(std::string(what) + " is too large for a text in PEM");
  }
  return {.name = std::string(what), .text = std::string(text)};
}

std::vector<certificate_ptr> read_certificates(const pem_source& from) {
  const auto bio = reading(from.text);
  std::vector<certificate_ptr> result;
  ERR_clear_error();
  while (auto* next = PEM_read_bio_X509_AUX(bio.get(), nullptr, give_no_password, nullptr)) {
    result.emplace_back(next);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) refuse(from, "holds a damaged certificate: " + take_reason());
  if (result.empty()) refuse(from, "holds no certificate in PEM");
  ERR_clear_error();
  return result;
}

credentials read_credentials(const pem_source& chain, const pem_source& key,
                             const password_function& password) {
  auto certificates = read_certificates(chain);
  credentials result;
  result.certificate = std::move(certificates.front());
  result.chain.reset(not_null(sk_X509_new_null()));
  for (std::size_t i = 1; i < certificates.size(); ++i) {
    not_null(sk_X509_push(result.chain.get(), certificates[i].get()));
    static_cast<void>(certificates[i].release());
  }
  result.key = read_key(key, password);
  if (X509_check_private_key(result.certificate.get(), result.key.get()) != 1) {
    refuse(key, "is not the key of the certificate in " + chain.name);
  }
  const ASN1_TIME* end = X509_get0_notAfter(result.certificate.get());
  if (X509_cmp_current_time(end) < 0) {
    refuse(chain, "holds a certificate that expired on " + date_of(end));
  }
  return result;
}

bool credentials::fits(const std::string& host) const {
  constexpr unsigned flags =
      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
  return X509_check_host(certificate.get(), host.data(), host.size(), flags, nullptr) == 1;
}

std::string text_of(const X509_NAME* name) {
  const bio_ptr bio(not_null(BIO_new(BIO_s_mem())));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string date_of(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "a day that is none";
  char text[16];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> result;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) result.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) result.push_back(address_text(name->d.iPAddress));
  }
  GENERAL_NAMES_free(names);
  return result;
}

tls_identity identity_of(const X509* certificate) {
  tls_identity result;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  result.subject = text_of(subject);
  const int position = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (position >= 0) {
    unsigned char* text = nullptr;
    const auto* data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, position));
    const int size = ASN1_STRING_to_UTF8(&text, data);
    if (size > 0)
      result.common_name.assign(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
  }
  result.names = names_of(certificate);
  return result;
}

}  // namespace duplex::tls
