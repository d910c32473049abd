#include <duplex/protocol/proxy_header.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <duplex/buffer.hpp>

namespace duplex::protocol {
namespace {

using namespace std::string_literals;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string binary(char command, char family, const std::string& rest,
                   std::optional<std::size_t> length = {}) {
  const std::size_t size = length.value_or(rest.size());
  return signature + command + family + static_cast<char>(size >> 8) + static_cast<char>(size) +
         rest;
}

std::string path(const std::string& text) { return text + std::string(108 - text.size(), '\0'); }

const std::string ipv4 = "\xC0\x00\x02\x01\x0A\x00\x00\x02\x1F\x90\x00\x50"s;
const std::string ipv6 = "\x20\x01\x0D\xB8"s + std::string(11, '\0') + '\1' +
                         std::string(15, '\0') + "\x01\xFF\xFF\x00\x01"s;

// What a header says, read in pieces of so many bytes, from a stream that goes on; "more" where it
// wants more than there is. Says so where a byte too many was read.
std::string read(const std::string& bytes, std::size_t piece = 4096,
                 const std::string& following = "GET / HTTP/1.1\r\n") {
  const std::string stream = bytes + following;
  proxy_header header;
  std::size_t at = 0;
  while (const std::size_t wanted = header.wanted()) {
    const auto next = std::string_view(stream).substr(at, std::min(wanted, piece));
    if (next.empty()) return "more";
    header.receive_data(as_bytes(next));
    at += next.size();
  }
  if (!header.problem().empty()) return header.problem();
  if (at != bytes.size())
    return "read " + std::to_string(at) + " of " + std::to_string(bytes.size());
  if (!header.source()) return "no addresses";
  return to_string(*header.source()) + " to " + to_string(*header.destination());
}

struct example {
  std::string bytes, meaning;
};

std::vector<example> good_headers() {
  return {
      {"PROXY TCP4 192.0.2.1 10.0.0.2 8080 80\r\n", "192.0.2.1:8080 to 10.0.0.2:80"},
      {"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", "0.0.0.0:0 to 255.255.255.255:65535"},
      {"PROXY TCP6 2001:db8::1 ::1 65535 1\r\n", "[2001:db8::1]:65535 to [::1]:1"},
      {"PROXY TCP6 ffff:f:f:f:f:f:f:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       "[ffff:f:f:f:f:f:f:ffff]:65535 to [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"PROXY UNKNOWN\r\n", "no addresses"},
      {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "no addresses"},
      {"PROXY UNKNOWN " + std::string(107 - 16, 'x') + "\r\n", "no addresses"},
      {binary('\x21', '\x11', ipv4), "192.0.2.1:8080 to 10.0.0.2:80"},
      {binary('\x21', '\x21', ipv6), "[2001:db8::1]:65535 to [::1]:1"},
      {binary('\x21', '\x31', path("/run/a.sock") + path("\0name"s)),
       "unix:/run/a.sock to unix:@name"},
      {binary('\x21', '\x31', path("") + path(std::string(108, 'x'))),
       "unix: to unix:" + std::string(108, 'x')},
      // LOCAL, and what is no stream: the length alone counts.
      {binary('\x20', '\x00', ""), "no addresses"},
      {binary('\x20', '\x11', ipv4), "no addresses"},
      {binary('\x21', '\x00', ""), "no addresses"},
      {binary('\x21', '\x12', ipv4), "no addresses"},
      // Extensions.
      {binary('\x21', '\x11', ipv4 + "\x04\x00\x01x"s), "192.0.2.1:8080 to 10.0.0.2:80"},
      {binary('\x21', '\x21', ipv6 + std::string(4096 - 36, 'x')),
       "[2001:db8::1]:65535 to [::1]:1"},
      {binary('\x20', '\x00', std::string(4096, 'x')), "no addresses"},
  };
}

TEST(proxy_header, tells_who_connected_and_reads_no_byte_too_many_at_every_chop) {
  for (const auto& [bytes, meaning] : good_headers()) {
    for (const std::size_t piece : {1, 2, 3, 7, 15, 16, 17, 4096}) {
      EXPECT_EQ(read(bytes, piece), meaning) << bytes << " by " << piece;
    }
    EXPECT_EQ(read(bytes, 4096, ""), meaning) << "with nothing behind " << bytes;
  }
}

TEST(proxy_header, cut_anywhere_wants_more) {
  for (const auto& [bytes, meaning] : good_headers()) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(read(bytes.substr(0, size), 4096, ""), "more") << bytes << " cut at " << size;
    }
  }
}

TEST(proxy_header, refuses_what_is_none) {
  const std::string other = "it begins with something else",
                    senseless = "its addresses make no sense",
                    endless = "it has no end after 107 bytes";
  const example wrong[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", other},
      {"\x16\x03\x01\x02\x00", other},
      {"proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", other},
      {"PROXY\tTCP4 1.2.3.4 1.2.3.4 1 1\r\n", other},
      {"\r\n\r\n\1\r\nQUIT\n", other},
      {"PROXY TCP4\r\n", senseless},
      {"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", senseless},
      {"PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", senseless},
      {"PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4\0 1 1\r\n"s, senseless},
      {"PROXY TCP4 ::1 ::1 1 1\r\n", senseless},
      {"PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n", senseless},
      {"PROXY TCP6 fe80::1%lo ::1 1 1\r\n", senseless},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n" + std::string(100, 'x'), endless},
      {"PROXY UNKNOWN" + std::string(100, '\r'), endless},
      {"PROXY UNKNOWN " + std::string(107 - 15, 'x') + "\r\n", endless},
      {binary('\x11', '\x11', ipv4), "its version is not 2"},
      {binary('\x22', '\x11', ipv4), "its command is unknown"},
      {binary('\x21', '\x41', ipv4), "its family or transport is unknown"},
      {binary('\x21', '\x13', ipv4), "its family or transport is unknown"},
      {binary('\x21', '\x11', ipv4, 11), "it is too short for its addresses"},
      {binary('\x21', '\x21', ipv6, 35), "it is too short for its addresses"},
      {binary('\x21', '\x31', path("a"), 215), "it is too short for its addresses"},
      {binary('\x20', '\x00', "", 4097), "it has more than 4096 bytes"},
  };
  for (const auto& [bytes, problem] : wrong) {
    for (const std::size_t piece : {1, 4096}) EXPECT_EQ(read(bytes, piece), problem) << bytes;
  }
}

TEST(proxy_header, first_byte_of_something_else_is_enough) {
  proxy_header header;
  header.receive_data(as_bytes("G"));
  EXPECT_EQ(header.wanted(), 0u);
  EXPECT_NE(header.problem(), "");
}

}  // namespace
}  // namespace duplex::protocol
