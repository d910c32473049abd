#include "speech/server/request_endpoint.hpp"

#include <duplex/coro/wait.hpp>
#include <stop_token>
#include <system_error>
#include <utility>

#include "speech/session/server_message.hpp"

namespace duplex::speech {
namespace {

// Where a reply arrives on the loop.
struct reply_place {
  coro::wait_queue arrival;
  std::optional<std::string> text;
  std::optional<speech_error> failure;
};

// A request among everything else that wants a thread.
class request_job final : public schedulable {
 public:
  request_job(const service& of, buffer message, std::shared_ptr<memory_share> held,
              std::weak_ptr<reply_place> reply)
      : service_(of),
        work_(of.handler(), std::move(message), std::move(held)),
        reply_(std::move(reply)) {}

  std::optional<urgency> wants() const noexcept override {
    if (answered_) return std::nullopt;
    return urgency::batch;
  }

  void step(const std::stop_token& stop) noexcept override {
    auto text = work_.step(stop);
    if (!text) return;
    answered_ = true;
    service_.post([to = reply_, text = std::move(*text), failure = work_.failure()]() mutable {
      const auto place = to.lock();
      if (!place) return;
      place->text = std::move(text);
      place->failure = failure;
      place->arrival.wake_all();
    });
  }

 private:
  const service& service_;
  answering work_;
  std::weak_ptr<reply_place> reply_;
  bool answered_ = false;
};

class request_connection final : public drainable {
 public:
  request_connection(connection& ws, service& of)
      : ws_(ws),
        service_(of),
        memory_(of.request_memory(network_of(ws.remote_address()))),
        fits_(of.enter(*this)) {}
  ~request_connection() { service_.leave(*this); }
  request_connection(const request_connection&) = delete;
  request_connection& operator=(const request_connection&) = delete;

  task<> run() {
    if (!fits_) {
      const auto code =
          service_.is_draining() ? error_code::draining : error_code::too_many_sessions;
      service_.figures().count(code);
      const std::string reply = error_reply(code, "no more requests are taken here now");
      co_await ws_.send(reply);
      co_await ws_.close(service_.is_draining() ? 1012 : 1013, to_string(code));
      co_return;
    }
    for (;;) {
      const auto held = std::make_shared<memory_share>(memory_);
      auto message = co_await next(*held);
      if (!message) break;
      service_.figures().received_bytes_total += message->size();
      auto reply = co_await reply_to(*message, held);
      service_.figures().sent_bytes_total += reply.size();
      co_await ws_.send(reply);
    }
    if (refusal_) {
      service_.figures().count(refusal_->code());
      if (refusal_->code() != error_code::message_too_big) {
        const std::string reply = error_reply(refusal_->code(), refusal_->what());
        co_await ws_.send(reply);
      }
      co_await ws_.close(close_code_of(refusal_->code()), to_string(refusal_->code()));
    } else if (draining_.stop_requested()) {
      co_await ws_.close(1012, to_string(error_code::draining));
    }
  }

  // What is being answered is answered; what waits behind it may be asked elsewhere.
  void drain(time_point) override { draining_.request_stop(); }

 private:
  // nullopt: the connection has ended, or is to end, by `refusal_` if there is one.
  task<std::optional<message>> next(memory_share& held) {
    if (draining_.stop_requested()) co_return std::nullopt;
    try {
      auto message = co_await assemble(held);
      co_return message;
    } catch (const connection_closed&) {
    } catch (const timeout&) {
      refusal_.emplace(error_code::idle_timeout, idle_message(service_.sessions().limits()));
    } catch (const speech_error& problem) {
      refusal_ = problem;
    } catch (const std::system_error& problem) {
      if (problem.code() != std::errc::operation_canceled) throw;
    }
    co_return std::nullopt;
  }

  task<message> assemble(memory_share& held) {
    const auto idle = service_.sessions().limits().idle;
    const std::size_t most = std::min(service_.handler().limits().max_size, memory_->most());
    auto stream = co_await ws_.recv_streaming(limit(idle, draining_.get_token()));
    buffer all;
    for (;;) {
      auto part = co_await stream.next(limit(idle, draining_.get_token()));
      if (!part) break;
      if (part->size() > most - all.size()) {
        throw speech_error(error_code::message_too_big,
                           "message of more than " + std::to_string(most) + " bytes");
      }
      if (!held.resize(held.bytes() + part->size())) {
        throw speech_error(error_code::overloaded, no_memory_for_requests);
      }
      all.append(part->bytes());
    }
    co_return message(stream.is_text() ? message::type::text : message::type::binary,
                      std::move(all));
  }

  task<std::string> reply_to(message& asked, std::shared_ptr<memory_share> held) {
    ++service_.figures().requests_total;
    if (asked.is_binary()) {
      service_.figures().count(error_code::bad_json);
      co_return error_reply(error_code::bad_json, "expected JSON in a text message, not binary");
    }
    const auto place = std::make_shared<reply_place>();
    const auto job = std::make_shared<request_job>(service_, std::move(asked).take(), held, place);
    const cancel_at_end guard{service_.workers(), *job};
    service_.workers().wake(job);
    coro::wait waiting(coro::executor::current(), place->arrival, ws_.stop_token());
    co_await waiting;
    if (!place->text) co_return error_reply(error_code::cancelled, "the client has left");
    if (place->failure) service_.note(place->failure->code(), place->failure->what(), ws_.id());
    held->resize(place->text->size());  // all that is left, however slowly it is read
    co_return std::move(*place->text);
  }

  // Nobody waits for a reply once whoever asked has gone.
  struct cancel_at_end {
    scheduler& workers;
    const request_job& job;
    ~cancel_at_end() { workers.cancel(job); }
  };

  connection& ws_;
  service& service_;
  const std::shared_ptr<memory_budget> memory_;
  std::stop_source draining_;
  std::optional<speech_error> refusal_;
  bool fits_;
};

}  // namespace

task<> answer_requests(connection& ws, service& of) {
  request_connection requests(ws, of);
  co_await requests.run();
}

}  // namespace duplex::speech
