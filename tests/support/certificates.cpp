#include "support/certificates.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "tls/openssl.hpp"

namespace duplex::test {
namespace {

using tls::bio_ptr;
using tls::certificate_ptr;
using tls::key_ptr;

void check(bool good) {
  if (!good) throw std::runtime_error("cannot make a certificate: " + tls::take_reason());
}

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const bio_ptr bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key, std::string_view password = {}) {
  const bio_ptr bio(BIO_new(BIO_s_mem()));
  const auto* letters = reinterpret_cast<const unsigned char*>(password.data());
  const EVP_CIPHER* cipher = password.empty() ? nullptr : EVP_aes_256_cbc();
  check(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, cipher,
                                      reinterpret_cast<const char*>(letters),
                                      static_cast<int>(password.size()), nullptr, nullptr) == 1);
  return text_of(bio.get());
}

key_ptr make_key() {
  key_ptr key(EVP_EC_gen("P-256"));
  check(key != nullptr);
  return key;
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, tls::freeing<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  check(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

// With the subject, the times and the key; not signed.
certificate_ptr make_certificate(const certificate_wish& wish, EVP_PKEY* key) {
  certificate_ptr result(X509_new());
  X509* made = result.get();
  X509_set_version(made, X509_VERSION_3);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), serial >> 1);
  const auto seconds = [](std::chrono::hours time) {
    return static_cast<long>(std::chrono::seconds(time).count());
  };
  X509_gmtime_adj(X509_getm_notBefore(made), seconds(wish.starts));
  X509_gmtime_adj(X509_getm_notAfter(made), seconds(wish.ends));
  X509_set_pubkey(made, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1,
                             -1, 0);
  return result;
}

void sign(X509* certificate, X509* issuer, EVP_PKEY* key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  check(X509_sign(certificate, key, EVP_sha256()) != 0);
}

void describe_end(X509* certificate, X509* issuer, const certificate_wish& wish) {
  std::string names;
  for (const auto& each : wish.names) names += (names.empty() ? "" : ",") + each;
  if (!names.empty()) extend(certificate, issuer, NID_subject_alt_name, names);
  extend(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
}

void describe_authority(X509* certificate, X509* issuer) {
  extend(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
}

}  // namespace

struct test_authority::state {
  key_ptr key;
  certificate_ptr certificate;
  std::string pem;
  std::string chain;  // what follows in certificates it issues
};

test_authority::test_authority(const std::string& name) : state_(std::make_unique<state>()) {
  state_->key = make_key();
  state_->certificate = make_certificate({.common_name = name}, state_->key.get());
  X509* made = state_->certificate.get();
  describe_authority(made, made);
  sign(made, made, state_->key.get());
  state_->pem = pem_of(made);
}

test_authority::test_authority(std::unique_ptr<state> made) : state_(std::move(made)) {}
test_authority::~test_authority() = default;

const std::string& test_authority::certificate() const { return state_->pem; }

test_certificate test_authority::issue(const certificate_wish& wish) const {
  const auto key = make_key();
  const auto made = make_certificate(wish, key.get());
  describe_end(made.get(), state_->certificate.get(), wish);
  sign(made.get(), state_->certificate.get(), state_->key.get());
  return {pem_of(made.get()) + state_->chain, pem_of(key.get())};
}

std::unique_ptr<test_authority> test_authority::issue_authority(const std::string& name) const {
  auto below = std::make_unique<state>();
  below->key = make_key();
  below->certificate = make_certificate({.common_name = name}, below->key.get());
  describe_authority(below->certificate.get(), state_->certificate.get());
  sign(below->certificate.get(), state_->certificate.get(), state_->key.get());
  below->pem = pem_of(below->certificate.get());
  below->chain = below->pem + state_->chain;
  return std::unique_ptr<test_authority>(new test_authority(std::move(below)));
}

test_certificate self_signed(const certificate_wish& wish) {
  const auto key = make_key();
  const auto made = make_certificate(wish, key.get());
  describe_end(made.get(), made.get(), wish);
  sign(made.get(), made.get(), key.get());
  return {pem_of(made.get()), pem_of(key.get())};
}

std::string encrypted_key(const std::string& key, std::string_view password) {
  const bio_ptr bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  const key_ptr read(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  check(read != nullptr);
  return pem_of(read.get(), password);
}

test_files::test_files() {
  std::string name = (std::filesystem::temp_directory_path() / "duplex-test-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::system_error(errno, std::system_category());
  folder_ = name;
}

test_files::~test_files() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string test_files::write(const std::string& name, std::string_view text) const {
  std::ofstream(folder_ / name, std::ios::binary) << text;
  return path(name);
}

}  // namespace duplex::test
