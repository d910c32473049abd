#include "speech/request/handler.hpp"

#include <exception>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "speech/audio/wav_writer.hpp"
#include "speech/request/base64.hpp"
#include "speech/request/request.hpp"
#include "speech/transcription.hpp"

namespace duplex::speech {
namespace {

using json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

std::string write(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string write_error(const nlohmann::json& id, error_code code, std::string_view message) {
  json reply{{"text", ""}, {"state", "error"}};
  if (!id.is_null()) reply["id"] = id;
  reply["error"] = {{"code", to_string(code)}, {"message", message}};
  return write(reply);
}

json segments_of(const transcription& result) {
  json segments = json::array();
  for (const auto& it : result.segments) {
    segments.push_back({{"text", it.text}, {"start_ms", it.start_ms}, {"end_ms", it.end_ms}});
  }
  return segments;
}

// A last field, put there without the copies that a JSON value of that size would cost.
void append_audio(std::string& reply, const std::string& wav) {
  reply.pop_back();  // the closing brace
  reply += ",\"audio_base64\":\"";
  append_base64(reply, std::as_bytes(std::span(wav)));
  reply += "\"}";
}

std::string answer(const request& asked, const recognizer& model, const request_limits& limits,
                   milliseconds queued, const std::stop_token& stop) {
  const auto started = clock::now();
  require_language(asked.lang, model);
  wav_writer copy;
  const transcription result = transcribe(
      asked.audio, model,
      {.longest = limits.max_audio, .copy = asked.return_audio ? &copy : nullptr, .stop = stop});
  const auto decode_time = std::chrono::duration_cast<milliseconds>(clock::now() - started);

  json reply{{"text", result.text()}, {"state", "success"}};
  if (!asked.id.is_null()) reply["id"] = asked.id;
  reply["duration_ms"] = to_ms(result.samples);
  reply["lang"] = model.language();
  reply["model"] = model.name();
  reply["segments"] = segments_of(result);
  reply["timing"] = {{"queue_ms", queued.count()}, {"decode_ms", decode_time.count()}};
  std::string text = write(reply);
  if (asked.return_audio) append_audio(text, copy.take());
  return text;
}

}  // namespace

std::string request_handler::respond(buffer message, milliseconds queued,
                                     const std::stop_token& stop) const {
  request asked;
  try {
    throw_if_stopped(stop);
    parse_request(message, asked);
    const recognizer& model =
        asked.model.empty() ? models_->default_model() : models_->find(asked.model);
    return answer(asked, model, limits_, queued, stop);
  } catch (const speech_error& error) {
    return write_error(asked.id, error.code(), error.what());
  } catch (const std::exception& error) {
    return write_error(asked.id, error_code::engine_failed, error.what());
  }
}

std::string error_reply(error_code code, const std::string& message) {
  return write_error({}, code, message);
}

}  // namespace duplex::speech
