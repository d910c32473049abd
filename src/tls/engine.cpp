// OpenSSL between two buffers.
#include "tls/engine.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <duplex/error.hpp>

#include "tls/error.hpp"
#include "tls/verification.hpp"

namespace duplex::tls {
namespace {

// One read: four records of full size.
constexpr std::size_t read_size = 4 * record_size;
// What a record adds to its plaintext, at most but for ciphers nobody uses.
constexpr std::size_t record_frame = 64;
// A peer can make TLS answer (tickets, key updates, refused renegotiations); one that does so and
// reads no answer gets no more than these bytes of memory.
constexpr std::size_t answers_max = 64 * 1024;

constexpr std::string_view plain_http_answer =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 39\r\n"
    "Connection: close\r\n"
    "\r\n"
    "this port speaks TLS: use wss or https\n";

// Without what names no host: the dot of the root, an interface's zone.
std::string without_suffix(std::string host) {
  if (host.size() > 1 && host.back() == '.') host.pop_back();
  return host.substr(0, host.find('%'));
}

int engine_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

// What OpenSSL calls.
struct engine_callbacks {
  static engine& of(BIO* bio) noexcept { return *static_cast<engine*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* to, int size) noexcept {
    engine& self = of(bio);
    BIO_clear_retry_flags(bio);
    const auto count =
        std::min(self.input_size_ - self.taken_, static_cast<std::size_t>(std::max(size, 0)));
    if (count == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    std::memcpy(to, self.input_.data() + self.taken_, count);
    self.taken_ += count;
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* from, int size) noexcept {
    engine& self = of(bio);
    BIO_clear_retry_flags(bio);
    try {
      self.output_.append(as_bytes({from, static_cast<std::size_t>(size)}));
      return size;
    } catch (...) {  // no memory
      return -1;
    }
  }

  static long control(BIO*, int command, long, void*) noexcept {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static const std::unique_ptr<BIO_METHOD, freeing<BIO_meth_free>> made = [] {
      std::unique_ptr<BIO_METHOD, freeing<BIO_meth_free>> result(
          not_null(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "duplex")));
      BIO_meth_set_read(result.get(), read);
      BIO_meth_set_write(result.get(), write);
      BIO_meth_set_ctrl(result.get(), control);
      return result;
    }();
    return made.get();
  }

