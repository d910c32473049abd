// What was said in a recording, and the forms in which it is written down.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "speech/recognizer.hpp"

namespace duplex::cli::transcribe {

struct transcript {
  std::string file;
  std::string model;
  std::string language;
  std::int64_t audio_ms = 0;                       ///< how much of the recording was heard
  bool complete = false;                           ///< whether that is all
  std::vector<speech::final_transcript> segments;  ///< those with a text, each of which is one line
};

/// Appends a segment as one line of text; not one without text.
void append(transcript& to, speech::final_transcript segment);

/// What a recording's transcript does not show, of which so many milliseconds were heard and so
/// many more promised: that it was cut, or has no speech. Empty if there is nothing to say.
std::string remark(std::int64_t heard_ms, std::int64_t missing_ms, bool has_speech);

enum class form { text, json, srt, vtt };

/// The form of that name: one of the enumerators', or else text.
form form_of(std::string_view name);
/// What the name of a file in this form ends in, with its dot.
std::string_view extension(form in);

/// A line for each segment.
std::string write_text(const transcript& from);
/// An object on one line.
std::string write_json(const transcript& from);
/// SubRip: numbered subtitles.
std::string write_srt(const transcript& from);
/// WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format").
std::string write_vtt(const transcript& from);

std::string write(const transcript& from, form in);

}  // namespace duplex::cli::transcribe
