// A speech server on a thread and a port of its own, and a client of its live streams.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <duplex/coro/scope.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/sync/client.hpp>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "speech/models.hpp"
#include "speech/recognizers/scripted.hpp"
#include "speech/server.hpp"

namespace duplex::speech {

inline std::shared_ptr<const recognizer> scripted(script lines = {}) {
  return std::make_shared<scripted_recognizer>(std::move(lines));
}

/// What a server warns of, each as `connection message`. Must outlive the server.
class warnings {
 public:
  logger log() {
    return {
        [this](const log_record& record) {
          const std::lock_guard lock(mutex_);
          told_.push_back(std::string(record.connection_id) + " " + std::string(record.message));
        },
        log_level::warning};
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> told_;
};

/// Dropped at the end of the test; `drain` ends it in good order.
class running_server {
 public:
  explicit running_server(std::vector<std::shared_ptr<const recognizer>> models,
                          server_options options = {})
      : models_(std::move(models)) {
    options.host = "127.0.0.1";
    options.port = 0;
    options.session_log = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      log_.push_back(nlohmann::json::parse(line));
      logged_.notify_all();
    };
    std::promise<void> listening;
    thread_ = std::thread(
        [&, given = std::move(options)]() mutable { serve(std::move(given), listening); });
    listening.get_future().get();
  }
  explicit running_server(std::shared_ptr<const recognizer> model, server_options options = {})
      : running_server(std::vector{std::move(model)}, std::move(options)) {}

  ~running_server() {
    loop_.post([this] { ended_ = true; });
    thread_.join();
  }

  const model_set& models() const { return models_; }
  std::string uri(const std::string& path) const {
    return "ws://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::uint16_t port() const { return port_; }
  sync::client_connection connect(const std::string& path = "/",
                                  connect_options options = {}) const {
    options.max_size = std::nullopt;
    return sync::connect(uri(path), options);
  }
  /// A connected socket, which is the caller's, that keeps little of what comes where that is said.
  int connected_socket(int receive_buffer = 0) const {
    const int to = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer != 0)
      ::setsockopt(to, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(to, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
    return to;
  }

  void drain(std::chrono::milliseconds within) {
    loop_.post([this, within] { server_->drain(within); });
  }
  /// Waits until the server has ended by itself, after `drain`.
  void wait_for_end() { end_.get_future().get(); }

  /// What was logged of sessions, once there are so many lines.
  std::vector<nlohmann::json> wait_for_log(std::size_t lines) {
    std::unique_lock lock(mutex_);
    if (!logged_.wait_for(lock, std::chrono::seconds(60), [&] { return log_.size() >= lines; }))
      throw std::runtime_error("only " + std::to_string(log_.size()) + " lines were logged");
    return log_;
  }

 private:
  task<> tell_end() {
    co_await server_->wait_closed();
    end_.set_value();
  }

  void serve(server_options options, std::promise<void>& listening) {
    io::loop loop;
    speech_server server(models_, std::move(options));
    server_ = &server;
    port_ = server.port();
    loop_ = loop.handle();
    scope waiting;
    waiting.spawn(tell_end());
    listening.set_value();
    loop.run_until([this] { return ended_; });
  }

  model_set models_;
  std::uint16_t port_ = 0;
  speech_server* server_ = nullptr;
  io::loop_handle loop_;
  bool ended_ = false;  // of the loop's thread
  std::promise<void> end_;
  std::mutex mutex_;
  std::condition_variable logged_;
  std::vector<nlohmann::json> log_;
  std::thread thread_;
};

/// A client of `/v1/stream`, message by message.
class stream_client {
 public:
  explicit stream_client(const running_server& server, const std::string& query = "",
                         connect_options options = {})
      : ws_(server.connect("/v1/stream" + query, options)) {}

  sync::client_connection& ws() { return ws_; }
  void say(const nlohmann::json& message) { ws_.send(message.dump()); }
  void start(nlohmann::json fields = nlohmann::json::object()) {
    nlohmann::json message{{"type", "start"}, {"format", "pcm_s16le"}, {"rate", 16000}};
    message.update(fields);
    say(message);
  }
  /// So much sound.
  void speak(std::chrono::milliseconds time) {
    const std::string audio(static_cast<std::size_t>(time.count()) * 32, '\1');
    ws_.send(as_bytes(audio));
  }
  nlohmann::json next() { return nlohmann::json::parse(ws_.recv(std::chrono::seconds(60)).text()); }
  /// The next message of that type; those before it are dropped.
  nlohmann::json next(const std::string& type) {
    for (;;) {
      auto message = next();
      if (message["type"] == type) return message;
    }
  }
  /// All messages up to the close.
  std::vector<nlohmann::json> rest() {
    std::vector<nlohmann::json> messages;
    try {
      for (;;) messages.push_back(next());
    } catch (const connection_closed&) {
    }
    return messages;
  }
  int close_code() { return ws_.close_code().value_or(0); }

 private:
  sync::client_connection ws_;
};

}  // namespace duplex::speech
