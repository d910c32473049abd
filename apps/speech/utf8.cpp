#include "speech/utf8.hpp"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace duplex::speech {

std::string to_valid_utf8(std::string text) {
  if (simdjson::validate_utf8(text)) return text;
  using json = nlohmann::json;
  const std::string repaired =
      json(std::move(text)).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(repaired).get<std::string>();
}

}  // namespace duplex::speech
