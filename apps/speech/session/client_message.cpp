#include "speech/session/client_message.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "speech/error.hpp"
#include "speech/utf8.hpp"

namespace duplex::speech {
namespace {

namespace dom = simdjson::dom;
using std::chrono::milliseconds;

constexpr std::size_t longest_text = 256;  // of a model's name, a language, a session, a token
constexpr std::size_t longest_quote = 60;  // of a wrong value in an error
constexpr milliseconds interval_min{100};  // between partials
constexpr milliseconds interval_max{10'000};

[[noreturn]] void refuse(const std::string& message) {
  throw speech_error(error_code::bad_field, message);
}

std::string shortened(std::string_view text) {
  if (text.size() <= longest_quote) return to_valid_utf8(std::string(text));
  return to_valid_utf8(std::string(text.substr(0, longest_quote))) + "...";
}

// A field on its way to its type. The name is that of the path, such as `endpoint.silence_ms`.
struct field {
  [[noreturn]] void refuse_value(const std::string& expected) const {
    refuse(name + " must be " + expected + ", not " + shortened(simdjson::minify(value)));
  }

  std::int64_t integer(std::int64_t min, std::int64_t max) const {
    std::int64_t number = 0;
    if (value.get(number) != simdjson::SUCCESS || number < min || number > max) {
      refuse_value("an integer from " + std::to_string(min) + " to " + std::to_string(max));
    }
    return number;
  }

  // One whose range is checked later.
  int integer() const {
    std::int64_t number = 0;
    if (value.get(number) != simdjson::SUCCESS || number != static_cast<int>(number)) {
      refuse_value("an integer");
    }
    return static_cast<int>(number);
  }

  bool boolean() const {
    bool flag = false;
    if (value.get(flag) != simdjson::SUCCESS) refuse_value("true or false");
    return flag;
  }

  std::string text() const {
    std::string_view characters;
    if (value.get(characters) != simdjson::SUCCESS || characters.size() > longest_text) {
      refuse_value("a string of at most " + std::to_string(longest_text) + " bytes");
    }
    return std::string(characters);
  }

  dom::object object() const {
    dom::object fields;
    if (value.get(fields) != simdjson::SUCCESS) refuse_value("an object");
    return fields;
  }

  std::string name;
  dom::element value;
};

// How a field of a message, or of an object in one, becomes a part of the result.
template <class Result>
struct rule {
  std::string_view name;
  void (*read)(const field&, Result&);
};

[[noreturn]] void refuse_twice(std::string_view name) {
  refuse(std::string(name) + " is there twice");
}

[[noreturn]] void refuse_unknown(std::string_view whose, const std::string& name,
                                 const auto& known) {
  std::string all;
  for (const auto& each : known) all += (all.empty() ? "" : ", ") + std::string(each.name);
  refuse(std::string(whose) + " has no field " + name + (all.empty() ? "" : "; there are " + all));
}

// Every field of `object` is read by its rule; null counts as absent, but for being there twice.
template <class Result, std::size_t Count>
void read_fields(std::string_view whose, const std::string& prefix, const dom::object& object,
                 const std::array<rule<Result>, Count>& rules, Result& to) {
  std::array<bool, Count> seen{};
  bool typed = false;
  for (const auto [key, value] : object) {
    if (prefix.empty() && key == "type") {
      if (std::exchange(typed, true)) refuse_twice(key);
      continue;
    }
    const auto known = std::ranges::find(rules, key, &rule<Result>::name);
    if (known == rules.end()) refuse_unknown(whose, prefix + shortened(key), rules);
    const std::string name = prefix + std::string(key);
    if (std::exchange(seen[static_cast<std::size_t>(known - rules.begin())], true))
      refuse_twice(name);
    if (!value.is_null()) known->read({name, value}, to);
  }
}

milliseconds interval_of(const field& it) {
  if (it.value.is_int64() && it.integer() == 0) return milliseconds(0);
  return milliseconds(it.integer(interval_min.count(), interval_max.count()));
}

// false: none; true: as usual; an object: as it says.
milliseconds partials_of(const field& it) {
  if (it.value.is_bool()) return it.boolean() ? start_message().partials : milliseconds(0);
  static constexpr std::array<rule<milliseconds>, 1> rules{
      {{"interval_ms", [](const field& f, milliseconds& to) { to = interval_of(f); }}}};
  milliseconds interval = start_message().partials;
  read_fields("partials", "partials.", it.object(), rules, interval);
  return interval;
}

stream_options cuts_of(const field& it) {
  using to = stream_options;
  static constexpr std::array<rule<to>, 4> rules{{
      {"silence_ms", [](const field& f, to& cuts) { cuts.silence = milliseconds(f.integer()); }},
      {"max_ms", [](const field& f, to& cuts) { cuts.longest = milliseconds(f.integer()); }},
      {"preroll_ms", [](const field& f, to& cuts) { cuts.preroll = milliseconds(f.integer()); }},
      {"patience_ms", [](const field& f, to& cuts) { cuts.patience = milliseconds(f.integer()); }},
  }};
  stream_options cuts;
  read_fields("endpoint", "endpoint.", it.object(), rules, cuts);
  check(cuts);
  return cuts;
}

// No model takes words to expect yet: a client that has none to tell may say so.
void require_no_hotwords(const field& it) {
  dom::array words;
  if (it.value.get(words) != simdjson::SUCCESS) it.refuse_value("a list");
  if (words.size() != 0) refuse("hotwords must be empty: no model served here takes them");
}

// A start, and which of its fields were there.
struct start_fields {
  start_message message = {};
  bool format = false;
  bool rate = false;
};

start_message parse_start(const dom::object& object) {
  using to = start_fields;
  static constexpr std::array<rule<to>, 11> rules{{
      {"format",
       [](const field& f, to& start) {
         start.message.format.encoding = parse_pcm_encoding(f.text());
         start.format = true;
       }},
      {"rate",
       [](const field& f, to& start) {
         start.message.format.rate = f.integer();
         start.rate = true;
       }},
      {"channels", [](const field& f, to& start) { start.message.format.channels = f.integer(); }},
      {"model", [](const field& f, to& start) { start.message.model = f.text(); }},
      {"lang", [](const field& f, to& start) { start.message.lang = f.text(); }},
      {"partials", [](const field& f, to& start) { start.message.partials = partials_of(f); }},
      {"endpoint", [](const field& f, to& start) { start.message.cuts = cuts_of(f); }},
      {"words", [](const field& f, to& start) { start.message.words = f.boolean(); }},
      {"hotwords", [](const field& f, to&) { require_no_hotwords(f); }},
      {"acks", [](const field& f, to& start) { start.message.acks = f.boolean(); }},
      {"resume", [](const field& f, to& start) { start.message.resume = f.boolean(); }},
  }};
  start_fields start;
  read_fields("start", "", object, rules, start);
  if (!start.format) refuse("format is missing: such as \"pcm_s16le\"");
  if (!start.rate && start.message.format.encoding != pcm_encoding::automatic) {
    refuse("rate is missing: the samples a second, such as 16000");
  }
  check(start.message.format);
  return start.message;
}

configure_message parse_configure(const dom::object& object) {
  using to = configure_message;
  static constexpr std::array<rule<to>, 2> rules{{
      {"partials", [](const field& f, to& message) { message.partials = partials_of(f); }},
      {"words", [](const field& f, to& message) { message.words = f.boolean(); }},
  }};
  configure_message message;
  read_fields("configure", "", object, rules, message);
  return message;
}

resume_message parse_resume(const dom::object& object) {
  using to = resume_message;
  static constexpr std::array<rule<to>, 3> rules{{
      {"session", [](const field& f, to& message) { message.session = f.text(); }},
      {"token", [](const field& f, to& message) { message.token = f.text(); }},
      {"last_seq",
       [](const field& f, to& message) {
         message.last_seq = f.integer(0, std::numeric_limits<std::int64_t>::max());
       }},
  }};
  resume_message message{.last_seq = -1};
  read_fields("resume", "", object, rules, message);
  if (message.session.empty()) refuse("session is missing");
  if (message.token.empty()) refuse("token is missing");
  if (message.last_seq < 0) refuse("last_seq is missing: 0 where no event arrived");
  return message;
}

// A message that is its type alone.
template <class Message>
Message parse_bare(const dom::object& object) {
  static constexpr std::array<rule<Message>, 0> rules{};
  Message message;
  read_fields(type_of(Message()), "", object, rules, message);
  return message;
}

client_message parse_object(const dom::object& object) {
  dom::element type;
  if (object["type"].get(type) != simdjson::SUCCESS) refuse("type is missing");
  const std::string name = field{"type", type}.text();
  if (name == "start") return parse_start(object);
  if (name == "configure") return parse_configure(object);
  if (name == "flush") return parse_bare<flush_message>(object);
  if (name == "stop") return parse_bare<stop_message>(object);
  if (name == "cancel") return parse_bare<cancel_message>(object);
  if (name == "keepalive") return parse_bare<keepalive_message>(object);
  if (name == "resume") return parse_resume(object);
  refuse("type must be one of start, configure, flush, stop, cancel, keepalive, resume, not " +
         shortened(simdjson::minify(type)));
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '+') {
      decoded += ' ';
    } else if (text[i] == '%' && text.size() - i > 2 &&
               std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// A field of a query, and the object of the message that it stands in there, if any.
struct query_field {
  std::string_view name, object;
};
constexpr std::array query_fields{
    query_field{"format", ""},
    query_field{"rate", ""},
    query_field{"channels", ""},
    query_field{"model", ""},
    query_field{"lang", ""},
    query_field{"partials", ""},
    query_field{"interval_ms", "partials"},
    query_field{"silence_ms", "endpoint"},
    query_field{"max_ms", "endpoint"},
    query_field{"preroll_ms", "endpoint"},
    query_field{"patience_ms", "endpoint"},
    query_field{"words", ""},
    query_field{"acks", ""},
    query_field{"resume", ""},
};

// Where a field of the query stands in the message.
nlohmann::json& place_of(const std::string& name, nlohmann::json& message) {
  const auto known = std::ranges::find(query_fields, name, &query_field::name);
  if (known == query_fields.end()) refuse_unknown("query", shortened(name), query_fields);
  if (known->object.empty()) return message[name];
  nlohmann::json& object = message[std::string(known->object)];
  if (!object.is_object()) object = nlohmann::json::object();
  return object[name];
}

// A number or a truth value as such, where a field may be one; anything else as a string.
nlohmann::json query_value(const std::string& name, std::string text) {
  text = to_valid_utf8(std::move(text));
  if (name == "format" || name == "model" || name == "lang") return text;
  auto value = nlohmann::json::parse(text, nullptr, false);
  return value.is_number() || value.is_boolean() ? value : nlohmann::json(std::move(text));
}

}  // namespace

std::string_view type_of(const client_message& message) {
  static constexpr std::array<std::string_view, std::variant_size_v<client_message>> names{
      "start", "configure", "flush", "stop", "cancel", "keepalive", "resume"};
  return names[message.index()];
}

client_message parse_client_message(std::string_view text) {
  dom::parser parser;
  dom::element document;
  const simdjson::padded_string padded(text);
  if (const auto error = parser.parse(padded).get(document); error != simdjson::SUCCESS) {
    throw speech_error(error_code::bad_json,
                       std::string("not JSON: ") + simdjson::error_message(error));
  }
  dom::object object;
  if (document.get(object) != simdjson::SUCCESS) {
    throw speech_error(error_code::bad_json,
                       "message is not a JSON object: " + shortened(simdjson::minify(document)));
  }
  return parse_object(object);
}

std::optional<start_message> parse_start_query(std::string_view query) {
  nlohmann::json message;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string name = to_valid_utf8(percent_decoded(part.substr(0, equals)));
    if (name.empty() || name == "token") continue;
    const std::string_view value = part.substr(std::min(equals + 1, part.size()));
    nlohmann::json& place = place_of(name, message);
    if (!place.is_null()) refuse_twice(shortened(name));
    place = query_value(name, percent_decoded(value));
  }
  if (message.is_null()) return std::nullopt;
  message["type"] = "start";
  return std::get<start_message>(parse_client_message(message.dump()));
}

}  // namespace duplex::speech
