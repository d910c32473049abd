#include "speech/session/server_message.hpp"

#include <array>
#include <duplex/close_code.hpp>
#include <nlohmann/json.hpp>

namespace duplex::speech {
namespace {

using json = nlohmann::ordered_json;

json partials_of(std::chrono::milliseconds interval) {
  if (interval.count() == 0) return false;
  return {{"interval_ms", interval.count()}};
}

json effective_of(const start_message& start) {
  json fields{{"format", to_string(start.format.encoding)}};
  fields["rate"] = start.format.rate;
  fields["channels"] = start.format.channels;
  fields["model"] = start.model;
  fields["lang"] = start.lang;
  fields["partials"] = partials_of(start.partials);
  fields["endpoint"] = {{"silence_ms", start.cuts.silence.count()},
                        {"max_ms", start.cuts.longest.count()},
                        {"preroll_ms", start.cuts.preroll.count()},
                        {"patience_ms", start.cuts.patience.count()}};
  fields["words"] = start.words;
  fields["acks"] = start.acks;
  fields["resume"] = start.resume;
  return fields;
}

void add_fields(json& to, const started_event& it) {
  to["session"] = it.session;
  if (!it.resume_token.empty()) to["resume_token"] = it.resume_token;
  to["limits"] = {{"window_ms", it.window.count()},
                  {"window_bytes", it.window_bytes},
                  {"max_msg", it.max_message},
                  {"idle_ms", it.idle.count()},
                  {"max_session_ms", it.longest.count()}};
  to["effective"] = effective_of(it.effective);
}

void add_fields(json& to, const speech_started& it) { to["at_ms"] = it.at_ms; }
void add_fields(json& to, const speech_ended& it) { to["at_ms"] = it.at_ms; }

void add_fields(json& to, const partial_event& it) {
  const partial_transcript& partial = it.transcript;
  to["seg"] = partial.segment;
  to["rev"] = it.revision;
  to["stable"] = partial.text.substr(0, partial.stable);
  to["text"] = partial.text;
  to["start_ms"] = partial.start_ms;
  to["end_ms"] = partial.end_ms;
  to["lag_ms"] = it.lag.count();
}

void add_fields(json& to, const final_event& it) {
  const final_transcript& final = it.transcript;
  to["seg"] = final.segment;
  to["text"] = final.text;
  to["start_ms"] = final.start_ms;
  to["end_ms"] = final.end_ms;
  if (it.words) {
    json& words = to["words"] = json::array();
    for (const auto& [text, start_ms, end_ms] : final.words) {
      words.push_back({{"w", text}, {"s", start_ms}, {"e", end_ms}});
    }
  }
  to["lang"] = it.lang;
  to["lag_ms"] = it.lag.count();
  to["reason"] = to_string(final.reason);
}

void add_fields(json& to, const ack_event& it) {
  to["received"] = it.received;
  to["processed"] = it.processed;
  to["window_ms"] = it.window.count();
}

void add_fields(json& to, const progress_event& it) {
  to["received"] = it.received;
  to["processed"] = it.processed;
}

void add_fields(json& to, const stats_event& it) {
  to["received"] = it.received;
  to["partials"] = it.partials;
  to["finals"] = it.finals;
  to["lag_max_ms"] = it.lag_max.count();
  to["stop_to_done_ms"] = it.stop_to_done.count();
}

void add_fields(json& to, const warning_event& it) {
  to["code"] = to_string(it.code);
  to["in_ms"] = it.in.count();
}

void add_fields(json& to, const draining_event& it) { to["deadline_ms"] = it.deadline.count(); }

void add_fields(json& to, const resumed_event& it) {
  to["received"] = it.received;
  to["replay_from_seq"] = it.replay_from;
}

void add_fields(json& to, const error_event& it) {
  to["code"] = to_string(it.code);
  to["message"] = it.message;
  to["fatal"] = it.fatal;
  if (it.retry_after.count() != 0) to["retry_after_ms"] = it.retry_after.count();
}

void add_fields(json& to, const done_event& it) {
  to["audio_ms"] = it.audio.count();
  to["segments"] = it.segments;
  to["text"] = it.text;
}

}  // namespace

std::string_view type_of(const server_message& message) {
  static constexpr std::array<std::string_view, std::variant_size_v<server_message>> names{
      "started", "speech_start", "speech_end", "partial", "final", "ack", "progress",
      "stats",   "warning",      "draining",   "resumed", "error", "done"};
  return names[message.index()];
}

std::string write(const server_message& message, std::int64_t seq) {
  json fields{{"type", type_of(message)}, {"seq", seq}};
  std::visit([&](const auto& event) { add_fields(fields, event); }, message);
  return fields.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::uint16_t close_code_of(error_code code) {
  switch (code) {
    case error_code::bad_json:
      return static_cast<std::uint16_t>(close_code::invalid_data);
    case error_code::unsupported_format:
    case error_code::bad_audio:
      return static_cast<std::uint16_t>(close_code::unsupported_data);
    case error_code::message_too_big:
      return static_cast<std::uint16_t>(close_code::message_too_big);
    case error_code::engine_failed:
    case error_code::internal:
    case error_code::cancelled:
      return static_cast<std::uint16_t>(close_code::internal_error);
    case error_code::draining:
      return static_cast<std::uint16_t>(close_code::service_restart);
    case error_code::overloaded:
    case error_code::too_many_sessions:
      return static_cast<std::uint16_t>(close_code::try_again_later);
    case error_code::bad_state:
    case error_code::bad_field:
    case error_code::invalid_base64:
    case error_code::unauthorized:
    case error_code::forbidden_origin:
    case error_code::model_not_found:
    case error_code::idle_timeout:
    case error_code::session_limit:
    case error_code::resume_unknown:
    case error_code::resume_expired:
      break;
  }
  return static_cast<std::uint16_t>(close_code::policy_violation);
}

bool is_worth_retrying(error_code code) {
  return code == error_code::overloaded || code == error_code::too_many_sessions ||
         code == error_code::draining;
}

}  // namespace duplex::speech
