#include "speech/request/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
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

constexpr std::array<bool, 256> letters = [] {
  std::array<bool, 256> known{};
  for (const unsigned char each :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")) {
    known[each] = true;
  }
  return known;
}();

constexpr bool is_letter(char c) { return letters[static_cast<unsigned char>(c)]; }

constexpr bool is_padding(char c) { return c == '='; }

// What is wrong with a text whose letters end at `end`; the commonest mistakes by their names.
[[noreturn]] void refuse_text(std::string_view text, std::size_t end) {
  if (text.starts_with("data:"))
    refuse("begins with data:, as a URL does; only what follows its comma is base64");
  const std::string where = " at character " + std::to_string(end);
  const std::string_view rest = text.substr(end);
  const std::size_t padding = std::min(rest.find_first_not_of('='), rest.size());
  if (const char next = padding < rest.size() ? rest[padding] : '='; next == '\n' || next == '\r')
    refuse("line break at character " + std::to_string(end + padding));
  if (padding == rest.size() && padding <= 2)
    refuse("length " + std::to_string(text.size()) + " is not a multiple of 4");
  if (rest.starts_with('=')) refuse("padding inside," + where);
  refuse("character " + std::to_string(end) + " is not in the alphabet");
}

}  // namespace

std::span<const std::byte> decode_base64_in_place(std::span<char> text) {
  const std::string_view all(text.data(), text.size());
  // OpenSSL takes '=' anywhere, and white space and '-' at the ends; RFC 4648 does not.
  const auto end = static_cast<std::size_t>(std::ranges::find_if_not(all, is_letter) - all.begin());
  const std::size_t padding = all.size() - end;
  if (all.size() % 4 != 0 || padding > 2 || !std::ranges::all_of(all.substr(end), is_padding))
    refuse_text(all, end);
  std::size_t size = 0;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::size_t count = std::min(step, text.size() - at);
    // Three bytes come out of four, so that what is written never reaches what is still to be read.
    const int made = EVP_DecodeBlock(bytes_of(text.data() + size), bytes_of(text.data() + at),
                                     static_cast<int>(count));
    if (made < 0) refuse("OpenSSL cannot decode it");
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
