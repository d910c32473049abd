// Messages to many connections.
#include <duplex/broadcast.hpp>

#include "api/connection_impl.hpp"
#include "api/server_loop.hpp"

namespace duplex {
namespace {

detail::shared_message to_many(const payload& payload, const broadcast_options& options,
                               std::string_view topic = {}) {
  return std::make_shared<detail::outgoing_message>(
      payload, options, detail::outgoing_message::recipients::many, topic);
}

}  // namespace

void detail::broadcast(std::span<connection* const> connections, payload payload,
                       const broadcast_options& options) {
  const auto message = to_many(payload, options);
  for (connection* each : connections) {
    if (const auto& impl = connection_impl::of(*each)) impl->broadcast(message);
  }
}

void publisher::publish(std::string_view topic, payload payload, broadcast_options options) const {
  publish(topic, payload, options, nullptr);
}

void publisher::publish(std::string_view topic, payload payload, const broadcast_options& options,
                        const detail::connection_impl* except) const {
  parts_->for_each([message = to_many(payload, options, topic), except](auto& loop) {
    loop.publish(message, except);
  });
}

void publisher::broadcast(payload payload, broadcast_options options) const {
  parts_->for_each([message = to_many(payload, options)](auto& loop) { loop.broadcast(message); });
}

void connection::publish(std::string_view topic, payload payload, broadcast_options options) {
  impl_->topics().publisher().publish(topic, payload, options, impl_.get());
}

}  // namespace duplex
