// TLS: a server's certificates, whom a client trusts, and what a connection agreed on.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <duplex/view_list.hpp>

namespace duplex {

namespace tls {
class engine;
class server_state;
}  // namespace tls

enum class tls_version : unsigned char { tls_1_2, tls_1_3 };

/// How `connect` speaks TLS: with the default, to a server whose certificate an authority of the
/// system's has signed for the host of the URI. (OpenSSL's variables SSL_CERT_FILE and
/// SSL_CERT_DIR, as they are at the first use, name other authorities.)
///
/// Files are PEM and are read by the call of `connect`, which throws std::system_error where one
/// cannot be read and std::invalid_argument where it does not hold what it should. Views: what they
/// refer to must live until the call returns.
struct tls_client {
  /// A file of certificates to trust instead of the system's.
  std::optional<std::string_view> ca_file = {};
  /// The same, the text itself.
  std::optional<std::string_view> ca = {};
  /// The client's own certificate, followed by those that lead to an authority; as a file or as
  /// the text itself. Its key goes with it.
  std::optional<std::string_view> certificate_file = {};
  std::optional<std::string_view> certificate = {};
  std::optional<std::string_view> key_file = {};
  std::optional<std::string_view> key = {};
  /// Of the key, where it is encrypted.
  std::optional<std::string_view> password = {};
  /// The name or IP address the server must prove to be, instead of the URI's host.
  std::optional<std::string_view> server_name = {};
  /// Protocols offered (RFC 7301), best first; none offers none.
  view_list<std::string_view> alpn = {std::string_view("http/1.1")};
  tls_version minimum_version = tls_version::tls_1_2;
  /// Talks to anyone who answers. Whoever is on the way reads and changes everything: for tests.
  bool insecure_skip_verification = false;
};

static_assert(std::is_trivially_destructible_v<tls_client>);

/// What a server asks of its clients.
enum class client_certificate : unsigned char {
  none,
  optional,  ///< one that is sent must be good
  required,
};

/// One more certificate of a server, for the names that stand in it. Files or texts, in PEM.
struct tls_certificate {
  std::string certificate_file = {};  ///< the certificate, then those that lead to an authority
  std::string key_file = {};
  std::string certificate = {};  ///< instead of the file, the text itself
  std::string key = {};
};

/// What a server may be told beyond its certificate and key.
struct tls_server_options {
  /// Asked for the password of a key that is encrypted, with the key's file (empty: the key
  /// is a text); by `reload` too.
  std::function<std::string(std::string_view key_file)> password = {};
  client_certificate client = client_certificate::none;
  /// Who signs certificates of clients: a file, or the text itself. Needed where one is asked for.
  std::string client_ca_file = {};
  std::string client_ca = {};
  /// For other names (SNI): each is used for the names in it, the first that fits. Who asks for a
  /// name that stands in none, or for none, gets the server's first certificate.
  std::vector<tls_certificate> more_certificates = {};
  /// Protocols spoken (RFC 7301), best first. A client that offers others only is refused; one that
  /// offers none is not.
  std::vector<std::string> alpn = {"http/1.1"};
  tls_version minimum_version = tls_version::tls_1_2;
};

/// A server's side of TLS, for `serve_options::tls`. A handle: copies share what it holds, and any
/// thread may use them at once.
class tls_server {
 public:
  /// Reads a certificate, followed in its file by those that lead to an authority, and its key.
  /// Throws std::system_error where a file cannot be read; std::invalid_argument where it does not
  /// hold what it should, the key is not the certificate's, or the certificate has expired.
  static tls_server pem(std::string chain_file, std::string key_file,
                        tls_server_options options = {});
  /// The same of the texts themselves.
  static tls_server pem_text(std::string chain, std::string key, tls_server_options options = {});

  /// Reads the files again, for who connects from now on; open connections keep what they have.
  /// Throws as `pem` does, and then nothing has changed.
  void reload();
  /// Takes over what the other holds, as `reload` does.
  void replace(const tls_server& other);

 private:
  friend std::unique_ptr<tls::engine> make_tls_engine(const tls_server& server);
  explicit tls_server(std::shared_ptr<tls::server_state> state) noexcept;

  std::shared_ptr<tls::server_state> state_;
};

/// Who a certificate is for.
struct tls_identity {
  std::string subject = {};             ///< "CN=alice,O=Example" (RFC 2253)
  std::string common_name = {};         ///< "alice"; empty where it has none
  std::vector<std::string> names = {};  ///< host names and IP addresses
};

/// What the two sides of a connection agreed on.
struct tls_info {
  std::string version = {};      ///< "TLSv1.3"
  std::string cipher = {};       ///< "TLS_AES_256_GCM_SHA384"
  std::string alpn = {};         ///< empty: nothing
  std::string server_name = {};  ///< the name the client asked for; empty: none
  /// The peer's certificate, checked unless the client is an insecure one; nullopt: none.
  std::optional<tls_identity> peer = {};
};

}  // namespace duplex
