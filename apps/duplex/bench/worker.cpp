// Coroutines that send, coroutines that receive, and the clock between them.
#include "bench/worker.hpp"

#include <algorithm>
#include <condition_variable>
#include <duplex/client.hpp>
#include <duplex/coro/scope.hpp>
#include <duplex/coro/wait.hpp>
#include <duplex/error.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/run.hpp>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace duplex::cli::bench {
namespace {

constexpr std::size_t opened_at_once = 64;
// For replies on their way when the load ends.
constexpr auto drain_time = std::chrono::seconds(5);

// For the first echo: three seconds, and what the messages take on a slow way, at 10 MB/s.
std::chrono::duration<double> first_echo_time(const load_plan& plan) {
  const auto in_flight = plan.connections * (plan.rate ? 1 : plan.in_flight);
  const auto seconds = static_cast<double>(plan.size) * static_cast<double>(in_flight) / 1e7;
  return std::chrono::duration<double>(3 + std::min(seconds, 86400.0));
}

std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

message message_of(const load_plan& plan) {
  const auto text = text_of(plan.size);
  return plan.binary ? message(as_bytes(text)) : message(text);
}

}  // namespace

/// One connection: one coroutine sends, one receives.
class load_connection {
 public:
  load_connection(worker& owner, std::size_t index, client_connection ws)
      : owner_(owner), index_(index), ws_(std::move(ws)), sent_at_(owner.plan_.in_flight) {}

  task<> run() {
    scope tasks;
    tasks.spawn(receive());
    co_await send();
    co_await drain();
    closing_ = true;
    if (!ended_) co_await ws_.close();
    co_await tasks.join();
    owner_.result_.unanswered += std::max(sent_, messages_due()) - answered_;
  }

  /// There may be something to send, or nothing more.
  void look() noexcept { changed_.wake_all(); }

  /// Ends it at once.
  void give_up() {
    closing_ = true;
    ws_.abort();
  }

 private:
  // With a rate, every count_-th message of the thread is this connection's.
  std::uint64_t due_message(std::uint64_t number) const noexcept {
    return number * owner_.count_ + index_;
  }
  std::uint64_t messages_due() const noexcept {
    const auto released = owner_.released_;
    return released > index_ ? (released - index_ - 1) / owner_.count_ + 1 : 0;
  }
  bool may_send() const {
    if (owner_.plan_.rate) return sent_ < messages_due();
    return sent_ - answered_ < owner_.plan_.in_flight;
  }
  clock::time_point sent_at(std::uint64_t number) const {
    if (owner_.plan_.rate) return owner_.due(due_message(number));
    return sent_at_[number % sent_at_.size()];
  }

  task<> send() {
    // What was due is sent, even late: a server that takes nothing more is not let off.
    while (!ended_ && !owner_.gives_up() &&
           (!owner_.stopping_ || (owner_.plan_.rate && may_send()))) {
      if (!may_send()) {
        coro::wait waiting(coro::executor::current(), changed_);
        co_await waiting;
        continue;
      }
      if (!owner_.plan_.rate) sent_at_[sent_ % sent_at_.size()] = clock::now();
      ++sent_;
      co_await try_send();
    }
  }

  task<> try_send() {
    try {
      co_await ws_.send(owner_.message_, {}, owner_.give_up_at_);
    } catch (const connection_closed&) {  // `receive` counts it
    } catch (const timeout&) {            // it counts as missing
    }
  }

  task<> receive() {
    try {
      while (auto reply = co_await ws_.next()) count(*reply);
      if (!closing_) owner_.note("a connection was closed by the server");
    } catch (const connection_closed& end) {
      if (!closing_) owner_.note(end.what());
    }
    if (!closing_) ++owner_.result_.broken;
    ended_ = true;
    look();
    owner_.ended();
  }

  void count(const message& reply) {
    const auto& expected = owner_.message_;
    if (answered_ == sent_ || reply.is_text() != expected.is_text() ||
        reply.text() != expected.text()) {
      ++owner_.result_.wrong;
      owner_.note("a reply is not what was sent: the server must echo");
    } else {
      owner_.echoed();
    }
    if (answered_ == sent_) return;
    owner_.result_.latencies.add(clock::now() - sent_at(answered_));
    ++answered_;
    if (!owner_.stopping_) owner_.replies_.fetch_add(1, std::memory_order_relaxed);
    if (!owner_.plan_.rate || owner_.stopping_) look();
  }

  task<> drain() {
    while (answered_ < sent_ && !ended_ && !owner_.gives_up()) {
      coro::wait waiting(coro::executor::current(), changed_, owner_.give_up_at_);
      co_await waiting;
    }
  }

  worker& owner_;
  std::size_t index_;
  client_connection ws_;
  std::vector<clock::time_point> sent_at_;  // of the messages in flight, without a rate
  std::uint64_t sent_ = 0, answered_ = 0;
  coro::wait_queue changed_;
  bool closing_ = false, ended_ = false;
};

