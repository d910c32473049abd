// Counting connections, and a bucket of tokens for their rate.
#include "api/admission.hpp"

#include <algorithm>
#include <utility>

namespace duplex::detail {
namespace {

constexpr admission::refusal too_many{"too many connections", std::chrono::seconds(10)};
constexpr admission::refusal too_many_of_one{"too many connections from this address",
                                             std::chrono::seconds(10)};
constexpr admission::refusal too_fast{"too many new connections", std::chrono::seconds(1)};

}  // namespace

admission::slot::slot(admission& owner, std::string network) noexcept
    : owner_(&owner), network_(std::move(network)) {}

admission::slot::slot(slot&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), network_(std::move(other.network_)) {}

admission::slot::~slot() {
  if (!owner_) return;
  const std::lock_guard lock(owner_->mutex_);
  --owner_->all_;
  const auto found = owner_->of_each_.find(network_);
  if (found != owner_->of_each_.end() && --found->second == 0) owner_->of_each_.erase(found);
}

admission::admission(const serve_options& options)
    : max_all_(options.max_connections),
      max_of_one_(options.max_connections_per_address),
      max_rate_(options.max_accept_rate) {}

std::optional<admission::slot> admission::admit(const address& peer, time_point now,
                                                refusal& refused) {
  const std::lock_guard lock(mutex_);
  if (max_all_ && all_ >= *max_all_) {
    refused = too_many;
    return std::nullopt;
  }
  std::string network;  // none: it is not counted
  if (max_of_one_ && !unix_path_of(peer.host)) network = network_of(peer);
  const auto found = of_each_.find(network);
  if (found != of_each_.end() && found->second >= *max_of_one_) {
    refused = too_many_of_one;
    return std::nullopt;
  }
  if (is_too_fast(now)) {
    refused = too_fast;
    return std::nullopt;
  }
  if (!network.empty()) ++of_each_[network];
  ++all_;
  return slot(*this, std::move(network));
}

bool admission::is_too_fast(time_point now) {
  if (!max_rate_) return false;
  const auto rate = static_cast<double>(*max_rate_);
  const std::chrono::duration<double> passed = counted_ ? now - *counted_ : std::chrono::seconds(1);
  tokens_ = std::min(rate, tokens_ + rate * passed.count());
  counted_ = now;
  if (tokens_ < 1) return true;
  tokens_ -= 1;
  return false;
}

}  // namespace duplex::detail
