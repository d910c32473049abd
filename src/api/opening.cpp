// The steps of one opening handshake of a server (RFC 6455 section 4.2).
#include "api/opening.hpp"

#include <algorithm>
#include <chrono>
#include <duplex/coro/scope.hpp>
#include <duplex/error.hpp>
#include <duplex/protocol/handshake.hpp>
#include <duplex/protocol/header_grammar.hpp>
#include <duplex/protocol/proxy_header.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "api/connection_impl.hpp"
#include "api/http_date.hpp"
#include "api/stream_reader.hpp"
#include "io/relayed_stream.hpp"
#include "io/tls_stream.hpp"
#include "protocol/option_settings.hpp"
#include "protocol/trace.hpp"
#include "tls/server.hpp"

namespace duplex::detail {
namespace {

using protocol::server_handshake;

// Of what a refused peer still sends; more of it ends the connection.
constexpr std::size_t discarded_max = std::size_t{1} << 20;

// The text that a refusal gives its peer, in one line.
std::string why(const response& answer) {
  if (!answer.headers.get("Content-Type").value_or("").starts_with("text/plain")) return {};
  return ": " + answer.body.substr(0, answer.body.find('\n'));
}

// Waits for the peer's end, so that bytes of it which nobody reads do not reset what was said. How
// it ends, or that the server does first, is no news: all was said.
task<> end_politely(io::stream& stream, stream_reader& reader, limit limit) {
  stream.shutdown();
  std::size_t discarded = 0;
  try {
    for (;;) {
      auto bytes = co_await reader.read_some(limit);
      discarded += bytes.size();
      if (bytes.empty() || discarded > discarded_max) co_return;
    }
  } catch (const std::exception&) {
  }
}

class opening {
 public:
  opening(const opening_settings& settings, std::unique_ptr<io::stream> stream);

  task<std::optional<connection>> run();

 private:
  // The steps, in order.
  task<> receive_proxy_header();
  task<> open_tls();
  task<bool> answer();
  task<> receive_request(stream_reader& reader);
  task<> decide();
  task<> process_request(std::optional<response>& answer);
  std::optional<response> check_origin() const;
  std::optional<response> select_subprotocol();
  response accept();
  task<> process_response(response& answer);
  void check_status(response& answer, bool accepted) const;
  void warn_of_unguarded_cookies() const;
  void complete(response& answer) const;
  task<> reject(stream_reader& reader);
  limit patience() const;
  limit parting() const;
  connection make_connection();

  template <class Step, class... Arguments>
  task<> ask(std::string_view name, const Step& step, std::optional<response>& answer,
             Arguments&... arguments);
  template <class Step, class... Arguments>
  task<> run_step(std::string_view name, const Step& step, std::optional<response>& answer,
                  Arguments&... arguments);
  response failure_of(std::string_view name, std::exception_ptr exception) const;
  void log(log_level level, const std::string& message) const noexcept;
  bool closing() const { return settings_.closing.stop_requested(); }
  std::string peer() const { return to_string(handshake_.remote_address); }

