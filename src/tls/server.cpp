// Certificates that can be exchanged while a server runs.
#include "tls/server.hpp"

#include <mutex>
#include <utility>

namespace duplex {
namespace tls {

class server_state {
 public:
  struct content {
    tls_certificate first;
    tls_server_options options;
    std::shared_ptr<const context> made;
  };

  server_state(tls_certificate first, tls_server_options options)
      : content_(std::make_shared<const content>(read(std::move(first), std::move(options)))) {}

  static content read(tls_certificate first, tls_server_options options) {
    auto made = make_server_context(first, options);
    return {std::move(first), std::move(options), std::move(made)};
  }

  std::shared_ptr<const content> get() const {
    const std::lock_guard lock(mutex_);
    return content_;
  }
  /// False, and nothing has changed: it is another than `before` by now.
  bool exchange(const std::shared_ptr<const content>& before, std::shared_ptr<const content> next) {
    const std::lock_guard lock(mutex_);
    if (content_ != before) return false;
    content_.swap(next);
    return true;
  }
  void set(std::shared_ptr<const content> next) {
    const std::lock_guard lock(mutex_);
    content_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const content> content_;
};

}  // namespace tls

tls_server::tls_server(std::shared_ptr<tls::server_state> state) noexcept
    : state_(std::move(state)) {}

tls_server tls_server::pem(std::string chain_file, std::string key_file,
                           tls_server_options options) {
  return tls_server(std::make_shared<tls::server_state>(
      tls_certificate{.certificate_file = std::move(chain_file), .key_file = std::move(key_file)},
      std::move(options)));
}

tls_server tls_server::pem_text(std::string chain, std::string key, tls_server_options options) {
  return tls_server(std::make_shared<tls::server_state>(
      tls_certificate{.certificate = std::move(chain), .key = std::move(key)}, std::move(options)));
}

void tls_server::reload() {
  // What another thread has put there meanwhile is newer, and is what is read again.
  for (bool done = false; !done;) {
    const auto before = state_->get();
    done = state_->exchange(before, std::make_shared<const tls::server_state::content>(
                                        tls::server_state::read(before->first, before->options)));
  }
}

void tls_server::replace(const tls_server& other) { state_->set(other.state_->get()); }

std::unique_ptr<tls::engine> make_tls_engine(const tls_server& server) {
  return std::make_unique<tls::engine>(server.state_->get()->made, tls::side::server);
}

}  // namespace duplex
