#include "speech/request/handler.hpp"

#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "speech/audio/reader.hpp"
#include "speech/audio/wav_writer.hpp"
#include "speech/request/base64.hpp"
#include "speech/request/request.hpp"

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

void require_language(std::string_view lang, const recognizer& model) {
  const std::string_view primary = lang.substr(0, lang.find_first_of("-_"));
  if (lang.empty() || lang == "auto" || primary == model.language()) return;
  throw speech_error(error_code::bad_field, "lang: model " + std::string(model.name()) +
                                                " understands " + std::string(model.language()) +
                                                ", not " + std::string(lang));
}

struct transcript {
  std::vector<transcript_event> events;
  std::int64_t samples = 0;
};

// Straight from the file's bytes into the recogniser; a copy for the client only if it wants one.
transcript transcribe(std::span<const std::byte> audio, const recognizer& model, wav_writer* copy,
                      const std::stop_token& stop) {
  constexpr std::int64_t most_samples =
      std::chrono::seconds(max_audio_length).count() * sample_rate;
  transcript result;
  const auto keep = [&](std::vector<transcript_event> events) {
    for (auto& event : events) result.events.push_back(std::move(event));
  };
  audio_reader reader(audio);
  const auto recognition = model.start();
  for (auto block = reader.next(); !block.empty(); block = reader.next()) {
    result.samples += static_cast<std::int64_t>(block.size());
    if (result.samples > most_samples) {
      throw speech_error(
          error_code::bad_audio,
          "audio is longer than " + std::to_string(max_audio_length.count()) + " hours");
    }
    if (copy != nullptr) copy->write(block);
    keep(recognition->accept(block, stop));
  }
  keep(recognition->finish(stop));
  return result;
}

json segments_of(const std::vector<transcript_event>& events) {
  json segments = json::array();
  for (const auto& [text, start_ms, end_ms] : events) {
    segments.push_back({{"text", text}, {"start_ms", start_ms}, {"end_ms", end_ms}});
  }
  return segments;
}

std::string joined_text(const std::vector<transcript_event>& events) {
  std::string text;
  for (const auto& event : events) text += (text.empty() ? "" : " ") + event.text;
  return text;
}

// A last field, put there without the copies that a JSON value of that size would cost.
void append_audio(std::string& reply, const std::string& wav) {
  reply.pop_back();  // the closing brace
  reply += ",\"audio_base64\":\"";
  append_base64(reply, std::as_bytes(std::span(wav)));
  reply += "\"}";
}

std::string answer(const request& asked, const model_set& models, milliseconds queued,
                   const std::stop_token& stop) {
  const auto started = clock::now();
  const recognizer& model = asked.model.empty() ? models.default_model() : models.find(asked.model);
  require_language(asked.lang, model);
  wav_writer wav;
  const transcript result =
      transcribe(asked.audio, model, asked.return_audio ? &wav : nullptr, stop);
  const auto decode_time = std::chrono::duration_cast<milliseconds>(clock::now() - started);

  json reply{{"text", joined_text(result.events)}, {"state", "success"}};
  if (!asked.id.is_null()) reply["id"] = asked.id;
  reply["duration_ms"] = to_ms(result.samples);
  reply["lang"] = model.language();
  reply["model"] = model.name();
  reply["segments"] = segments_of(result.events);
  reply["timing"] = {{"queue_ms", queued.count()}, {"decode_ms", decode_time.count()}};
  std::string text = write(reply);
  if (asked.return_audio) append_audio(text, wav.take());
  return text;
}

}  // namespace

std::string request_handler::respond(buffer message, milliseconds queued,
                                     const std::stop_token& stop) const {
  request asked;
  try {
    throw_if_stopped(stop);
    parse_request(message, asked);
    return answer(asked, *models_, queued, stop);
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
