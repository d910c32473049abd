// Cases on an open connection as rows of a table: these bytes go, those messages come, and then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "probe/conversation.hpp"
#include "probe/probe_case.hpp"

namespace duplex::probe {

/// How an exchange is to end.
struct ending {
  enum class type {
    open,    ///< the connection lives on
    fails,   ///< the server fails it, with this code (RFC 6455 section 7.1.7)
    closes,  ///< the server answers the close frame, with this code
  };
  type kind = type::open;
  std::uint16_t code = 0;
};
inline constexpr ending stays_open = {};
constexpr ending fails(std::uint16_t code) { return {ending::type::fails, code}; }
constexpr ending closes(std::uint16_t code) { return {ending::type::closes, code}; }

struct exchange {
  std::string name = {}, section = {}, sent = {};  ///< as in probe_case
  std::string bytes = {};
  /// What the server says to it: messages in this order, and pongs in this order. How the two mix
  /// is the server's affair.
  std::vector<said> answers = {};
  ending end = stays_open;
  /// Withheld bytes: the server should have failed before. Sent where it has not after a moment,
  /// and if it fails then, it is late.
  std::string rest = {};
  std::string if_silent = {};                  ///< why a server that never fails is not quite wrong
  std::size_t chop = 0;                        ///< bytes of one write; 0: all
  std::vector<std::uint16_t> also_right = {};  ///< codes that are as good
  std::vector<std::uint16_t> tolerated = {};   ///< codes that differ, though they mean another end
  std::string extensions = {};                 ///< to be offered
  bool pongs_may_lack = false;  ///< more pings than a server need answer (RFC 6455 section 5.5.3)
  int patience = 1;             ///< times the timeout
};

probe_case to_case(exchange exchange);
std::vector<probe_case> to_cases(std::vector<exchange> exchanges);

/// A case whose exchange depends on the largest message the server takes. `row` says what it is.
probe_case to_case_near_limit(const exchange& row,
                              std::function<exchange(std::size_t max_size)> make);

/// Plays an exchange on a connection. One that stays open is followed by one more message, where
/// the target echoes.
finding play(const exchange& exchange, const target& target, conversation& on);

}  // namespace duplex::probe
