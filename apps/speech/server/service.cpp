#include "speech/server/service.hpp"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

namespace duplex::speech {
namespace {

using std::chrono::milliseconds;

milliseconds in_ms(std::chrono::steady_clock::duration time) {
  return std::chrono::duration_cast<milliseconds>(time);
}

void keep_largest(std::optional<milliseconds>& place, milliseconds value) {
  place = std::max(place.value_or(value), value);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace

// A session's way to the scheduler. Its end, which is the end of the session's work, is logged once
// the session has said why.
class service::stream final : public stream_port {
 public:
  stream(service& of, std::weak_ptr<session> owner, std::shared_ptr<session_record> record,
         std::shared_ptr<live_stream> work)
      : service_(of),
        owner_(std::move(owner)),
        id_(owner_.lock()->identity().id),
        record_(std::move(record)),
        work_(std::move(work)) {
    ++service_.metrics_.sessions;
    ++service_.metrics_.sessions_total;
  }

  ~stream() override {
    service_.scheduler_.cancel(*work_);
    --service_.metrics_.sessions;
    service_.post([&service = service_, id = id_, ended = owner_.lock(), record = record_] {
      service.records_.erase(id);
      service.count_audio(*record);
      if (ended) service.log_end(*ended, *record);
      service.endings_.wake_all();
    });
  }

  void audio(buffer bytes) override {
    work_->put(std::move(bytes));
    service_.scheduler_.wake(work_);
  }
  void flush() override {
    work_->flush();
    service_.scheduler_.wake(work_);
  }
  void finish() override {
    work_->finish();
    service_.scheduler_.wake(work_);
  }
  void set_partials(milliseconds interval) override {
    work_->set_partials(interval);
    service_.scheduler_.wake(work_);
  }

 private:
  service& service_;
  std::weak_ptr<session> owner_;
  std::string id_;
  std::shared_ptr<session_record> record_;
  std::shared_ptr<live_stream> work_;
};

// Ends sessions that nobody came back to.
class service::store_timer final : private coro::timer {
 public:
  explicit store_timer(session_store& store) : timer(coro::executor::current()), store_(store) {}

  void refresh() {
    if (const auto at = store_.deadline()) {
      arm(*at);
    } else {
      disarm();
    }
  }

 private:
  void expired() override {
    store_.advance(std::chrono::steady_clock::now());
    refresh();
  }

  session_store& store_;
};

service::service(const model_set& models, service_options options)
    : options_(std::move(options)),
      loop_(io::loop::current().handle()),
      handler_(models, options_.requests),
      request_memory_(std::make_shared<memory_budget>(options_.request_memory)),
      scheduler_(options_.threads, [this](const scheduler::turn& turn) { metrics_.observe(turn); }),
      store_(
          models,
          [this](const recognizer& model, const start_message& start,
                 std::weak_ptr<session> owner) {
            return start_stream(model, start, std::move(owner));
          },
          options_.store,
          [this](error_code code, std::string_view message, const std::string& id) {
            note(code, message, id);
          }),
      store_timer_(std::make_unique<store_timer>(store_)) {}

service::~service() = default;

void service::post(std::function<void()> function) const {
  loop_.post([alive = std::weak_ptr(alive_), function = std::move(function)] {
    if (!alive.expired()) function();
  });
}

void service::note(error_code code, std::string_view message, const std::string& id) {
  metrics_.count(code);
  if (code == error_code::engine_failed || code == error_code::internal) {
    write_log(options_.logger, log_level::error,
              std::string(to_string(code)) + ": " + std::string(message), id);
  }
}

std::string service::metrics_text() const {
  return metrics_.text([this](urgency of) { return scheduler_.waiting(of); },
                       options_.lines_dropped ? options_.lines_dropped() : 0);
}

bool service::enter(drainable& connection) {
  const bool fits = !is_full() && !draining_;
  connections_.insert(&connection);
  ++metrics_.connections;
  return fits;
}

void service::leave(drainable& connection) {
  connections_.erase(&connection);
  --metrics_.connections;
  endings_.wake_all();
}

std::shared_ptr<memory_budget> service::request_memory(const std::string& network) {
  std::erase_if(shares_, [](const auto& each) { return each.second.expired(); });
  auto share = shares_[network].lock();
  if (!share) {
    share = std::make_shared<memory_budget>(request_memory_->most() / 2, request_memory_);
    shares_[network] = share;
  }
  return share;
}

session_record* service::record_of(const session* of) {
  const auto found = of == nullptr ? records_.end() : records_.find(of->identity().id);
  return found == records_.end() ? nullptr : found->second.get();
}

void service::watch_store() { store_timer_->refresh(); }

void service::drain(time_point deadline) {
  if (draining_) return;
  draining_ = true;
  metrics_.draining = 1;
  store_.drain();
  const std::vector<drainable*> all(connections_.begin(), connections_.end());
  for (drainable* each : all) each->drain(deadline);
}

std::unique_ptr<stream_port> service::start_stream(const recognizer& model,
                                                   const start_message& start,
                                                   std::weak_ptr<session> owner) {
  auto tell_session = [this, owner](std::vector<told_event> events) {
    post([this, owner, events = std::move(events)] {
      if (const auto to = owner.lock()) tell(*to, events);
    });
  };
  auto work = std::make_shared<live_stream>(model.start(start.cuts), start.format, start.partials,
                                            std::move(tell_session));
  auto record = std::make_shared<session_record>();
  record->begun = std::chrono::steady_clock::now();
  record->stream = work;
  records_[owner.lock()->identity().id] = record;
  return std::make_unique<stream>(*this, std::move(owner), std::move(record), std::move(work));
}

void service::tell(session& to, const std::vector<told_event>& events) {
  if (session_record* record = record_of(&to)) count_audio(*record);
  for (const told_event& each : events) {
    if (session_record* record = record_of(&to)) measure(*record, each);
    to.handle(each.what, in_ms(each.lag), std::chrono::steady_clock::now());
  }
}

void service::measure(session_record& record, const told_event& event) {
  const auto now = std::chrono::steady_clock::now();
  if (std::holds_alternative<speech_started>(event.what)) {
    record.sound_at = now - event.lag;
  } else if (std::holds_alternative<partial_transcript>(event.what)) {
    ++metrics_.partials_total;
    metrics_.partial_lag.observe(event.lag);
    if (!record.sound_at) return;
    metrics_.first_partial.observe(now - *record.sound_at);
    keep_largest(record.first_partial, in_ms(now - *record.sound_at));
    record.sound_at.reset();
  } else if (std::holds_alternative<final_transcript>(event.what)) {
    ++metrics_.finals_total;
    metrics_.final_lag.observe(event.lag);
    keep_largest(record.final_lag, in_ms(event.lag));
  } else if (std::holds_alternative<stream_finished>(event.what)) {
    metrics_.stop_to_done.observe(event.lag);
    record.stop_to_done = in_ms(event.lag);
  }
}

void service::count_audio(session_record& record) {
  const std::int64_t heard = record.stream->heard_ms();
  const std::int64_t more = heard - std::exchange(record.audio_ms, heard);
  metrics_.audio_seconds_total += static_cast<double>(more) / 1000;
}

void service::log_end(const session& ended, const session_record& record) {
  if (!options_.session_log) return;
  const auto& said = ended.stats();
  const auto length = std::chrono::steady_clock::now() - record.begun;
  const std::uint16_t close_code = ended.close() ? ended.close()->code : record.close_code;
  nlohmann::ordered_json line{
      {"event", "session"},
      {"time", utc_now()},
      {"id", ended.identity().id},
      {"peer", record.peer},
      {"model", ended.effective().model},
      {"duration_ms", in_ms(length).count()},
      {"audio_ms", record.audio_ms},
      {"segments", said.finals},
      {"partials", said.partials},
      {"connections", record.connections},
      {"close_code", close_code},
  };
  if (ended.failure()) line["error"] = to_string(*ended.failure());
  const auto add = [&](const char* name, const std::optional<milliseconds>& value) {
    if (value) line[name] = value->count();
  };
  add("first_partial_max_ms", record.first_partial);
  add("final_lag_max_ms", record.final_lag);
  add("stop_to_done_ms", record.stop_to_done);
  options_.session_log(line.dump());
}

}  // namespace duplex::speech
