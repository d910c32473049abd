// How many connections a server takes, in all, from one address and in a second.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <duplex/io/address.hpp>
#include <duplex/options.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace duplex::detail {

/// Counts connections against the limits of the options. Must outlive its slots, which any thread
/// may destroy.
class admission {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// The place of one connection, given back when it is destroyed.
  class slot {
   public:
    slot(slot&& other) noexcept;
    slot& operator=(slot&&) = delete;
    ~slot();

   private:
    friend class admission;
    slot(admission& owner, std::string network) noexcept;

    admission* owner_;
    std::string network_;
  };

  /// Why a connection is not taken, and when to come again.
  struct refusal {
    std::string_view why = {};
    std::chrono::seconds retry_after = {};
  };

  explicit admission(const serve_options& options);
  admission(const admission&) = delete;
  admission& operator=(const admission&) = delete;

  /// A slot for a connection from there, or nullopt and in `refused` the reason.
  std::optional<slot> admit(const address& peer, time_point now, refusal& refused);

 private:
  bool is_too_fast(time_point now);

  std::optional<std::size_t> max_all_, max_of_one_, max_rate_;
  std::mutex mutex_;  // of what follows
  std::size_t all_ = 0;
  std::map<std::string, std::size_t> of_each_;  // by network; counted only where it is limited
  double tokens_ = 0;                           // connections that may come at once
  std::optional<time_point> counted_;           // when tokens_ was right
};

}  // namespace duplex::detail
