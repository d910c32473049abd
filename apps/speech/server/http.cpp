#include "speech/server/http.hpp"

#include <algorithm>
#include <duplex/protocol/header_grammar.hpp>
#include <nlohmann/json.hpp>

#include "speech/server/web_files.hpp"

namespace duplex::speech {
namespace {

// 'self' is this server's WebSocket too (CSP level 3). Audio that the page plays is its own.
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// RFC 9110 section 13.1.2; a weak comparison, as it is to be there.
bool is_current(const request& request, std::string_view etag) {
  for (std::string_view each : protocol::parse_list(request.headers, "If-None-Match")) {
    if (each.starts_with("W/")) each.remove_prefix(2);
    if (each == etag || each == "*") return true;
  }
  return false;
}

}  // namespace

bool is_upgrade(const request& request) {
  return protocol::lists_token(request.headers, "Upgrade", "websocket");
}

std::optional<response> answer_page(const request& request) {
  const auto files = web_files();
  const auto file = std::ranges::find(files, request.path(), &web_file::path);
  if (file == files.end()) return std::nullopt;
  const bool current = is_current(request, file->etag);
  response answer = current ? respond(304, "") : respond(200, file->content, file->type);
  if (current) answer.headers.remove("Content-Type");
  answer.headers.add("ETag", std::string(file->etag));
  answer.headers.add("Cache-Control", "no-cache");
  answer.headers.add("Content-Security-Policy", policy);
  answer.headers.add("X-Content-Type-Options", "nosniff");
  answer.headers.add("Referrer-Policy", "no-referrer");
  answer.headers.add("Permissions-Policy", "microphone=(self), camera=(), geolocation=()");
  return answer;
}

response refuse_token() {
  response answer = respond(401, "this server wants a token\n");
  answer.headers.add("WWW-Authenticate", "Bearer realm=\"duplex-speech\"");
  return answer;
}

response refuse_for_now(std::string_view why, int retry_after_seconds) {
  response answer = respond(503, std::string(why) + '\n');
  answer.headers.add("Retry-After", std::to_string(retry_after_seconds));
  return answer;
}

response answer_models(const model_set& models) {
  auto list = nlohmann::ordered_json::array();
  for (const std::string& name : models.names()) {
    list.push_back(
        {{"name", name}, {"lang", models.find(name).language()}, {"default", list.empty()}});
  }
  return respond(200, nlohmann::ordered_json{{"models", list}}.dump() + '\n', "application/json");
}

}  // namespace duplex::speech
