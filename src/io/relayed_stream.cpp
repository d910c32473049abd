// A stream that a proxy relays, with the addresses of those it connects.
#include "io/relayed_stream.hpp"

#include <utility>

namespace duplex::io {
namespace {

class relayed_stream final : public stream {
 public:
  relayed_stream(std::unique_ptr<stream> inner, address local, address remote)
      : inner_(std::move(inner)), local_(std::move(local)), remote_(std::move(remote)) {}

  void set_events(stream_events* events) override { inner_->set_events(events); }
  void start_reading() override { inner_->start_reading(); }
  void stop_reading() override { inner_->stop_reading(); }
  std::size_t try_write(std::array<std::span<const std::byte>, 2> bytes) override {
    return inner_->try_write(bytes);
  }
  void write(buffer bytes) override { inner_->write(std::move(bytes)); }
  std::size_t unsent() const override { return inner_->unsent(); }
  void shutdown() override { inner_->shutdown(); }
  void abort() override { inner_->abort(); }
  address local_address() const override { return local_; }
  address remote_address() const override { return remote_; }

 private:
  std::unique_ptr<stream> inner_;
  address local_, remote_;
};

}  // namespace

std::unique_ptr<stream> with_addresses(std::unique_ptr<stream> relayed, address local,
                                       address remote) {
  return std::make_unique<relayed_stream>(std::move(relayed), std::move(local), std::move(remote));
}

}  // namespace duplex::io
