// Which web pages may connect: rules for the Origin header (RFC 6454; RFC 6455 section 10.2).
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <duplex/http.hpp>

namespace duplex {

/// One rule of `serve_options::origins`: an origin as text, or a function that decides.
class origin_rule {
 public:
  /// Told the only Origin header, nullopt where there is none.
  using predicate = std::function<bool(std::optional<std::string_view> origin, const request&)>;

  /// That very origin, such as "https://example.com". std::invalid_argument for what no browser
  /// sends, such as an origin with a path.
  origin_rule(std::string exact);                                           // NOLINT: implicit
  origin_rule(const char* exact) : origin_rule(std::string(exact)) {}       // NOLINT: implicit
  origin_rule(std::string_view exact) : origin_rule(std::string(exact)) {}  // NOLINT: implicit
  template <std::predicate<std::optional<std::string_view>, const request&> Function>
  origin_rule(Function decides) : allows_(std::move(decides)) {}  // NOLINT: implicit

  bool allows(std::optional<std::string_view> origin, const request& request) const {
    return allows_(origin, request);
  }

 private:
  predicate allows_;
};

/// A rule: pages of the host and port that the request names. A scheme's own port may be left out.
bool same_origin(std::optional<std::string_view> origin, const request&);

/// A rule: requests without an Origin header, as programs that are no browsers send them.
bool no_origin(std::optional<std::string_view> origin, const request&);

/// A rule: origins that match a regular expression (ECMAScript) from their first to their last
/// character. Throws std::invalid_argument where it is none.
///
///     origin_matching("https://([a-z0-9-]+\\.)?example\\.com")
origin_rule origin_matching(std::string_view expression);

}  // namespace duplex
