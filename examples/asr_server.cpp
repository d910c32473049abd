// Speech to text, one message each way: {"audio_base64": "..."} and {"text": "...", "state":
// "..."}.
#include <duplex/duplex.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "speech/models.hpp"
#include "speech/request/request.hpp"
#include "speech/transcription.hpp"
using namespace duplex;

std::string recognize(const speech::recognizer& model, buffer message, std::stop_token stop) try {
  speech::request request;
  speech::parse_request(message, request);  // JSON to fields, base64 to bytes, then samples, text
  auto heard = speech::transcribe(request.audio, model, {.stop = stop});
  return nlohmann::ordered_json{{"text", heard.text()}, {"state", "success"}}.dump();
} catch (const std::exception& error) {
  return nlohmann::ordered_json{{"text", ""}, {"state", "error"}, {"error", error.what()}}.dump();
}

int main(int argc, char** argv) {
  const auto model = speech::load_recognizer("tiny");
  auto answer = [&](connection& ws) -> task<> {
    while (auto message = co_await ws.next()) {
      auto stop = ws.stop_token();  // a client that leaves stops the work for it
      auto work = [&] { return recognize(*model, std::move(*message).take(), stop); };
      auto reply = co_await run_blocking(work);  // pings are answered meanwhile
      co_await ws.send(reply);
    }
  };
  const int port = argc > 1 ? std::stoi(argv[1]) : 8765;
  auto server = serve(answer, "0.0.0.0", port, {.max_size = std::size_t{512} << 20});
  std::cout << "listening on ws://localhost:" << server.port() << std::endl;
  run(std::move(server));
}
