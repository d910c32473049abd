#include "speech/request/request.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "speech/error.hpp"
#include "speech/request/base64.hpp"

namespace duplex::speech {
namespace {

namespace ondemand = simdjson::ondemand;
using nlohmann::json;

constexpr std::size_t longest_text = 256;  // of an id, a model's name or a language

[[noreturn]] void refuse(error_code code, const std::string& message) {
  throw speech_error(code, message);
}

[[noreturn]] void refuse_type(std::string_view field, std::string_view expected,
                              const json& value) {
  refuse(error_code::bad_field, std::string(field) + " must be " + std::string(expected) +
                                    ", not of type " + value.type_name());
}

// The value as it stands in the message.
std::string_view raw(ondemand::value value) {
  switch (ondemand::json_type(value.type())) {
    case ondemand::json_type::array: {
      ondemand::array array = value.get_array();
      return array.raw_json();
    }
    case ondemand::json_type::object: {
      ondemand::object object = value.get_object();
      return object.raw_json();
    }
    default: {
      const std::string_view text = value.raw_json_token();  // with the white space that follows it
      return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    }
  }
}

json parse(std::string_view text) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded())
    refuse(error_code::bad_json, "not JSON: " + std::string(text.substr(0, 40)));
  return value;
}

std::string short_text(std::string_view field, const json& value) {
  if (value.is_null()) return {};
  if (!value.is_string()) refuse_type(field, "a string", value);
  auto text = value.get<std::string>();
  if (text.size() > longest_text) {
    refuse(error_code::bad_field,
           std::string(field) + " is longer than " + std::to_string(longest_text) + " bytes");
  }
  return text;
}

// Before a value is built from it: what a few bytes of JSON say can take a hundred of memory.
void require_short(std::string_view field, std::string_view text) {
  constexpr std::size_t escaped = 6;  // \uXXXX for a byte
  if (text.size() <= escaped * longest_text + 2) return;
  refuse(error_code::bad_field,
         std::string(field) + " is longer than " + std::to_string(longest_text) + " bytes");
}

json id_of(const json& value) {
  if (value.is_string()) return short_text("id", value);
  if (!value.is_number() && !value.is_null()) refuse_type("id", "a string or a number", value);
  return value;
}

bool flag(std::string_view field, const json& value) {
  if (value.is_null()) return false;
  if (!value.is_boolean()) refuse_type(field, "true or false", value);
  return value.get<bool>();
}

// Reads every field, so that a bad one does not hide the id behind it; the first bad one is thrown
// at the end.
class field_reader {
 public:
  field_reader(buffer& message, request& to) : message_(message), to_(to) {}

  void read() {
    message_.reserve(message_.size() + simdjson::SIMDJSON_PADDING);
    ondemand::parser parser;
    ondemand::document document = parser.iterate(simdjson::padded_string_view(
        as_text(message_.bytes()).data(), message_.size(), message_.capacity()));
    if (document.type() != ondemand::json_type::object)
      refuse(error_code::bad_json, "message is not a JSON object");
    for (auto field : document.get_object()) {
      const std::string_view key = field.unescaped_key();
      try {
        read_field(key, field.value());
      } catch (const speech_error& error) {
        if (error.code() != error_code::bad_field) throw;
        if (!first_error_) first_error_ = error;
      }
    }
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
      refuse(error_code::bad_json, "more follows the JSON object");
    }
    if (first_error_) throw *first_error_;
    if (audio_.data() == nullptr) refuse(error_code::bad_field, "audio_base64 is missing");
    to_.audio = decode_base64_in_place(audio_);
  }

 private:
  void read_field(std::string_view key, ondemand::value value) {
    const auto known = std::ranges::find(names, key);
    if (known != names.end() &&
        std::exchange(seen_[static_cast<std::size_t>(known - names.begin())], true)) {
      refuse(error_code::bad_field, std::string(key) + " is there twice");
    }
    if (key == "audio_base64") return read_audio(value);
    const std::string_view text = raw(value);
    if (known != names.end()) require_short(key, text);
    if (key == "id") {
      to_.id = id_of(parse(text));
    } else if (key == "model") {
      to_.model = short_text(key, parse(text));
    } else if (key == "lang") {
      to_.lang = short_text(key, parse(text));
    } else if (key == "return_audio") {
      to_.return_audio = flag(key, parse(text));
    } else if (!json::accept(text)) {
      refuse(error_code::bad_json,
             "the value of " + std::string(key.substr(0, longest_text)) + " is not JSON");
    }
  }

  // Hours of audio: the characters stay where they are in the message.
  void read_audio(ondemand::value value) {
    const std::string_view text = raw(value);
    if (!text.starts_with('"')) {
      require_short("audio_base64", text);
      const json other = parse(text);
      if (!other.is_null()) refuse_type("audio_base64", "a string", other);
      return;
    }
    if (text.size() < 2 || !text.ends_with('"'))
      refuse(error_code::bad_json, "string without an end");
    char* const begin = const_cast<char*>(text.data()) + 1;  // our own message
    std::size_t size = text.size() - 2;
    if (text.find('\\') != std::string_view::npos) {  // such as \/, which some encoders write for /
      const std::string_view unescaped = value.get_string();
      size = unescaped.copy(begin, unescaped.size());
    }
    audio_ = {begin, size};
  }

  static constexpr std::array<std::string_view, 5> names{"audio_base64", "id", "model", "lang",
                                                         "return_audio"};

  buffer& message_;
  request& to_;
  std::array<bool, names.size()> seen_{};
  std::span<char> audio_;
  std::optional<speech_error> first_error_;
};

}  // namespace

void parse_request(buffer& message, request& to) {
  try {
    field_reader(message, to).read();
  } catch (const simdjson::simdjson_error& error) {
    refuse(error_code::bad_json, std::string("not JSON: ") + error.what());
  }
}

}  // namespace duplex::speech