namespace {

// Wakes a loop whenever a message is due: a thread sleeps to some fifty microseconds, a loop's
// timers to a millisecond.
class pacer {
 public:
  // `release` is called on the loop, and may be once more after the pacer's end; `next` on a thread
  // of its own.
  pacer(io::loop& loop, std::function<void()> release, std::function<clock::time_point()> next)
      : thread_([this, &loop, release = std::move(release),
                 next = std::move(next)](const std::stop_token& stop) {
          const auto pending = std::make_shared<std::atomic<bool>>(false);
          while (!stop.stop_requested()) {
            sleep_until(std::max(next(), clock::now() + shortest), stop);
            if (pending->exchange(true)) continue;  // the loop has not got round to the last one
            loop.post([pending, release] {
              *pending = false;
              release();
            });
          }
        }) {}

 private:
  static constexpr auto shortest = std::chrono::microseconds(50);

  void sleep_until(clock::time_point time, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    stopped_.wait_until(lock, stop, time, [] { return false; });
  }

  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::jthread thread_;
};

}  // namespace

worker::worker(const load_plan& plan, std::size_t index)
    : plan_(plan),
      message_(message_of(plan)),
      count_(plan.connections / plan.threads + (index < plan.connections % plan.threads ? 1 : 0)) {
  if (plan.rate) {
    const auto share = static_cast<double>(count_) / static_cast<double>(plan.connections);
    interval_ = std::chrono::duration<double>(1 / (*plan.rate * share));
  }
}

worker::~worker() = default;

void worker::run(std::barrier<>& all_open) {
  duplex::run(open_connections());
  all_open.arrive_and_wait();
  start_ = clock::now();
  give_up_at_ = start_ + plan_.time + drain_time;
  duplex::run(load());
  connections_.clear();
}

task<> worker::open_connections() {
  connections_.resize(count_);
  scope tasks;
  std::size_t opened = 0;
  for (std::size_t i = 0; i < std::min(opened_at_once, count_); ++i) tasks.spawn(open_next(opened));
  co_await tasks.join();
}

task<> worker::open_next(std::size_t& opened) {
  while (opened < count_) {
    const auto index = opened++;
    try {
      auto ws = co_await connect(plan_.uri, plan_.options);
      connections_[index] = std::make_unique<load_connection>(*this, index, std::move(ws));
    } catch (const std::exception& problem) {
      ++result_.refused;
      note(problem.what());
    }
  }
}

task<> worker::load() {
  scope tasks;
  std::erase(connections_, nullptr);  // those refused
  alive_ = connections_.size();
  for (auto& each : connections_) tasks.spawn(each->run());
  tasks.spawn(expect_echo());
  {
    std::optional<pacer> pace;
    if (plan_.rate) {
      pace.emplace(
          io::loop::current(), [this] { release_due(); },
          [this] {
            const auto passed = std::chrono::duration<double>(clock::now() - start_) / interval_;
            return due(static_cast<std::uint64_t>(passed) + 1);
          });
    }
    coro::wait lasting(coro::executor::current(), all_ended_, start_ + plan_.time);
    if (alive_ > 0) co_await lasting;
  }
  result_.seconds = std::chrono::duration<double>(clock::now() - start_).count();
  result_.replies = replies_;
  stopping_ = true;
  over_ = true;
  for (auto& each : connections_) each->look();
  co_await tasks.join();
}

task<> worker::expect_echo() {
  const auto time = first_echo_time(plan_);
  coro::wait waiting(coro::executor::current(), echo_came_,
                     start_ + std::chrono::duration_cast<clock::duration>(time));
  if (!echoed_ && alive_ > 0) co_await waiting;
  if (echoed_ || alive_ == 0) co_return;
  note("nothing was echoed in " + std::to_string(static_cast<long>(time.count())) +
       " s: the server must echo");
  for (auto& each : connections_) each->give_up();
}

void worker::echoed() noexcept {
  if (!std::exchange(echoed_, true)) echo_came_.wake_all();
}

void worker::ended() noexcept {
  if (--alive_ > 0) return;
  echo_came_.wake_all();
  all_ended_.wake_all();
}

void worker::note(std::string_view problem) {
  if (result_.problem.empty()) result_.problem = problem;
}

clock::time_point worker::due(std::uint64_t message) const {
  return start_ + std::chrono::duration_cast<clock::duration>(interval_ * message);
}

void worker::release_due() {
  if (stopping_) return;  // the pacer's last, behind the end of the load
  const auto now = clock::now();
  const auto passed = std::chrono::duration<double>(now - start_) / interval_;
  if (due(released_) <= now) result_.lateness.add(now - due(released_));
  released_ = static_cast<std::uint64_t>(passed) + 1;
  for (auto& each : connections_) each->look();
}

}  // namespace duplex::cli::bench
