// The topics of a server's connections on one loop, and who has subscribed to which.
#pragma once

#include <cstddef>
#include <duplex/broadcast.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/outgoing_message.hpp"

namespace duplex::detail {

class connection_impl;

inline constexpr std::size_t topic_size_max = 1024;
inline constexpr std::size_t topics_max = 1024;  // of a connection

/// Finding a topic, subscribing and leaving cost the same however many there are; publishing costs
/// what the topic's subscribers do. A topic is there while it has any.
class topic_table {
 public:
  struct topic {
    const std::string* name;
    std::vector<connection_impl*> subscribers;
  };
  /// A connection's topics, and its places in their lists.
  using memberships = std::unordered_map<topic*, std::size_t>;

  /// `publisher` reaches the tables of the server's other loops too.
  explicit topic_table(duplex::publisher publisher) : publisher_(std::move(publisher)) {}

  const duplex::publisher& publisher() const noexcept { return publisher_; }
  /// Throws std::invalid_argument for a name that is empty or too long, invalid_state where the
  /// connection has too many. A second time it does nothing.
  void subscribe(connection_impl& connection, std::string_view name);
  void unsubscribe(connection_impl& connection, std::string_view name) noexcept;
  void leave_all(connection_impl& connection) noexcept;
  /// Queues the message at all subscribers but `except`.
  void publish(const shared_message& message, const connection_impl* except = nullptr) noexcept;

 private:
  struct text_hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  void remove(topic& from, std::size_t position) noexcept;

  duplex::publisher publisher_;
  std::unordered_map<std::string, topic, text_hash, std::equal_to<>> topics_;
};

}  // namespace duplex::detail
