// Speech to text, one message each way: {"audio_base64": "..."} and {"text", "state": "..."}.
#include <duplex/duplex.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "arguments.hpp"
#include "speech/models.hpp"
#include "speech/request/request.hpp"
#include "speech/transcription.hpp"
using namespace duplex;

std::string recognize(const speech::recognizer& model, buffer message, std::stop_token stop) try {
  speech::request request;
  speech::parse_request(message, request);  // JSON to fields, base64 to bytes, then samples, text
  speech::transcriber heard(request.audio, model);
  while (heard.step(stop)) continue;  // a segment of the audio at a time
  return nlohmann::ordered_json{{"text", heard.result().text()}, {"state", "success"}}.dump();
} catch (const std::exception& error) {
  return nlohmann::ordered_json{{"text", ""}, {"state", "error"}, {"error", error.what()}}.dump();
}

int main(int argc, char** argv) try {
  const int port = port_argument(argc, argv, 1, "asr_server [PORT]");
  const auto model = speech::load_recognizer("tiny");
  auto answer = [&](connection& ws) -> task<> {
    while (auto message = co_await ws.next()) {
      auto work = [model, sent = std::move(*message).take(), stop = ws.stop_token()]() mutable {
        return recognize(*model, std::move(sent), stop);  // until the client leaves
      };
      auto reply = co_await run_blocking(std::move(work));  // pings are answered meanwhile
      co_await ws.send(reply);
    }
  };
  auto server = serve(answer, "0.0.0.0", port, {.max_size = std::size_t{512} << 20});
  std::cout << "listening on ws://localhost:" << server.port() << std::endl;
  run(std::move(server));
} catch (const std::exception& error) {
  std::cerr << "asr_server: " << error.what() << '\n';
  return 1;
}