  const opening_settings& settings_;
  const serve_options& options_;
  limit limit_;
  std::unique_ptr<io::stream> stream_;
  server_handshake protocol_;
  bool requested_ = false;  // handshake_.request has come
  handshake handshake_;
  protocol::extension_list extensions_;
};

opening::opening(const opening_settings& settings, std::unique_ptr<io::stream> stream)
    : settings_(settings),
      options_(*settings.options),
      stream_(std::move(stream)),
      protocol_(handshake_limits()) {
  if (options_.open_timeout)
    limit_ = {*options_.open_timeout, settings.closing};
  else
    limit_ = settings.closing;
  handshake_.local_address = stream_->local_address();
  handshake_.remote_address = stream_->remote_address();
}

task<std::optional<connection>> opening::run() {
  try {
    if (options_.proxy_protocol) co_await receive_proxy_header();
    if (options_.tls) co_await open_tls();
    const bool opens = co_await answer();
    if (!opens) co_return std::nullopt;
  } catch (const std::exception& problem) {
    log(log_level::info, "opening handshake with " + peer() + " failed: " + problem.what());
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
  handshake_.local_address = stream_->local_address();
  handshake_.remote_address = stream_->remote_address();
}

task<> opening::open_tls() {
  auto engine = make_tls_engine(*options_.tls);
  const std::string name = peer();
  auto encrypted = co_await io::open_tls(std::move(stream_), std::move(engine), name, limit_);
  stream_ = std::move(encrypted);
  handshake_.tls = stream_->tls();
}

// Whether the answer, which has left, opens the connection.
task<bool> opening::answer() {
  stream_reader reader(*stream_);
  co_await receive_request(reader);
  const bool answerable = requested_ || protocol_.refusal() || closing();
  if (!answerable) co_return false;  // gone without a word
  co_await decide();
  protocol::log_head(options_.logger, '>', handshake_.response);
  if (handshake_.response.status != 101) {
    co_await reject(reader);
    co_return false;
  }
  warn_of_unguarded_cookies();
  co_await reader.write(protocol::write_response(handshake_.response), limit_);
  co_return true;
}

// Ends without a request where it is refused, the peer is gone or the server closes.
task<> opening::receive_request(stream_reader& reader) {
  while (!requested_ && !protocol_.refusal()) {
    std::span<const std::byte> bytes;
    try {
      bytes = co_await reader.read_some(limit_);
    } catch (const std::system_error& problem) {
      if (problem.code() == std::errc::operation_canceled) co_return;
      throw;
    }
    if (bytes.empty()) {
      protocol_.receive_eof();
      co_return;
    }
    protocol_.receive_data(bytes);
    auto request = protocol_.next_http_request();
    if (!request) continue;
    handshake_.request = std::move(*request);
    requested_ = true;
    protocol::log_head(options_.logger, '<', handshake_.request);
  }
}

// The first of the steps that has an answer gives it.
task<> opening::decide() {
  auto answer = protocol_.refusal();
  // Where there is plain HTTP, HEAD may be answered too.
  if (answer && answer->status == 405 && !options_.process_request.empty()) {
    answer->headers.set("Allow", "GET, HEAD");
  }
  if (requested_ && !closing()) {
    co_await process_request(answer);
    if (!answer) answer = server_handshake::check_upgrade(handshake_.request);
    if (!answer) answer = check_origin();
    if (!answer) answer = select_subprotocol();
    const bool accepted = !answer;
    if (accepted) answer = accept();
    co_await process_response(*answer);
    check_status(*answer, accepted);
  }
  if (closing()) answer = server_handshake::reject(503, "the server is shutting down");
  complete(*answer);
  handshake_.response = std::move(*answer);
}

task<> opening::process_request(std::optional<response>& answer) {
  const auto& request = handshake_.request;
  for (const auto& step : options_.process_request) {
    co_await ask("process_request", step, answer, handshake_, request);
    if (answer) co_return;
  }
}

// RFC 6455 section 4.2.2, item 4.
std::optional<response> opening::check_origin() const {
  const auto& request = handshake_.request;
  const auto origins = request.headers.all("Origin");
  if (origins.size() > 1) return server_handshake::reject(400, "more than one Origin header");
  if (options_.origins.empty()) return std::nullopt;
  const auto origin = origins.empty() ? std::nullopt : std::optional(origins.front());
  try {
    const bool allowed =
        std::any_of(options_.origins.begin(), options_.origins.end(),
                    [&](const origin_rule& rule) { return rule.allows(origin, request); });
    if (allowed) return std::nullopt;
  } catch (...) {
    return failure_of("origins", std::current_exception());
  }
  return server_handshake::reject(
      403, origin ? "the origin '" + escaped(*origin) + "' is not allowed" : "no Origin header");
}

std::optional<response> opening::select_subprotocol() {
  const auto& request = handshake_.request;
  auto& selected = handshake_.subprotocol;
  if (options_.select_subprotocol) {
    const auto views = protocol::parse_list(request.headers, "Sec-WebSocket-Protocol");
    const std::vector<std::string> offered(views.begin(), views.end());
    try {
      selected = options_.select_subprotocol(handshake_, offered);
      if (selected && std::find(offered.begin(), offered.end(), *selected) == offered.end()) {
        throw std::logic_error("'" + *selected + "' is not among what the client offers");
      }
    } catch (const negotiation_error& problem) {
      return server_handshake::reject(400, problem.what());
    } catch (...) {
      return failure_of("select_subprotocol", std::current_exception());
    }
    return std::nullopt;
  }
  if (options_.subprotocols.empty()) return std::nullopt;
  selected = protocol::select_subprotocol(request, options_.subprotocols);
  if (selected) return std::nullopt;
  std::string supported;
  for (const auto& name : options_.subprotocols)
    supported += (supported.empty() ? "" : ", ") + name;
  return server_handshake::reject(400,
                                  "no subprotocol in common; this server supports: " + supported);
}

response opening::accept() {
  auto agreed = protocol::select_extensions(handshake_.request, settings_.extensions);
  extensions_ = std::move(agreed.extensions);
  auto answer = server_handshake::accept(handshake_.request, handshake_.subprotocol, agreed.header);
  std::string_view asked = "additional_headers";
  try {
    const auto more = options_.additional_headers.of(handshake_.request);
    require_own_headers(more);
    for (const auto& [name, value] : more) answer.headers.add(name, value);
    asked = "create_connection";
    if (options_.create_connection) handshake_.data = options_.create_connection(handshake_);
  } catch (...) {
    return failure_of(asked, std::current_exception());
  }
  return answer;
}

task<> opening::process_response(response& answer) {
  const auto& request = handshake_.request;
  const auto& shown = answer;
  for (const auto& step : options_.process_response) {
    std::optional<response> other;
    co_await ask("process_response", step, other, handshake_, request, shown);
    if (other) answer = std::move(*other);
  }
}

// The application replaces what it likes, but opens nothing that the handshake has refused.
void opening::check_status(response& answer, bool accepted) const {
  const bool opens = answer.status == 101 && accepted;
  if (!opens && (answer.status < 200 || answer.status > 599)) {
    const std::logic_error problem("its status is " + std::to_string(answer.status));
    answer = failure_of("the response", std::make_exception_ptr(problem));
  }
}

// RFC 6455 section 10.2. What the application's own steps make of the origin cannot be known.
void opening::warn_of_unguarded_cookies() const {
  const auto& fields = handshake_.request.headers;
  const auto origin = fields.get("Origin");
  if (!options_.origins.empty() || !origin || !fields.contains("Cookie")) return;
  if (settings_.warned_of_cookies->exchange(true)) return;
  log(log_level::warning, "a page of '" + std::string(*origin) +
                              "' has connected with its visitor's cookies, and pages of every "
                              "other site can do so: set origins, such as to same_origin (said "
                              "once)");
}

// What every answer has, whoever made it.
void opening::complete(response& answer) const {
  if (options_.server_header && !answer.headers.contains("Server")) {
    answer.headers.add("Server", *options_.server_header);
  }
  if (answer.status == 101) return;
  if (!answer.headers.contains("Date")) {  // RFC 9110 section 6.6.1
    answer.headers.add("Date", http_date(std::chrono::system_clock::now()));
  }
  answer.headers.set("Connection", "close");
  if (answer.status == 204 || answer.status == 304) {  // RFC 9110 section 6.4.1: no content
    answer.body.clear();
    answer.headers.remove("Content-Length");
    answer.stream = nullptr;
  } else if (!answer.headers.contains("Content-Length") && !answer.stream) {
    answer.headers.add("Content-Length", std::to_string(answer.body.size()));
  }
  if (handshake_.request.method == "HEAD") {  // RFC 9110 section 9.3.2
    answer.body.clear();
    answer.stream = nullptr;
  }
}

task<> opening::reject(stream_reader& reader) {
  const auto& answer = handshake_.response;
  const std::string status = std::to_string(answer.status) + ' ' + answer.reason;
  const bool refused = answer.status >= 400;
  log(log_level::info, (refused ? "connection rejected (" : "request answered (") + status +
                           ") for " + peer() + (refused ? why(answer) : ""));
  co_await reader.write(protocol::write_response(answer), patience());
  while (answer.stream) {
    auto making = answer.stream();
    auto piece = co_await making;
    if (piece.empty()) break;
    co_await reader.write(piece, patience());
  }
  co_await end_politely(*stream_, reader, parting());
}

// For each step of saying no.
limit opening::patience() const {
  if (closing()) return std::chrono::seconds(1);
  if (options_.close_timeout) return *options_.close_timeout;
  return {};
}

// For the peer's end, once it was told all.
limit opening::parting() const {
  if (closing()) return patience();
  if (options_.close_timeout) return {*options_.close_timeout, settings_.closing};
  return settings_.closing;
}

connection opening::make_connection() {
  auto impl = std::make_shared<connection_impl>(std::move(stream_), protocol::side::server,
                                                core_settings(options_), make_inbox(options_),
                                                options_.write_limit, options_.read_limit);
  impl->set_extensions(std::move(extensions_));
  impl->set_logger({settings_.options, &options_.logger});
  return connection_impl::open(std::move(impl), std::move(handshake_), protocol_.rest());
}

// --- the application's part

// Calls a step; where it throws, the answer is 500. A coroutine is given up at the limit.
template <class Step, class... Arguments>
task<> opening::ask(std::string_view name, const Step& step, std::optional<response>& answer,
                    Arguments&... arguments) {
  scope waiting;
  waiting.spawn(run_step(name, step, answer, arguments...));
  try {
    co_await waiting.join(limit_);
  } catch (const timeout&) {
    throw timeout(std::string(name) + " took longer than open_timeout");
  } catch (const std::system_error&) {  // the server closes
  }
}

template <class Step, class... Arguments>
task<> opening::run_step(std::string_view name, const Step& step, std::optional<response>& answer,
                         Arguments&... arguments) {
  try {
    if (const auto* plain = std::get_if<typename Step::plain>(&step.function())) {
      answer = (*plain)(arguments...);
    } else {
      auto running = std::get<typename Step::coroutine>(step.function())(arguments...);
      auto given = co_await running;
      answer = std::move(given);
    }
  } catch (...) {
    answer = failure_of(name, std::current_exception());
  }
}

response opening::failure_of(std::string_view name, std::exception_ptr exception) const {
  std::string message(name);
  message += " failed for " + peer();
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const std::exception& problem) {
    message.append(": ").append(problem.what());
  } catch (...) {
    message += " with something that is no std::exception";
  }
  log(log_level::error, message);
  return server_handshake::reject(500, "the server failed; its log says why");
}

void opening::log(log_level level, const std::string& message) const noexcept {
  write_log(options_.logger, level, message);
}

}  // namespace

task<> refuse_connection(const opening_settings& settings, std::unique_ptr<io::stream> stream,
                         std::string answer, [[maybe_unused]] std::shared_ptr<void> counted) {
  const limit limit(std::chrono::seconds(1), settings.closing);
  try {
    stream_reader reader(*stream);
    co_await reader.write(answer, limit);
    co_await end_politely(*stream, reader, limit);
  } catch (const std::exception&) {  // it was refused, whatever it makes of it
  }
}

task<std::optional<connection>> open_connection(const opening_settings& settings,
                                                std::unique_ptr<io::stream> stream) {
  opening steps(settings, std::move(stream));
  co_return co_await steps.run();
}

}  // namespace duplex::detail
