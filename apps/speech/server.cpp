#include "speech/server.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <duplex/connection.hpp>
#include <duplex/io/worker.hpp>
#include <string>
#include <utility>

namespace duplex::speech {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A decoder wants a whole core for long, the loop of the server a moment often: where there are not
// enough cores for both, the loop comes first. In Linux a nice value is a thread's own.
void lower_priority_of_this_thread() {
  thread_local const int once = setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10);
  static_cast<void>(once);
}

task<std::string> reply_to(message& request, connection& ws, const request_handler& handler) {
  if (request.is_binary())
    co_return error_reply(error_code::bad_json, "expected JSON in a text message, not binary");
  // A variable: GCC 12 destroys twice the temporary of an awaited expression.
  auto work = [&handler, text = std::move(request).take(), stop = ws.stop_token(),
               received = clock::now()]() mutable {
    lower_priority_of_this_thread();
    const auto queued = std::chrono::duration_cast<milliseconds>(clock::now() - received);
    return handler.respond(std::move(text), queued, stop);
  };
  co_return co_await run_blocking(std::move(work));
}

task<> answer_requests(connection& ws, const request_handler& handler) {
  if (ws.request().path() != "/") {
    co_await ws.close(1008, "requests are answered on path / only");
    co_return;
  }
  while (auto request = co_await ws.next()) {
    auto reply = co_await reply_to(*request, ws, handler);
    co_await ws.send(reply);
  }
}

}  // namespace

server serve_speech(const request_handler& handler, std::string_view host, int port,
                    logger logger) {
  auto answer = [&handler](connection& ws) { return answer_requests(ws, handler); };
  return serve(std::move(answer), host, port,
               {.max_size = handler.limits().max_size,
                .max_queue = 1,  // requests are large, and one waits while another is decoded
                .logger = std::move(logger)});
}

}  // namespace duplex::speech
