// The steps of one opening handshake of a server (RFC 6455 section 4.2).
#include "api/opening.hpp"

#include <chrono>
#include <duplex/error.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/proxy_header.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "api/connection_impl.hpp"
#include "api/stream_reader.hpp"
#include "io/relayed_stream.hpp"
#include "io/tls_stream.hpp"
#include "protocol/option_settings.hpp"
#include "protocol/trace.hpp"
#include "tls/server.hpp"

namespace duplex::detail {
namespace {

// Of what a refused peer still sends; more of it ends the connection.
constexpr std::size_t discarded_max = std::size_t{1} << 20;

class opening {
 public:
  opening(const opening_settings& settings, std::unique_ptr<io::stream> stream);

  task<std::optional<connection>> run();

 private:
  task<> receive_proxy_header();
  task<> open_tls();
  task<std::optional<response>> answer();
  task<> receive_request(stream_reader& reader);
  response decide();
  std::optional<response> check_subprotocol();
  response accept();
  task<> reject(const response& refusal, stream_reader& reader);
  connection make_connection();
  void log(const std::string& message) const noexcept;

  const opening_settings& settings_;
  const serve_options& options_;
  limit limit_;
  std::unique_ptr<io::stream> stream_;
  protocol::server_handshake handshake_;
  std::optional<request> request_;
  handshake_result result_;
  protocol::extension_list extensions_;
};

opening::opening(const opening_settings& settings, std::unique_ptr<io::stream> stream)
    : settings_(settings),
      options_(*settings.options),
      stream_(std::move(stream)),
      handshake_(handshake_limits()) {
  if (options_.open_timeout)
    limit_ = {*options_.open_timeout, settings.closing};
  else
    limit_ = settings.closing;
}

task<std::optional<connection>> opening::run() {
  try {
    if (options_.proxy_protocol) co_await receive_proxy_header();
    if (options_.tls) co_await open_tls();
    auto given = co_await answer();
    if (!given) co_return std::nullopt;
    result_.response = std::move(*given);
  } catch (const std::exception& problem) {
    log(std::string("opening handshake failed: ") + problem.what());
    co_return std::nullopt;
  }
  co_return make_connection();
}

// Who connects is whom the proxy names, if it names anybody.
task<> opening::receive_proxy_header() {
  const address proxy = stream_->remote_address();
  if (!settings_.trusted.contains(proxy)) {
    throw invalid_message(to_string(proxy) + " is no trusted proxy");
  }
  protocol::proxy_header header;
  {
    stream_reader reader(*stream_);
    while (const std::size_t wanted = header.wanted()) {
      auto bytes = co_await reader.read_some(limit_, wanted);
      if (bytes.empty()) throw invalid_message("the PROXY protocol header is cut off");
      header.receive_data(bytes);
    }
  }
  if (!header.problem().empty()) {
    throw invalid_message("no PROXY protocol header from " + to_string(proxy) + ": " +
                          header.problem());
  }
  if (!header.source()) co_return;
  stream_ = io::with_addresses(std::move(stream_), *header.destination(), *header.source());
}

task<> opening::open_tls() {
  auto engine = make_tls_engine(*options_.tls);
  const std::string peer = to_string(stream_->remote_address());
  auto encrypted = co_await io::open_tls(std::move(stream_), std::move(engine), peer, limit_);
  stream_ = std::move(encrypted);
}

// The response that opens the connection, once it has left; nullopt: there is none.
task<std::optional<response>> opening::answer() {
  stream_reader reader(*stream_);
  co_await receive_request(reader);
  const bool answerable = request_ || handshake_.refusal() || settings_.closing.stop_requested();
  if (!answerable) co_return std::nullopt;  // gone without a word
  auto answer = decide();
  if (options_.server_header && !answer.headers.contains("Server")) {
    answer.headers.add("Server", *options_.server_header);
  }
  protocol::log_head(options_.logger, '>', answer);
  if (answer.status != 101) {
    co_await reject(answer, reader);
    co_return std::nullopt;
  }
  co_await reader.write(protocol::write_response(answer), limit_);
  co_return answer;
}

// Ends without a request where the handshake has a refusal, the peer is gone or the server closes.
task<> opening::receive_request(stream_reader& reader) {
  while (!request_ && !handshake_.refusal()) {
    std::span<const std::byte> bytes;
    try {
      bytes = co_await reader.read_some(limit_);
    } catch (const std::system_error& problem) {
      if (problem.code() == std::errc::operation_canceled) co_return;
      throw;
    }
    if (bytes.empty()) {
      handshake_.receive_eof();
      co_return;
    }
    handshake_.receive_data(bytes);
    request_ = handshake_.next_request();
    if (request_) protocol::log_head(options_.logger, '<', *request_);
  }
}

response opening::decide() {
  if (settings_.closing.stop_requested()) {
    return protocol::server_handshake::reject(503, "the server is shutting down");
  }
  if (handshake_.refusal()) return *handshake_.refusal();
  if (auto refusal = check_subprotocol()) return *refusal;
  return accept();
}

std::optional<response> opening::check_subprotocol() {
  if (options_.subprotocols.empty()) return std::nullopt;
  result_.subprotocol = protocol::select_subprotocol(*request_, options_.subprotocols);
  if (result_.subprotocol) return std::nullopt;
  std::string supported;
  for (const auto& name : options_.subprotocols)
    supported += (supported.empty() ? "" : ", ") + name;
  return protocol::server_handshake::reject(
      400, "no subprotocol in common; this server supports: " + supported);
}

response opening::accept() {
  auto agreed = protocol::select_extensions(*request_, settings_.extensions);
  extensions_ = std::move(agreed.extensions);
  auto answer = protocol::server_handshake::accept(*request_, result_.subprotocol, agreed.header);
  for (const auto& [name, value] : options_.additional_headers) answer.headers.add(name, value);
  return answer;
}

// Says no, and waits for the peer's end so that its unread bytes do not reset what was said.
task<> opening::reject(const response& refusal, stream_reader& reader) {
  log("connection rejected (" + std::to_string(refusal.status) + ' ' + refusal.reason + ')');
  const auto patience = settings_.closing.stop_requested() ? limit(std::chrono::seconds(1))
                        : options_.close_timeout           ? limit(*options_.close_timeout)
                                                           : limit();
  co_await reader.write(protocol::write_response(refusal), patience);
  stream_->shutdown();
  std::size_t discarded = 0;
  for (;;) {
    auto bytes = co_await reader.read_some(patience);
    discarded += bytes.size();
    if (bytes.empty() || discarded > discarded_max) co_return;
  }
}

connection opening::make_connection() {
  result_.request = std::move(*request_);
  auto impl = std::make_shared<connection_impl>(std::move(stream_), protocol::side::server,
                                                core_settings(options_), make_inbox(options_),
                                                options_.write_limit, options_.read_limit);
  impl->set_extensions(std::move(extensions_));
  impl->set_logger({settings_.options, &options_.logger});
  return connection_impl::open(std::move(impl), std::move(result_), handshake_.rest());
}

void opening::log(const std::string& message) const noexcept {
  write_log(options_.logger, log_level::info, message);
}

}  // namespace

task<std::optional<connection>> open_connection(const opening_settings& settings,
                                                std::unique_ptr<io::stream> stream) {
  opening steps(settings, std::move(stream));
  co_return co_await steps.run();
}

}  // namespace duplex::detail
