// Streams audio to a speech server while it comes, and prints what is being said:
//   arecord -q -f S16_LE -r 16000 | stream_client [URI [RATE]]
//   stream_client < audio.wav
#include <chrono>
#include <cstdint>
#include <cstring>
#include <duplex/duplex.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <thread>

#include "arguments.hpp"

using namespace std::chrono_literals;

// Tenths of a second, in real time: a file is read as fast as a microphone would give it.
void send_audio(duplex::sync::client_connection& ws, std::uint32_t bytes_a_second) try {
  std::string block(44, '\0');  // a WAV file's header, or raw audio
  auto due = std::chrono::steady_clock::now();
  while (std::cin.read(block.data(), static_cast<std::streamsize>(block.size())),
         std::cin.gcount() > 0) {
    block.resize(static_cast<std::size_t>(std::cin.gcount()));
    ws.send(std::as_bytes(std::span(block)));
    if (block.size() == 44 && block.starts_with("RIFF"))
      std::memcpy(&bytes_a_second, &block[28], 4);
    block.resize(bytes_a_second / 10);
    std::this_thread::sleep_until(due += 100ms);
  }
  ws.send(R"({"type":"stop"})");
} catch (const duplex::connection_closed&) {  // the other thread tells why
}

int main(int argc, char** argv) try {
  const std::string uri = argc > 1 ? argv[1] : "ws://localhost:8765/v1/stream";
  const int rate = number_argument(argc, argv, 2, 16'000, 192'000, "stream_client [URI [RATE]]");
  auto ws = duplex::sync::connect(uri);
  ws.send(nlohmann::json{{"type", "start"}, {"format", "auto"}, {"rate", rate}}.dump());
  std::jthread microphone([&] { send_audio(ws, static_cast<std::uint32_t>(2 * rate)); });
  while (const auto message = ws.next()) {
    const auto event = nlohmann::json::parse(message->text(), nullptr, false);
    if (!event.contains("type")) {
      ws.close();
      throw std::runtime_error(uri + " is no live stream, and says " +
                               std::string(message->text()));
    }
    const std::string type = event["type"];
    if (type == "partial") {  // may still change, but for its first event["stable"] bytes
      std::cerr << "\r\x1b[K" << event.at("text").get<std::string>() << std::flush;
    } else if (type == "final") {  // empty where it was noise
      std::cerr << "\r\x1b[K";
      if (event.at("text") != "") std::cout << event.at("text").get<std::string>() << std::endl;
    } else if (type == "error") {
      std::cerr << event.at("code") << ": " << event.at("message") << '\n';
    }
  }
  return 0;  // the server closed with 1000, once all was said
} catch (const std::exception& error) {
  std::cerr << "stream_client: " << error.what() << '\n';
  return 1;
}
