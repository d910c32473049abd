// The one-message request: JSON text in, its fields and its audio out.
#pragma once

#include <cstddef>
#include <duplex/buffer.hpp>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace duplex::speech {

/// What a client asks for. All fields but the audio are optional; null counts as absent, unknown
/// ones are ignored.
struct request {
  nlohmann::json id;          ///< `id`: a string or a number, to be sent back; null if absent.
  std::string model;          ///< `model`: empty if absent.
  std::string lang;           ///< `lang`: empty if absent.
  bool return_audio = false;  ///< `return_audio`
  std::span<const std::byte> audio;  ///< `audio_base64`, decoded: a part of the message it came in.
};

/// Reads `message` into `to`. The audio is decoded in place: `message` is changed, and must outlive
/// `to`; it may be reallocated once, for the parser's padding (64 bytes of spare capacity prevent
/// that).
///
/// Throws `speech_error` with `bad_json`, `bad_field` or `invalid_base64`. Even then `to.id` is
/// filled if the message had a good one and is JSON up to its end.
void parse_request(buffer& message, request& to);

}  // namespace duplex::speech
