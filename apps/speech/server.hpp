// The speech server: recordings and live streams over WebSocket, its page, and what operators need.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <duplex/coro/task.hpp>
#include <duplex/log.hpp>
#include <duplex/server.hpp>
#include <duplex/tls.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "speech/models.hpp"
#include "speech/request/handler.hpp"
#include "speech/session/session_store.hpp"

namespace duplex::speech {

struct server_options {
  host_list host = "0.0.0.0";  ///< One or several, all with one port.
  int port = 8765;             ///< 0: any free one; see `speech_server::port`.
  unsigned threads = 1;        ///< That recognise speech.
  /// Connections at a time, each with one live session at most. Others are answered with 503.
  std::size_t max_sessions = 200;
  /// Connections from one address, plain HTTP too (see `serve_options`); nullopt: any number.
  std::optional<std::size_t> max_connections_per_address = {};
  /// Who connects must show one (see `bearer_tokens`); empty: nobody must.
  std::vector<std::string> tokens = {};
  /// Pages that may connect, besides the server's own: origins, or "*" for all.
  std::vector<std::string> origins = {};
  std::optional<tls_server> tls = {};
  store_limits streams = {};
  request_limits requests = {};
  /// Bytes that all one-message requests in progress may hold, those of one address half of them;
  /// who needs more is told `overloaded` and closed with 1013.
  std::size_t request_memory = std::size_t{1} << 30;
  /// How long a client may take to answer the close of its connection.
  std::chrono::milliseconds close_timeout = std::chrono::seconds(5);
  duplex::logger logger = stderr_logger();
  /// Given one line of JSON, without its end, for each live session that ended.
  std::function<void(const std::string& line)> session_log = {};
  /// How many lines of the logs were given up, for the metrics.
  std::function<std::uint64_t()> lines_dropped = {};
};

/// A server, listening. Serves while the loop of the thread that made it runs.
///
///     /            WebSocket: one-message requests; else the page
///     /v1/stream   WebSocket: live streams, `duplex.speech.v1`
///     /healthz, /readyz, /metrics, /v1/models
///
/// Recognition is done by threads of its own, so that nothing on the loop ever waits for it. When a
/// connection ends, its work is stopped, unless the session waits to be resumed.
class speech_server {
 public:
  /// `models` must outlive it. Throws as `duplex::serve` does.
  speech_server(const model_set& models, server_options options = {});
  /// Drops what it still serves, and waits for its threads, which stop between two tokens.
  ~speech_server();
  speech_server(const speech_server&) = delete;
  speech_server& operator=(const speech_server&) = delete;

  std::uint16_t port() const;

  /// Who connects from now on must show one of these; see `server_options::tokens`. Connections
  /// that are open stay so.
  void set_tokens(const std::vector<std::string>& tokens);

  /// Ends in good order: what came is recognised and told, within that time; then every connection
  /// is closed with 1012, so that clients go elsewhere. New ones get 503. Idempotent.
  void drain(std::chrono::milliseconds within);
  /// Waits until the server has ended.
  task<> wait_closed();

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace duplex::speech
