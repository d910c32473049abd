// Subscribing and publishing.
#include "api/topics.hpp"

#include <duplex/error.hpp>
#include <stdexcept>
#include <utility>

#include "api/connection_impl.hpp"

namespace duplex::detail {

void topic_table::subscribe(connection_impl& connection, std::string_view name) {
  if (name.empty()) throw std::invalid_argument("a topic must not be empty");
  if (name.size() > topic_size_max) {
    throw std::invalid_argument("topic of " + std::to_string(name.size()) +
                                " bytes exceeds limit of " + std::to_string(topic_size_max) +
                                " bytes");
  }
  if (!connection.memberships()) connection.memberships() = std::make_unique<memberships>();
  auto& places = *connection.memberships();
  auto found = topics_.find(name);
  if (found != topics_.end() && places.contains(&found->second)) return;
  if (places.size() >= topics_max) {
    throw invalid_state("the connection has subscribed to " + std::to_string(topics_max) +
                        " topics, which is the limit");
  }
  if (found == topics_.end()) {
    found = topics_.emplace(std::string(name), topic{}).first;
    found->second.name = &found->first;
  }
  topic& to = found->second;
  try {
    const auto place = places.emplace(&to, to.subscribers.size()).first;
    try {
      to.subscribers.push_back(&connection);
    } catch (...) {
      places.erase(place);
      throw;
    }
  } catch (...) {
    if (to.subscribers.empty()) topics_.erase(found);
    throw;
  }
}

void topic_table::unsubscribe(connection_impl& connection, std::string_view name) noexcept {
  const auto found = topics_.find(name);
  if (found == topics_.end() || !connection.memberships()) return;
  auto& places = *connection.memberships();
  const auto place = places.find(&found->second);
  if (place == places.end()) return;
  const std::size_t position = place->second;
  places.erase(place);
  remove(found->second, position);
}

void topic_table::leave_all(connection_impl& connection) noexcept {
  const auto places = std::move(connection.memberships());
  if (!places) return;
  for (const auto& [from, position] : *places) remove(*from, position);
}

// The last subscriber takes the place of the one that leaves.
void topic_table::remove(topic& from, std::size_t position) noexcept {
  auto& all = from.subscribers;
  if (position + 1 != all.size()) {
    all[position] = all.back();
    all[position]->memberships()->at(&from) = position;
  }
  all.pop_back();
  if (all.empty()) topics_.erase(topics_.find(*from.name));
}

// From the last to the first: one that ends meanwhile is replaced by one that has the message.
void topic_table::publish(const shared_message& message, const connection_impl* except) noexcept {
  const auto found = topics_.find(message->topic());
  if (found == topics_.end()) return;
  topic& to = found->second;
  for (std::size_t left = to.subscribers.size(); left > 0; --left) {
    connection_impl* const each = to.subscribers[left - 1];
    if (each != except) each->broadcast(message);
  }
}

}  // namespace duplex::detail
