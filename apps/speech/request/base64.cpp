#include "speech/request/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <string_view>

#include "speech/error.hpp"

namespace duplex::speech {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw speech_error(error_code::invalid_base64, "audio_base64: " + message);
}

// The lengths below are multiples of both 3 and 4, and small enough for OpenSSL's int.
constexpr std::size_t step = std::size_t{3} << 20;

unsigned char* bytes_of(char* text) { return reinterpret_cast<unsigned char*>(text); }

[[noreturn]] void refuse_bad_character(std::string_view text) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = std::min(text.find_first_not_of(alphabet), text.size());
  if (at < text.size() && text[at] == '=')
    refuse("padding inside, at character " + std::to_string(at));
  refuse("character " + std::to_string(at) + " is not in the alphabet");
}

}  // namespace

std::span<const std::byte> decode_base64_in_place(std::span<char> text) {
  const std::string_view all(text.data(), text.size());
  if (all.size() % 4 != 0)
    refuse("length " + std::to_string(all.size()) + " is not a multiple of 4");
  const std::size_t padding = all.ends_with("==") ? 2 : all.ends_with('=') ? 1 : 0;
  const std::string_view unpadded = all.substr(0, all.size() - padding);
  // EVP_DecodeBlock takes '=' anywhere, and white space and '-' at the ends; RFC 4648 does not.
  if (unpadded.find_first_of("=- \t\r\n") != std::string_view::npos) refuse_bad_character(unpadded);
  std::size_t size = 0;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::size_t count = std::min(step, text.size() - at);
    // Three bytes come out of four, so that what is written never reaches what is still to be read.
    const int made = EVP_DecodeBlock(bytes_of(text.data() + size), bytes_of(text.data() + at),
                                     static_cast<int>(count));
    if (made < 0) refuse_bad_character(unpadded);
    size += static_cast<std::size_t>(made);
  }
  return std::as_bytes(text.first(size - padding));
}

void append_base64(std::string& text, std::span<const std::byte> bytes) {
  const std::size_t encoded = (bytes.size() + 2) / 3 * 4;
  std::size_t at = text.size();
  text.resize(at + encoded + 1);  // OpenSSL ends with a NUL
  for (std::size_t done = 0; done < bytes.size(); done += step) {
    const auto part = bytes.subspan(done, std::min(step, bytes.size() - done));
    at += static_cast<std::size_t>(EVP_EncodeBlock(
        bytes_of(text.data() + at), reinterpret_cast<const unsigned char*>(part.data()),
        static_cast<int>(part.size())));
  }
  text.resize(at);
}

}  // namespace duplex::speech
