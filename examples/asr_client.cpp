// Sends a recording to a speech server and prints the reply: asr_client [URI [FILE]].
#include <openssl/evp.h>
#include <duplex/duplex.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return text;
}

int main(int argc, char** argv) try {
  if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
    std::cerr << "usage: asr_client [URI [FILE]]  (ws://localhost:8765 and ./audio.wav)\n";
    return 2;
  }
  const std::string uri = argc > 1 ? argv[1] : "ws://localhost:8765";
  const std::string path = argc > 2 ? argv[2] : "./audio.wav";
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  const std::string audio{std::istreambuf_iterator<char>(file), {}};

  auto ws = duplex::sync::connect(uri);
  ws.send(nlohmann::json{{"audio_base64", base64(audio)}}.dump());
  const auto reply = ws.recv();
  std::cout << "<<< Client Received: " << reply.text() << '\n';
  std::cout << "<<< 完成一次请求。\n";
  if (nlohmann::json::parse(reply.text()).value("state", "") == "success") return 0;
  throw std::runtime_error("the server did not recognise it");
} catch (const std::exception& error) {
  std::cerr << "asr_client: " << error.what() << '\n';
  return 1;
}
