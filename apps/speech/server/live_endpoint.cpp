#include "speech/server/live_endpoint.hpp"

#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>
#include <utility>

#include "speech/session/session_link.hpp"

namespace duplex::speech {
namespace {

time_point now() { return std::chrono::steady_clock::now(); }

// A message of at most `most` bytes, or the first bytes of a longer one, more than `most`: nobody
// has to be given memory for what will be refused.
task<message> receive(connection& ws, std::size_t most) {
  auto stream = co_await ws.recv_streaming();
  buffer all;
  while (auto part = co_await stream.next()) {
    all.append(part->bytes());
    if (all.size() > most) break;
  }
  co_return message(stream.is_text() ? message::type::text : message::type::binary, std::move(all));
}

// One connection: what comes goes to the link, what the link says leaves, and its time is kept.
class live_connection final : public drainable, private coro::timer {
 public:
  live_connection(connection& ws, service& of)
      : timer(coro::executor::current()),
        ws_(ws),
        service_(of),
        link_(
            of.sessions(), network_of(ws.remote_address()), [this] { changed_.wake_all(); },
            now()) {}

  task<> run() {
    const entry presence(*this);
    scope writing([](const std::exception_ptr&) {});  // a connection that ended: the reader knows
    writing.spawn(write());
    writing.spawn(keep_time());
    begin(presence.fits);
    try {
      co_await read();
    } catch (const connection_closed&) {
    }
    end();
  }

  void drain(time_point deadline) override {
    link_.drain(deadline, now());
    refresh();
  }

 private:
  struct entry {
    explicit entry(live_connection& one) : of(one), fits(one.service_.enter(one)) {}
    ~entry() { of.service_.leave(of); }
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;

    live_connection& of;
    bool fits;
  };

  void begin(bool fits) {
    if (service_.is_draining()) {
      link_.drain(now(), now());
    } else if (!fits) {
      link_.refuse(error_code::too_many_sessions, "the server has all the sessions it may have");
    } else {
      link_.receive_query(ws_.request().query(), now());
    }
    refresh();
  }

  task<> read() {
    const std::size_t most = service_.sessions().limits().message_max;
    for (;;) {
      while (!link_.wants_input()) {
        coro::wait room(coro::executor::current(), changed_, ws_.stop_token());
        co_await room;
        if (ws_.stop_token().stop_requested()) co_return;
      }
      auto message = co_await receive(ws_, most);
      service_.figures().received_bytes_total += message.size();
      if (message.is_text()) {
        link_.receive_text(message.text(), now());
      } else {
        link_.receive_audio(std::move(message).take(), now());
      }
      refresh();
    }
  }

  // A peer that reads slowly holds up this coroutine alone; what waits in the session is bounded.
  task<> write() {
    for (;;) {
      while (auto text = link_.next_message()) {
        service_.figures().sent_bytes_total += text->size();
        co_await ws_.send(*text);
      }
      if (const auto how = link_.close()) {
        co_await ws_.close(how->code, how->reason);
        co_return;
      }
      coro::wait news(coro::executor::current(), changed_);
      co_await news;
    }
  }

  // What is new may have moved the deadline, also while the peer reads slowly.
  task<> keep_time() {
    for (;;) {
      coro::wait news(coro::executor::current(), changed_);
      co_await news;
      refresh();
    }
  }

  // After whatever was done to the link.
  void refresh() {
    const auto& session = link_.current();
    if (session && session.get() != known_) {
      known_ = session.get();
      if (session_record* record = service_.record_of(known_)) {
        record->peer = to_string(ws_.remote_address());
        if (record->connections++ > 0) ++service_.figures().resumed_total;
      }
      service_.watch_store();  // which had kept it, where it was resumed
    }
    if (const auto at = link_.deadline()) {
      arm(*at);
    } else {
      disarm();
    }
  }

  void expired() override {
    link_.advance(now());
    if (link_.is_given_up()) ws_.abort();
    refresh();
  }

  void end() {
    disarm();
    const std::uint16_t code = ws_.close_code().value_or(1006);
    if (session_record* record = service_.record_of(link_.current().get()))
      record->close_code = code;
    link_.disconnected(code, now());
    service_.watch_store();
  }

  connection& ws_;
  service& service_;
  coro::wait_queue changed_;
  session_link link_;
  const session* known_ = nullptr;
};

}  // namespace

task<> serve_stream(connection& ws, service& of) {
  live_connection live(ws, of);
  co_await live.run();
}

}  // namespace duplex::speech
