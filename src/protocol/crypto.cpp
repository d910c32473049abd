// The only file of the protocol that uses libcrypto: SHA-1, base64, entropy.
#include "protocol/crypto.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <duplex/buffer.hpp>
#include <duplex/protocol/types.hpp>

#include "base/fork.hpp"

namespace duplex::protocol {
namespace {

// Keys are four bytes; a call of the generator for each would cost more than masking them.
struct entropy_block {
  std::array<unsigned char, 4096> bytes;
  std::size_t used = sizeof bytes;
  unsigned forks = 0;  // when it was filled
};

void take_entropy(std::byte* to, std::size_t count) {
  constinit static thread_local entropy_block block{};
  // What is in store must not be used by two processes.
  const unsigned forks = fork_count();
  if (std::exchange(block.forks, forks) != forks) block.used = block.bytes.size();
  while (count != 0) {
    if (block.used == block.bytes.size()) {
      if (RAND_bytes(block.bytes.data(), static_cast<int>(block.bytes.size())) != 1) {
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                                "no random bytes");
      }
      block.used = 0;
    }
    const std::size_t taken = std::min(count, block.bytes.size() - block.used);
    std::memcpy(to, block.bytes.data() + block.used, taken);
    block.used += taken;
    to += taken;
    count -= taken;
  }
}

}  // namespace

random_source system_random() { return take_entropy; }

std::string base64_encode(std::span<const std::byte> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // libcrypto adds a final zero
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  const auto padding = text.size() - std::min(text.find('='), text.size());
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
  };
  // libcrypto skips white space and takes padding for zeros.
  if (text.size() % 4 != 0 || padding > 2 || (padding == 2 && text.back() != '=') ||
      !std::all_of(text.begin(), text.end() - static_cast<std::ptrdiff_t>(padding), is_digit)) {
    return std::nullopt;
  }
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

// Of digests, so that not even the lengths are compared with each other.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> first, second;
  SHA256(reinterpret_cast<const unsigned char*>(a.data()), a.size(), first.data());
  SHA256(reinterpret_cast<const unsigned char*>(b.data()), b.size(), second.data());
  return CRYPTO_memcmp(first.data(), second.data(), first.size()) == 0;
}

std::string accept_key(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64_encode(std::as_bytes(std::span(digest)));
}

}  // namespace duplex::protocol
