// Options copied, and redirects followed.
#include "protocol/client_plan.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include <duplex/error.hpp>

#include "base/authority.hpp"
#include "base/environment.hpp"
#include "base/uri_reference.hpp"

namespace duplex::detail {
namespace {

bool redirects_to_other_uri(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Credentials, and the name that the origin goes by.
void drop_what_is_for_one_origin(headers& of) {
  for (const std::string_view name : {"Authorization", "Cookie", "Proxy-Authorization", "Host"}) {
    of.remove(name);
  }
}

const connect_options& validated(const connect_options& options) {
  validate(options);
  return options;
}

}  // namespace

client_plan::client_plan(std::string_view text, const connect_options& options)
    : target(text),
      dialling(dial_settings_of(target, validated(options))),
      handshake(handshake_settings(options)),
      core(core_settings(options)),
      inbox(std::make_shared<duplex::inbox>(make_inbox(options))),
      write_limit(options.write_limit),
      read_limit(options.read_limit),
      open_timeout(options.open_timeout),
      logger(std::make_shared<duplex::logger>(options.logger ? *options.logger : stderr_logger())),
      detects_proxy(options.proxy.detect() && !unix_path_of(dialling.host)),
      has_own_destination(options.host || options.port),
      has_own_socket(options.sock.has_value()),
      redirects_max(options.max_redirects.value_or(process_environment().max_redirects)) {
  make_handshake();
}

void client_plan::require_no_socket() const {
  if (has_own_socket) throw std::invalid_argument("sock must be empty where one reconnects");
}

uri client_plan::resolve(std::string_view location) const {
  try {
    uri next(resolve_reference(target, location));
    if (!next.userinfo() && same_origin(target, next)) next.take_userinfo(target);
    return next;
  } catch (const invalid_uri&) {
    throw invalid_header("Location", shown_uri(location));
  }
}

bool client_plan::follow(const response& answer) {
  const auto location = answer.headers.get("Location");
  if (!redirects_to_other_uri(answer.status) || !location || redirects_max == 0) return false;
  uri next = resolve(*location);
  if (++redirects > redirects_max) {
    throw security_error("more than " + std::to_string(redirects_max) + " redirects");
  }
  if (has_own_socket) {
    throw security_error("cannot follow redirect to " + next.str() + " with a preexisting socket");
  }
  if (target.secure() && !next.secure()) {
    throw security_error("cannot follow redirect to non-secure URI " + next.str());
  }
  if (!same_origin(target, next)) {
    if (has_own_destination) {
      throw security_error("cannot follow cross-origin redirect to " + next.str() +
                           " with an explicit host or port");
    }
    drop_what_is_for_one_origin(handshake.additional_headers);
    has_left_origin = true;
  }
  target = std::move(next);
  if (!has_own_destination) {
    dialling.host = target.host();
    dialling.port = target.port();
  }
  if (detects_proxy) dialling.proxy = detect_proxy(target);
  return true;
}

}  // namespace duplex::detail