  // The first reason is told: what follows follows from it.
  static int verify(int good, X509_STORE_CTX* checked) noexcept {
    if (good == 1) return good;
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(checked, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& self = *static_cast<engine*>(SSL_get_ex_data(ssl, engine_index()));
    try {
      if (self.refusal_.empty()) self.refusal_ = describe_refusal(checked, self.host_);
    } catch (...) {  // no memory for the words
    }
    return good;
  }
};

engine::engine(std::shared_ptr<const context> shared, tls::side side, std::string host)
    : context_(std::move(shared)),
      side_(side),
      host_(without_suffix(std::move(host))),
      ssl_(not_null(SSL_new(context_->native.get()))) {
  SSL* const ssl = ssl_.get();
  BIO* const bio = not_null(BIO_new(engine_callbacks::method()));
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  if (SSL_set_ex_data(ssl, engine_index(), this) != 1) throw std::bad_alloc();
  SSL_set_verify(ssl, SSL_get_verify_mode(ssl), engine_callbacks::verify);
  if (side == side::server) {
    SSL_set_accept_state(ssl);
    return;
  }
  SSL_set_connect_state(ssl);
  X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  // RFC 6066 section 3: no server name where the host is a number.
  const bool numeric = X509_VERIFY_PARAM_set1_ip_asc(expected, host_.c_str()) == 1;
  // A dot at the start would stand for all names below.
  const bool set =
      numeric || (!host_.starts_with('.') &&
                  X509_VERIFY_PARAM_set1_host(expected, host_.data(), host_.size()) == 1 &&
                  SSL_set_tlsext_host_name(ssl, host_.c_str()) == 1);
  if (!set) {
    ERR_clear_error();
    throw std::invalid_argument("tls: '" + host_ + "' is no name of a host");
  }
}

engine::~engine() = default;

// --- ciphertext in

std::span<std::byte> engine::input_space() {
  if (input_.capacity() == 0) input_ = buffer(read_size);
  if (input_.size() - input_size_ < read_size / 4) {
    buffer larger(input_size_ - taken_ + read_size);
    std::copy_n(input_.data() + taken_, input_size_ - taken_, larger.data());
    input_size_ -= std::exchange(taken_, 0);
    input_ = std::move(larger);
  }
  return {input_.data() + input_size_, input_.size() - input_size_};
}

void engine::received(std::size_t count) {
  if (failed()) return;  // nobody asks for it any more
  if (first_bytes_ < 2) check_first_bytes(input_.bytes().subspan(input_size_, count));
  input_size_ += count;
}

void engine::forget_space() noexcept {
  if (taken_ != input_size_) return;
  input_size_ = taken_ = 0;
  input_.release();
}

bool engine::has_input() const noexcept {
  return taken_ != input_size_ || SSL_pending(ssl_.get()) != 0;
}

// Every record of a handshake begins with its type and 3 (RFC 8446 section 5.1): what does not is
// told from TLS at its first byte, and what is plain HTTP gets an answer it understands.
void engine::check_first_bytes(std::span<const std::byte> bytes) {
  for (const auto each : bytes.first(std::min(bytes.size(), 2 - first_bytes_))) {
    const auto byte = static_cast<unsigned char>(each);
    const bool first = first_bytes_++ == 0;
    if (first && byte >= SSL3_RT_CHANGE_CIPHER_SPEC && byte <= SSL3_RT_APPLICATION_DATA) continue;
    if (!first && byte == SSL3_VERSION_MAJOR) continue;
    if (first && side_ == side::server && byte >= 'A' && byte <= 'Z') {
      output_.append(as_bytes(plain_http_answer));
      return fail(errc::broken, "the peer speaks plain HTTP to a port for TLS");
    }
    if (first && side_ == side::client && byte == 'H') {  // an answer of HTTP
      return fail(errc::broken, "the peer speaks plain HTTP, no TLS: ws or http instead?");
    }
    return fail(errc::broken, "the peer speaks no TLS");
  }
}

// --- ciphertext out

void engine::output_sent(std::size_t count) noexcept {
  sent_ += count;
  if (sent_ < output_.size()) return;
  sent_ = answers_ = 0;
  output_.release();
}

buffer engine::take_output() {
  buffer taken = sent_ == 0 ? std::move(output_) : buffer(output());
  output_sent(output().size());
  return taken;
}

// --- the handshake

bool engine::shake_hands() {
  if (open_ || failed()) return open_;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  open_ = result == 1;
  if (!open_) settle(result);
  forget_space();
  return open_;
}

tls_info engine::info() const {
  tls_info result;
  result.version = SSL_get_version(ssl_.get());
  result.cipher = SSL_get_cipher_name(ssl_.get());
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  if (size != 0) result.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  if (const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name)) {
    result.server_name = name;
  }
  if (const X509* peer = SSL_get0_peer_certificate(ssl_.get())) result.peer = identity_of(peer);
  return result;
}

// --- plaintext

std::size_t engine::read(std::span<std::byte> to) {
  const auto output_before = output_.size();
  std::size_t total = 0;
  while (!failed() && !ended_ && total < to.size()) {
    std::size_t count = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), to.data() + total, to.size() - total, &count);
    if (result != 1) {
      settle(result);
      break;
    }
    total += count;
    if (!has_input()) break;
  }
  forget_space();
  limit_answers(output_before);
  return total;
}

bool engine::write(std::span<const std::byte> bytes) {
  if (failed() || shut_) return false;
  if (bytes.empty()) return true;
  std::size_t written = 0;
  output_.reserve(output_.size() + bytes.size() + (bytes.size() / record_size + 1) * record_frame);
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  if (result != 1) settle(result);
  return result == 1;
}

void engine::shut_down() {
  if (std::exchange(shut_, true) || !open_ || failed()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());  // its output is all that is wanted
  ERR_clear_error();
}

void engine::limit_answers(std::size_t output_before) {
  answers_ += output_.size() - output_before;
  if (answers_ > answers_max) {
    fail(errc::broken, "the peer has TLS answer and does not read the answers");
  }
}

// --- failures

void engine::settle(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      if (eof_) {
        fail(errc::truncated, make_error_code(errc::truncated).message());
      }
      return;
    case SSL_ERROR_ZERO_RETURN:
      ended_ = true;
      return;
    default:
      fail_with_reason();
  }
}

void engine::fail_with_reason() {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  if (error == 0 || reason == ERR_R_MALLOC_FAILURE) {
    return fail(std::make_error_code(std::errc::not_enough_memory), "no memory");
  }
  // Not alert 0: a close_notify that claims to be fatal is no valid TLS, and no error code.
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET) {
    const int alert = reason - SSL_AD_REASON_OFFSET;
    return fail(alert_error(alert),
                std::string("the peer refuses, with the alert '") + alert_text(alert) + "'");
  }
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && !refusal_.empty()) {
    return fail(errc::broken, std::move(refusal_));
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return fail(errc::broken, "the peer has no certificate, and must have one");
  }
  fail(errc::broken, take_reason());
}

void engine::throw_problem(const std::string& peer) const {
  const std::string doing = "TLS handshake with " + peer + " failed";
  if (error_ == errc::truncated) throw std::system_error(error_, doing);
  throw tls_error(doing + ": " + problem_);
}

void engine::fail(std::error_code error, std::string problem) noexcept {
  ERR_clear_error();
  error_ = error;
  problem_ = std::move(problem);
}

}  // namespace duplex::tls
