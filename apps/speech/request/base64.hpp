// Base64 of RFC 4648 section 4, strictly, over OpenSSL, without copies of large audio.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace duplex::speech {

/// Decodes `text` in place and returns the bytes: the front of the same memory. Throws
/// `speech_error` with `invalid_base64` that says what is wrong: alphabet, padding or length.
std::span<const std::byte> decode_base64_in_place(std::span<char> text);

/// Appends the base64 of `bytes` to `text`.
void append_base64(std::string& text, std::span<const std::byte> bytes);

}  // namespace duplex::speech
