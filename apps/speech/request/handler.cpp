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

}  // namespace

struct answering::work {
  work(buffer text, std::shared_ptr<memory_share> held)
      : message(std::move(text)), memory(std::move(held)) {}

  buffer message;
  std::shared_ptr<memory_share> memory;
  std::size_t of_message = memory ? memory->bytes() : 0;
  request asked = {};
  const recognizer* model = nullptr;
  wav_writer copy = {};
  std::optional<transcriber> audio = {};  // once the message was read
};

answering::answering(const request_handler& handler, buffer message,
                     std::shared_ptr<memory_share> memory)
    : handler_(handler), work_(std::make_unique<work>(std::move(message), std::move(memory))) {}

answering::~answering() = default;

std::optional<std::string> answering::step(const std::stop_token& stop) {
  const auto began = clock::now();
  try {
    throw_if_stopped(stop);
    const bool goes_on = work_->audio ? work_->audio->step(stop) : begin();
    worked_ += clock::now() - began;
    if (work_->asked.return_audio) hold_copy();
    if (goes_on) return std::nullopt;
    return succeed();
  } catch (const speech_error& error) {
    return fail(error);
  } catch (const std::exception& error) {
    return fail(speech_error(error_code::engine_failed, error.what()));
  }
}

bool answering::begin() {
  request& asked = work_->asked;
  parse_request(work_->message, asked);
  const model_set& models = handler_.models();
  work_->model = asked.model.empty() ? &models.default_model() : &models.find(asked.model);
  require_language(asked.lang, *work_->model);
  work_->audio.emplace(asked.audio, *work_->model,
                       transcribe_options{.longest = handler_.limits().max_audio,
                                          .copy = asked.return_audio ? &work_->copy : nullptr});
  return true;
}

// After what was read, as a WAV file and its base64.
void answering::hold_copy() {
  const auto most = handler_.limits().max_returned;
  const auto samples = static_cast<std::size_t>(work_->audio->result().samples);
  if (samples > static_cast<std::size_t>(most.count()) * sample_rate) {
    throw speech_error(error_code::bad_field, "return_audio is for at most " +
                                                  std::to_string(most.count()) + " s of audio");
  }
  const std::size_t wav = 2 * samples;
  if (work_->memory && !work_->memory->resize(work_->of_message + wav + wav / 3 * 4)) {
    throw speech_error(error_code::overloaded, no_memory_for_requests);
  }
}

std::string answering::succeed() {
  const transcription& result = work_->audio->result();
  const recognizer& model = *work_->model;
  const auto in_ms = [](clock::duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  json reply{{"text", result.text()}, {"state", "success"}};
  if (!work_->asked.id.is_null()) reply["id"] = work_->asked.id;
  reply["duration_ms"] = to_ms(result.samples);
  reply["complete"] = !is_cut(result.missing_ms);
  reply["lang"] = model.language();
  reply["model"] = model.name();
  reply["segments"] = segments_of(result);
  reply["timing"] = {{"queue_ms", in_ms(clock::now() - received_ - worked_)},
                     {"decode_ms", in_ms(worked_)}};
  std::string text = write(reply);
  if (work_->asked.return_audio) append_audio(text, work_->copy.take());
  return text;
}

std::string answering::fail(const speech_error& error) {
  failure_ = error;
  return write_error(work_->asked.id, error.code(), error.what());
}

std::string request_handler::respond(buffer message, const std::stop_token& stop) const {
  answering work(*this, std::move(message));
  for (;;) {
    if (auto reply = work.step(stop)) return std::move(*reply);
  }
}

std::string error_reply(error_code code, const std::string& message) {
  return write_error({}, code, message);
}

}  // namespace duplex::speech
