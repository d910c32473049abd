// A stream in memory whose far end is scripted by the test: chunks, back-pressure, faults.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <duplex/buffer.hpp>
#include <duplex/coro/executor.hpp>
#include <duplex/io/stream.hpp>

namespace duplex::test {

/// The far end of one stream; lives on when the stream is gone.
///
/// Nothing happens by itself: `pump` tells the stream's owner what has been scripted, one event
/// after the other as a loop would, and lets coroutines run after each.
class memory_peer {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  memory_peer() : state_(std::make_shared<shared_state>()) {}

  /// The near end, once.
  std::unique_ptr<io::stream> make_stream() { return std::make_unique<near_end>(state_); }

  // --- towards the connection

  /// Queues bytes that arrive in chunks of at most `chunk`.
  void send(std::string_view bytes, std::size_t chunk = unlimited) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(chunk, bytes.size()))) {
      state_->input.emplace_back(bytes.substr(0, chunk));
    }
  }
  /// After the bytes queued: the peer half-closes.
  void send_eof() { state_->eof = true; }
  /// Next: the transport breaks, whatever else is queued.
  void break_transport() { state_->broken = true; }
  /// The n-th operation from now on (a write, or bytes that arrive) breaks the transport instead.
  void fail_at(std::size_t operation) { state_->fail_at = operation; }
  bool failed() const { return state_->fail_at && *state_->fail_at == 0; }

  /// Lets coroutines run and events happen until there is nothing left to happen.
  void pump() {
    coro::executor::current().run_ready();
    while (state_->tell_one()) coro::executor::current().run_ready();
  }

  // --- from the connection

  /// Makes sure that taking so many bytes needs no memory.
  void make_output_room(std::size_t bytes) {
    state_->output.reserve(bytes);
    state_->flying.reserve(bytes);
  }
  /// Bytes the socket takes before it is full.
  void set_room(std::size_t bytes) { state_->room = bytes; }
  void make_room(std::size_t bytes) { state_->room += bytes; }
  /// What arrived here since the last call.
  std::string take() { return std::exchange(state_->output, {}); }
  const std::string& output() const { return state_->output; }

  /// Bytes given to the stream that the socket has no room for.
  std::size_t held() const { return state_->flying.size(); }
  /// System calls that wrote something, or tried to.
  std::size_t writes() const { return state_->writes; }
  /// Bytes not yet handed to the connection.
  std::size_t unread() const {
    std::size_t count = 0;
    for (const auto& each : state_->input) count += each.size();
    return count;
  }
  bool reading() const { return state_->reading; }
  bool shut_down() const { return state_->shut_down; }
  bool aborted() const { return state_->aborted; }
  bool closed() const { return state_->closed; }

 private:
  struct shared_state {
    std::deque<std::string> input;
    std::string output;
    std::size_t room = unlimited;
    std::size_t writes = 0;
    std::optional<std::size_t> fail_at;
    std::string flying;  // given to `write` and not yet taken by the socket
    io::stream_events* events = nullptr;
    bool reading = false, eof = false, broken = false, ended = false;
    bool writing = false, shut_down = false, aborted = false, closed = false;

    // One operation; false where it is the one that fails.
    bool operate() {
      if (!fail_at || *fail_at == 0) return !broken;
      if (--*fail_at == 0) broken = true;
      return !broken;
    }
    std::size_t accept(std::string_view bytes) {
      const auto count = std::min(room, bytes.size());
      output += bytes.substr(0, count);
      if (room != unlimited) room -= count;
      return count;
    }
    bool tell_one() {
      if (!events || ended) return false;
      if (broken) return tell_error();
      if (writing) {
        flying.erase(0, accept(flying));
        if (flying.empty()) {
          writing = false;
          events->on_written();
          return true;
        }
      }
      if (!reading) return false;
      if (!input.empty()) return tell_data();
      if (!eof) return false;
      reading = false;
      eof = false;
      events->on_eof();
      return true;
    }
    bool tell_error() {
      ended = true;
      reading = false;
      events->on_error(std::make_error_code(std::errc::connection_reset));
      return true;
    }
    bool tell_data() {
      if (!operate()) return tell_error();
      io::stream_events* const asked = events;
      const auto space = asked->read_space();
      if (events != asked || !reading) return true;
      assert(!space.empty());
      std::string& next = input.front();
      const auto count = std::min(next.size(), space.size());
      const auto bytes = as_bytes(next).first(count);
      std::copy(bytes.begin(), bytes.end(), space.begin());
      next.erase(0, count);
      if (next.empty()) input.pop_front();
      events->on_data(count);
      return true;
    }
  };

  class near_end final : public io::stream {
   public:
    explicit near_end(std::shared_ptr<shared_state> state) : state_(std::move(state)) {}
    ~near_end() override {
      state_->closed = true;
      state_->events = nullptr;
    }

    void set_events(io::stream_events* events) override {
      if (!events) state_->reading = false;
      state_->events = events;
    }
    void start_reading() override {
      if (!state_->ended) state_->reading = true;
    }
    void stop_reading() override { state_->reading = false; }
    std::size_t try_write(std::array<std::span<const std::byte>, 2> bytes) override {
      assert(!state_->shut_down);
      if (state_->writing || state_->ended) return 0;
      ++state_->writes;
      if (!state_->operate()) return 0;
      const auto first = state_->accept(as_text(bytes[0]));
      return first < bytes[0].size() ? first : first + state_->accept(as_text(bytes[1]));
    }
    void write(buffer bytes) override {
      assert(!state_->writing && !state_->shut_down);
      if (state_->broken || state_->ended || !state_->operate()) return;
      state_->writing = true;
      state_->flying = as_text(bytes.bytes());
    }
    std::size_t unsent() const override { return state_->flying.size(); }
    void shutdown() override { state_->shut_down = true; }
    void abort() override {
      state_->aborted = true;
      state_->reading = false;
      state_->events = nullptr;
    }
    address local_address() const override { return {"127.0.0.1", 1}; }
    address remote_address() const override { return {"127.0.0.1", 2}; }

   private:
    std::shared_ptr<shared_state> state_;
  };

  std::shared_ptr<shared_state> state_;
};

}  // namespace duplex::test
