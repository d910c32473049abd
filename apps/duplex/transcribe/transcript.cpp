#include "transcribe/transcript.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "speech/audio/reader.hpp"
#include "speech/join.hpp"
#include "transcribe/subtitles.hpp"

namespace duplex::cli::transcribe {
namespace {

using json = nlohmann::ordered_json;

// 00:01:02,345 in SubRip, 00:01:02.345 in WebVTT. Hours have more than two digits from 100 on.
std::string clock(std::int64_t ms, char point) {
  char text[40];
  std::snprintf(
      text, sizeof text, "%02ju:%02ju:%02ju%c%03ju", static_cast<std::uintmax_t>(ms / 3600'000),
      static_cast<std::uintmax_t>(ms / 60'000 % 60), static_cast<std::uintmax_t>(ms / 1000 % 60),
      point, static_cast<std::uintmax_t>(ms % 1000));
  return text;
}

std::string timing(const subtitle& of, char point) {
  return clock(of.start_ms, point) + " --> " + clock(of.end_ms, point) + "\n";
}

std::string lines(const subtitle& of) {
  std::string text;
  for (const auto& line : of.lines) text += line + "\n";
  return text + "\n";
}

// WebVTT, section 4.2.2: what begins a tag or a character reference. It takes the arrow apart, too,
// which only timings may have.
std::string escaped_for_vtt(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

void append(transcript& to, speech::final_transcript segment) {
  for (char& c : segment.text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  if (segment.text.find_first_not_of(' ') == std::string::npos) return;
  to.segments.push_back(std::move(segment));
}

std::string remark(std::int64_t heard_ms, std::int64_t missing_ms, bool has_speech) {
  std::string text;
  if (speech::is_cut(missing_ms)) {
    char times[100];
    std::snprintf(
        times, sizeof times, "is cut off: its header promises %.1f s, and %.1f s are there",
        static_cast<double>(heard_ms + missing_ms) / 1000, static_cast<double>(heard_ms) / 1000);
    text = times;
  }
  if (!has_speech) text += std::string(text.empty() ? "" : "; ") + "no speech was heard";
  return text;
}

form form_of(std::string_view name) {
  if (name == "json") return form::json;
  if (name == "srt") return form::srt;
  if (name == "vtt") return form::vtt;
  return form::text;
}

std::string_view extension(form in) {
  switch (in) {
    case form::text:
      return ".txt";
    case form::json:
      return ".json";
    case form::srt:
      return ".srt";
    case form::vtt:
      break;
  }
  return ".vtt";
}

std::string write_text(const transcript& from) {
  std::string text;
  for (const auto& segment : from.segments) text += segment.text + "\n";
  return text;
}

std::string write_json(const transcript& from) {
  std::string text;
  auto segments = json::array();
  for (const auto& each : from.segments) {
    speech::append_segment(text, each.text);
    json segment{{"text", each.text}, {"start_ms", each.start_ms}, {"end_ms", each.end_ms}};
    for (const auto& [word, start_ms, end_ms] : each.words) {
      segment["words"].push_back({{"text", word}, {"start_ms", start_ms}, {"end_ms", end_ms}});
    }
    segments.push_back(std::move(segment));
  }
  const json object{{"file", from.file},
                    {"model", from.model},
                    {"lang", from.language},
                    {"duration_ms", from.audio_ms},
                    {"complete", from.complete},
                    {"text", text},
                    {"segments", std::move(segments)}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string write_srt(const transcript& from) {
  std::string text;
  std::size_t number = 0;
  for (const auto& each : subtitles_of(from.segments)) {
    text += std::to_string(++number) + "\n" + timing(each, ',') + lines(each);
  }
  return text;
}

std::string write_vtt(const transcript& from) {
  std::string text = "WEBVTT\n\n";
  for (const auto& each : subtitles_of(from.segments)) {
    text += timing(each, '.') + escaped_for_vtt(lines(each));
  }
  return text;
}

std::string write(const transcript& from, form in) {
  switch (in) {
    case form::text:
      return write_text(from);
    case form::json:
      return write_json(from);
    case form::srt:
      return write_srt(from);
    case form::vtt:
      break;
  }
  return write_vtt(from);
}

}  // namespace duplex::cli::transcribe
