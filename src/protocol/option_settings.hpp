// What the options of connect and serve mean for the protocol's core, the handshake and the inbox.
#pragma once

#include <optional>
#include <span>
#include <string>

#include <duplex/inbox.hpp>
#include <duplex/options.hpp>
#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/extension.hpp>
#include <duplex/protocol/handshake.hpp>

namespace duplex::detail {

/// Throws std::invalid_argument that names the option and its value where they make no sense.
void validate(const connect_options& options);
void validate(const serve_options& options);

/// Of where a server listens, the same.
void validate_hosts(std::span<const std::string> hosts, const serve_options& options);

protocol::connection_settings core_settings(const connect_options& options);
protocol::connection_settings core_settings(const serve_options& options);

/// Throws std::invalid_argument where one of a server's additional_headers is the handshake's own.
void require_own_headers(const headers& fields);

/// Copies what the options refer to. Throws std::invalid_argument where a header cannot be one.
protocol::client_handshake_settings handshake_settings(const connect_options& options);

/// What a server answers offers with, best first.
protocol::server_extensions extensions_of(const serve_options& options);

/// What a peer may send in the handshake, as the environment has it.
protocol::http1_limits handshake_limits();

/// An inbox of max_queue messages and max_queue_bytes, at least those of one read.
inbox make_inbox(const connect_options& options);
inbox make_inbox(const serve_options& options);

/// "10s", "50ms": in the largest unit that gives a whole number.
std::string to_text(duration value);

/// A random UUID in lower case (RFC 9562, version 4).
std::string make_uuid();

}  // namespace duplex::detail
