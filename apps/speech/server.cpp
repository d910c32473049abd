#include "speech/server.hpp"

#include <algorithm>
#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>
#include <duplex/router.hpp>
#include <duplex/server.hpp>
#include <utility>

#include "speech/server/access.hpp"
#include "speech/server/http.hpp"
#include "speech/server/live_endpoint.hpp"
#include "speech/server/request_endpoint.hpp"
#include "speech/server/service.hpp"

namespace duplex::speech {
namespace {

using namespace std::chrono_literals;

constexpr int retry_after_seconds = 5;

std::vector<origin_rule> rules_of(const std::vector<std::string>& origins) {
  std::vector<origin_rule> rules{same_origin, no_origin};
  for (const std::string& each : origins) {
    if (each == "*") {
      rules.emplace_back([](std::optional<std::string_view>, const request&) { return true; });
    } else {
      rules.emplace_back(each);
    }
  }
  return rules;
}

// Browsers fail a connection that selects none of what they offer; programs need offer none.
std::optional<std::string> select_subprotocol(const handshake& opening,
                                              std::span<const std::string> offered) {
  if (opening.request.path() != "/v1/stream") return std::nullopt;
  if (std::ranges::find(offered, stream_subprotocol) == offered.end()) return std::nullopt;
  return std::string(stream_subprotocol);
}

}  // namespace

struct speech_server::parts {
  parts(const model_set& models, server_options options)
      : tokens(options.tokens),
        shared(models, {.threads = options.threads,
                        .max_sessions = options.max_sessions,
                        .store = options.streams,
                        .requests = options.requests,
                        .request_memory = options.request_memory,
                        .session_log = std::move(options.session_log),
                        .logger = options.logger,
                        .lines_dropped = std::move(options.lines_dropped)}),
        listening(listen(options)) {}

  server listen(server_options& options);
  std::optional<response> answer(const request& asked);
  std::optional<response> answer_operator(const request& asked);
  void count(const response& refusal);
  task<> end(time_point deadline);
  task<> wait_closed();

  bearer_tokens tokens;
  service shared;
  server listening;
  scope ending;
};

server speech_server::parts::listen(server_options& options) {
  auto routes = route({
      {"/", [this](connection& ws) { return answer_requests(ws, shared); }},
      {"/v1/stream", [this](connection& ws) { return serve_stream(ws, shared); }},
  });
  auto answers = [this](handshake&, const request& asked) { return answer(asked); };
  auto counts = [this](handshake&, const request&,
                       const response& given) -> std::optional<response> {
    count(given);
    return std::nullopt;
  };
  return serve(routes, options.host, options.port,
               {.origins = rules_of(options.origins),
                .select_subprotocol = select_subprotocol,
                .compression = std::nullopt,  // a few bytes would become the largest of messages
                .process_request = {answers},
                .process_response = {counts},
                .close_timeout = options.close_timeout,
                .max_size = options.requests.max_size,
                .max_queue_bytes = std::size_t{1} << 20,  // the rest of a flood stays unread
                .max_connections = 2 * options.max_sessions + 64,  // room for plain HTTP
                .max_connections_per_address = options.max_connections_per_address,
                .tls = std::move(options.tls),
                .logger = std::move(options.logger)});
}

std::optional<response> speech_server::parts::answer(const request& asked) {
  const bool upgrades = is_upgrade(asked);
  if (!upgrades) {
    if (auto page = answer_page(asked)) return page;
    if (asked.path() == "/healthz") return respond(200, "ok\n");
    if (asked.path() == "/readyz" && !shared.is_draining()) return respond(200, "ready\n");
  }
  if (shared.is_draining() && (upgrades || asked.path() == "/readyz")) {
    return refuse_for_now("the server is about to end", retry_after_seconds);
  }
  if (!tokens.allow(asked)) return refuse_token();
  if (upgrades && shared.is_full()) {
    return refuse_for_now("the server has all the sessions it may have", retry_after_seconds);
  }
  return upgrades ? std::nullopt : answer_operator(asked);
}

std::optional<response> speech_server::parts::answer_operator(const request& asked) {
  if (asked.path() == "/metrics") {
    return respond(200, shared.metrics_text(), "text/plain; version=0.0.4; charset=utf-8");
  }
  if (asked.path() == "/v1/models") return answer_models(shared.models());
  return std::nullopt;
}

void speech_server::parts::count(const response& refusal) {
  auto& figures = shared.figures();
  if (refusal.status == 401) figures.count(error_code::unauthorized);
  if (refusal.status == 403) figures.count(error_code::forbidden_origin);
  if (refusal.status == 503) {
    figures.count(shared.is_draining() ? error_code::draining : error_code::too_many_sessions);
  }
}

task<> speech_server::parts::end(time_point deadline) {
  while (shared.has_connections() && std::chrono::steady_clock::now() < deadline) {
    coro::wait left(coro::executor::current(), shared.endings(), deadline);
    co_await left;
  }
  listening.close(true, 1012, to_string(error_code::draining));
}

task<> speech_server::parts::wait_closed() {
  co_await listening.wait_closed();
  while (!shared.is_idle()) {
    coro::wait logged(coro::executor::current(), shared.endings());
    co_await logged;
  }
}

speech_server::speech_server(const model_set& models, server_options options)
    : parts_(std::make_unique<parts>(models, std::move(options))) {}

speech_server::~speech_server() = default;

std::uint16_t speech_server::port() const { return parts_->listening.port(); }

void speech_server::set_tokens(const std::vector<std::string>& tokens) {
  parts_->tokens = bearer_tokens(tokens);
}

void speech_server::drain(std::chrono::milliseconds within) {
  if (parts_->shared.is_draining()) return;
  const auto deadline = std::chrono::steady_clock::now() + within;
  parts_->shared.drain(deadline);
  // A session that misses the deadline says so itself; the connection's end comes after that.
  parts_->ending.spawn(parts_->end(deadline + 1s));
}

task<> speech_server::wait_closed() { return parts_->wait_closed(); }

}  // namespace duplex::speech
