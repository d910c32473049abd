#include "speech/session/session_store.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace duplex::speech {
namespace {

constexpr std::size_t id_bytes = 12, token_bytes = 24;

// How long it takes tells nothing of the token.
bool is_same_token(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void refuse_while_draining(bool draining) {
  if (draining) throw speech_error(error_code::draining, "the server is about to end");
}

}  // namespace

session_store::session_store(const model_set& models, stream_starter starter, store_limits limits,
                             error_observer errors, protocol::random_source random)
    : models_(&models),
      starter_(std::move(starter)),
      limits_(limits),
      errors_(std::move(errors)),
      beyond_(std::make_shared<memory_budget>(limits.beyond_windows)),
      random_(std::move(random)) {}

std::shared_ptr<session> session_store::start(const start_message& message, time_point now) {
  refuse_while_draining(draining_);
  const recognizer& model =
      message.model.empty() ? models_->default_model() : models_->find(message.model);
  require_language(message.lang, model);
  auto begun =
      std::make_shared<session>(session_identity{random_name(id_bytes), random_name(token_bytes)},
                                model, message, limits_.session, beyond_, errors_, now);
  begun->begin(starter_, begun);
  const auto& [id, token] = begun->identity();
  if (message.resume) resumable_[id] = {token, begun};
  return begun;
}

std::shared_ptr<session> session_store::resume(const resume_message& message,
                                               std::function<void()> changed, time_point now) {
  refuse_while_draining(draining_);
  const auto found = resumable_.find(message.session);
  if (found == resumable_.end() || !is_same_token(found->second.token, message.token)) {
    throw speech_error(error_code::resume_unknown, "no session of that name and token");
  }
  if (found->second.it == nullptr) {
    throw speech_error(error_code::resume_expired,
                       "session " + message.session + " is not kept any more");
  }
  const auto it = found->second.it;
  it->attach(std::move(changed), message.last_seq, now);
  std::erase_if(waiting_, [&](const waiting& each) { return each.it == it; });
  return it;
}

void session_store::keep(const std::shared_ptr<session>& it, const std::string& peer,
                         time_point now) {
  it->detach();
  if (!resumable_.contains(it->identity().id) || draining_) return drop(it);
  waiting_.push_back({it, now + limits_.session.kept, peer});
  while (waiting_.size() > limits_.kept_sessions) {
    expire(oldest_of_largest([](const session&) { return std::size_t{1}; }));
  }
  while (kept_bytes() > limits_.kept_bytes) {
    expire(oldest_of_largest([](const session& each) { return each.memory(); }));
  }
}

// Of the peer that has the most, by that measure.
template <class Measure>
session_store::place session_store::oldest_of_largest(Measure measure) {
  std::unordered_map<std::string_view, std::size_t> sums;
  std::size_t most = 0;
  for (const waiting& each : waiting_) most = std::max(most, sums[each.peer] += measure(*each.it));
  return std::ranges::find(waiting_, most, [&](const waiting& each) { return sums[each.peer]; });
}

void session_store::drop(const std::shared_ptr<session>& it) {
  it->abandon();
  resumable_.erase(it->identity().id);
}

void session_store::drain() {
  draining_ = true;
  while (!waiting_.empty()) expire(waiting_.begin());
}

std::optional<time_point> session_store::deadline() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.front().until;
}

void session_store::advance(time_point now) {
  while (!waiting_.empty() && waiting_.front().until <= now) expire(waiting_.begin());
}

void session_store::expire(place which) {
  const waiting gone = std::move(*which);
  waiting_.erase(which);
  gone.it->abandon();
  const std::string& id = gone.it->identity().id;
  resumable_[id].it = nullptr;
  expired_.push_back(id);
  if (expired_.size() <= limits_.kept_sessions) return;
  resumable_.erase(expired_.front());
  expired_.pop_front();
}

std::size_t session_store::kept_bytes() const {
  std::size_t bytes = 0;
  for (const waiting& each : waiting_) bytes += each.it->memory();
  return bytes;
}

std::string session_store::random_name(std::size_t bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string random(bytes, '\0');
  random_(reinterpret_cast<std::byte*>(random.data()), bytes);
  std::string name;
  for (const char each : random) {
    name += digits[static_cast<unsigned char>(each) >> 4];
    name += digits[each & 15];
  }
  return name;
}

}  // namespace duplex::speech
