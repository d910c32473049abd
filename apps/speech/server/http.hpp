// What the server answers to plain HTTP: its page, its health, its figures.
#pragma once

#include <duplex/handshake_steps.hpp>
#include <duplex/http.hpp>
#include <functional>
#include <optional>
#include <string>

#include "speech/models.hpp"

namespace duplex::speech {

/// Whether it asks for a WebSocket.
bool is_upgrade(const request& request);

/// The page's files at `/`, with an ETag; nothing that they load may come from elsewhere, and no
/// other site may frame them.
std::optional<response> answer_page(const request& request);

/// 401, with what is to be shown.
response refuse_token();
/// 503, with when to come again.
response refuse_for_now(std::string_view why, int retry_after_seconds);

/// `GET /v1/models`: `{"models": [{"name", "lang", "default"}, ...]}`, the default first.
response answer_models(const model_set& models);

}  // namespace duplex::speech
