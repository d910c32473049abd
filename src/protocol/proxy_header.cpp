// Parsing of the PROXY protocol: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
#include <duplex/protocol/proxy_header.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/ip_network.hpp"

namespace duplex::protocol {
namespace {

using namespace std::string_view_literals;

constexpr auto text_signature = "PROXY "sv;
constexpr auto text_end = "\r\n"sv;
constexpr std::size_t text_min = "PROXY UNKNOWN\r\n"sv.size();
constexpr std::size_t text_max = 107;  // section 2.1: with a NUL, 108 bytes are always enough

constexpr auto binary_signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t binary_start = 16;
// No header needs more than some hundred bytes of extensions, certificates' names included.
constexpr std::size_t binary_max = 4096;

constexpr std::size_t unix_path_size = 108;

bool starts_like(std::string_view bytes, std::string_view signature) {
  const auto count = std::min(bytes.size(), signature.size());
  return bytes.substr(0, count) == signature.substr(0, count);
}

// Removes and gives what comes before the next space.
std::string_view next_word(std::string_view& line) {
  const auto word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  return port;
}

std::optional<address> parse_address(std::string_view host, std::string_view port, bool ipv6) {
  const auto ip = detail::parse_ip_address(host);
  const auto number = parse_port(port);
  if (!ip || !number || (ip->size == 16) != ipv6) return std::nullopt;
  return address{detail::to_text(*ip), *number};
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  return static_cast<std::uint16_t>(byte(at) << 8 | byte(at + 1));
}

address ip_at(std::string_view bytes, std::size_t at, std::size_t size, std::uint16_t port) {
  detail::ip_address ip;
  ip.size = size;
  std::memcpy(ip.bytes.data(), bytes.data() + at, size);
  return {detail::to_text(ip), port};
}

address unix_at(std::string_view bytes, std::size_t at) {
  auto path = bytes.substr(at, unix_path_size);
  path = path.substr(0, path.find('\0', 1));  // padded; an abstract name begins with NUL
  return unix_address(path == "\0"sv ? ""sv : path);
}

}  // namespace

bool proxy_header::is_binary() const noexcept { return bytes_.starts_with('\r'); }

std::size_t proxy_header::wanted() const noexcept {
  if (complete_ || !problem_.empty()) return 0;
  if (size_ != 0) return size_ - bytes_.size() + skip_;
  if (is_binary()) return binary_start - bytes_.size();
  if (bytes_.size() < text_min) return text_min - bytes_.size();
  const std::size_t of_end = bytes_.ends_with('\r') ? 1 : text_end.size();
  return std::min(of_end, text_max - bytes_.size());
}

void proxy_header::receive_data(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto kept = size_ == 0 ? text.size() : std::min(text.size(), size_ - bytes_.size());
  bytes_ += text.substr(0, kept);
  skip_ -= text.size() - kept;
  if (!starts_like(bytes_, is_binary() ? binary_signature : text_signature)) {
    problem_ = "it begins with something else";
  } else if (is_binary()) {
    parse_binary();
  } else {
    parse_text();
  }
}

// Section 2.1.
void proxy_header::parse_text() {
  const auto end = bytes_.find(text_end);
  if (end == std::string::npos) {
    if (bytes_.size() == text_max) problem_ = "it has no end after 107 bytes";
    return;
  }
  complete_ = true;
  auto line = std::string_view(bytes_).substr(text_signature.size());
  line.remove_suffix(bytes_.size() - end);
  const auto family = next_word(line);
  if (family == "UNKNOWN") return;
  const auto source = next_word(line), destination = next_word(line);
  const auto source_port = next_word(line), destination_port = line;
  if (family == "TCP4" || family == "TCP6") {
    source_ = parse_address(source, source_port, family == "TCP6");
    destination_ = parse_address(destination, destination_port, family == "TCP6");
  }
  if (!source_ || !destination_) problem_ = "its addresses make no sense";
}

// Section 2.2.
void proxy_header::parse_binary() {
  if (bytes_.size() < binary_start) return;
  if (size_ == 0) parse_binary_start();
  if (!problem_.empty() || bytes_.size() < size_ || skip_ != 0) return;
  complete_ = true;
  const std::string_view addresses = std::string_view(bytes_).substr(binary_start);
  const std::size_t each = addresses.size() / 2;
  if (addresses.size() == 2 * unix_path_size) {
    source_ = unix_at(addresses, 0);
    destination_ = unix_at(addresses, each);
  } else if (!addresses.empty()) {
    const std::size_t size = each - 2;  // the ports come behind both
    source_ = ip_at(addresses, 0, size, number_at(addresses, 2 * size));
    destination_ = ip_at(addresses, size, size, number_at(addresses, 2 * size + 2));
  }
}

void proxy_header::parse_binary_start() {
  const auto nibbles = [this](std::size_t at) {
    const auto byte = static_cast<unsigned char>(bytes_[at]);
    return std::pair<unsigned, unsigned>(byte >> 4, byte & 0xF);
  };
  const auto [version, command] = nibbles(12);
  const auto [family, transport] = nibbles(13);
  const std::size_t length = number_at(bytes_, 14);
  // "Receivers must drop connections presenting unexpected values here", and again for these.
  if (version != 2) problem_ = "its version is not 2";
  if (command > 1) problem_ = "its command is unknown";
  if (family > 3 || transport > 2) problem_ = "its family or transport is unknown";
  if (length > binary_max) problem_ = "it has more than 4096 bytes";
  constexpr std::array<std::size_t, 4> sizes = {0, 2 * 6, 2 * 18, 2 * unix_path_size};
  constexpr unsigned is_proxied = 1, is_stream = 1;
  const bool has_addresses = command == is_proxied && transport == is_stream;
  const std::size_t size = has_addresses && problem_.empty() ? sizes[family] : 0;
  if (size > length) problem_ = "it is too short for its addresses";
  size_ = binary_start + size;
  skip_ = length - std::min(size, length);
}

}  // namespace duplex::protocol
