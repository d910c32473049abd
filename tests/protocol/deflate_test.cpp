// The engines behind permessage-deflate: what they write, each other's reader reads.
#include "protocol/deflate.hpp"

#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

namespace duplex::protocol {
namespace {

constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

std::string text_of(const buffer& bytes) { return std::string(as_text(bytes.bytes())); }

std::string deflated(std::string_view input, const deflate_settings& settings = {},
                     std::string_view history = {}) {
  buffer out;
  deflate(as_bytes(history), as_bytes(input), settings, out);
  return text_of(out);
}

// A text with words of its own, so that it has matches near and far.
std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    if (random() % 8 == 0) text += static_cast<char>(random());
    text += "word" + std::to_string(random() % 300) + (random() % 5 == 0 ? ", " : " ");
  }
  text.resize(size);
  return text;
}

// What zlib reads one byte at a time: with each call it refuses what lies beyond its window.
std::string read_strictly(const std::string& bytes, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, -window_bits), Z_OK);
  std::string out, input = bytes;
  stream.next_in = reinterpret_cast<unsigned char*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  for (;;) {
    unsigned char byte = 0;
    stream.next_out = &byte;
    stream.avail_out = 1;
    const int result = inflate(&stream, Z_SYNC_FLUSH);
    if (stream.avail_out == 0) out += static_cast<char>(byte);
    if (result != Z_OK || (stream.avail_out == 1 && stream.avail_in == 0)) break;
  }
  EXPECT_EQ(stream.avail_in, 0u) << (stream.msg ? stream.msg : "");
  inflateEnd(&stream);
  return out;
}

TEST(deflate, never_refers_beyond_its_window) {
  std::mt19937 random(1);
  for (int bits = 8; bits <= 15; ++bits) {
    for (const int level : {0, 1, 2, 3, 4, 6, 9}) {
      const deflate_settings settings{.window_bits = bits, .level = level};
      const std::string history = random_text(random, 40'000), text = random_text(random, 50'000);
      const std::string before = deflated(history, settings);
      const std::string bytes = deflated(text, settings, history);
      ASSERT_EQ(bytes.substr(bytes.size() - 4), std::string("\0\0\xFF\xFF", 4));
      ASSERT_EQ(read_strictly(before + bytes, bits), history + text) << bits << ' ' << level;
    }
  }
}

TEST(deflate, refers_to_history) {
  std::mt19937 random(2);
  const std::string text = random_text(random, 2000);
  for (const int level : {1, 2, 3, 4, 9}) {
    const deflate_settings settings{.level = level};
    EXPECT_LT(deflated(text, settings, text).size(), 100u) << level;
    EXPECT_GT(deflated(text, settings).size(), 500u) << level;
  }
}

TEST(deflate, writes_any_size) {
  std::mt19937 random(3);
  for (const std::size_t size : {1, 2, 100, 65'535, 65'536, 1'000'000, 5'000'000}) {
    for (const int level : {1, 6}) {
      std::string noise(size, '\0'), text = random_text(random, size);
      for (char& each : noise) each = static_cast<char>(random());
      for (const std::string& input : {noise, text}) {
        inflater reader(15);
        buffer out;
        ASSERT_FALSE(reader.inflate(as_bytes(deflated(input, {.level = level})), out, unlimited));
        ASSERT_EQ(text_of(out), input);
      }
    }
  }
}

TEST(deflate, is_the_same_in_every_thread) {
  std::mt19937 random(4);
  const std::string text = random_text(random, 10'000), expected = deflated(text);
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  for (auto& each : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) each = deflated(text);
    });
  }
  for (auto& each : threads) each.join();
  for (const auto& each : results) EXPECT_EQ(each, expected);
}

// --- reading

struct reading {
  std::string text = {};
  std::string problem = {};
};

reading read(const std::vector<std::string>& pieces, std::size_t room = unlimited) {
  inflater reader(15);
  buffer out;
  for (const auto& piece : pieces) {
    auto problem = reader.inflate(as_bytes(piece), out, room - out.size());
    if (problem) return {text_of(out), *problem};
  }
  auto problem = reader.finish(out, room - out.size());
  return {text_of(out), problem.value_or("")};
}

TEST(inflater, reads_the_examples_of_rfc_7692_at_every_chop) {
  const std::string fixed("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
  const std::string stored("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11);
  const std::string final_block("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8);
  const std::string two_blocks("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13);
  for (const auto& bytes : {fixed, stored, final_block, two_blocks}) {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      const auto result = read({bytes.substr(0, cut), bytes.substr(cut)});
      EXPECT_EQ(result.text, "Hello");
      EXPECT_EQ(result.problem, "");
    }
  }
}

TEST(inflater, starts_afresh_after_a_last_block) {
  const std::string final_block("\xf3\x48\xcd\xc9\xc9\x07\x00", 7),
      hello("\xf2\x48\xcd\xc9\xc9\x07", 6);
  EXPECT_EQ(read({final_block}).text, "Hello");
  EXPECT_EQ(read({final_block}).problem, "");
  EXPECT_EQ(read({final_block + final_block}).text, "HelloHello");
  EXPECT_EQ(read({final_block + hello + std::string(1, '\0')}).text, "HelloHello");
  // A match with what came before.
  const auto lost = read({final_block + std::string("\xf2\x00\x11\x00\x00", 5)});
  EXPECT_EQ(lost.problem, "invalid distance too far back");
}

TEST(inflater, ends_an_empty_message) {
  EXPECT_EQ(read({std::string(1, '\0')}).problem, "");
  EXPECT_EQ(read({}).problem, "");
  EXPECT_EQ(read({""}).text, "");
}

TEST(inflater, says_what_is_wrong) {
  EXPECT_EQ(read({"\x07"}).problem, "invalid block type");
  EXPECT_EQ(read({std::string("\x00\x05\x00\xfa\xfe", 5)}).problem, "invalid stored block lengths");
  EXPECT_EQ(read({"\xff\xff\xff\xff"}).problem, "invalid block type");
  const std::string hello("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
  const std::string with_tail = hello + std::string("\0\0\xFF\xFF", 4);
  EXPECT_EQ(read({with_tail}).problem, "unexpected end of compressed data");
  for (std::size_t size = 1; size + 1 < hello.size(); ++size) {
    EXPECT_NE(read({hello.substr(0, size)}).problem, "") << size;
  }
}

TEST(inflater, gives_at_most_one_byte_more_than_there_is_room_for) {
  const std::string text(100'000, 'a');
  std::string bytes = deflated(text);
  bytes.resize(bytes.size() - 4);
  for (const std::size_t room : {0, 1, 99'998, 99'999}) {
    inflater reader(15);
    buffer out;
    EXPECT_FALSE(reader.inflate(as_bytes(bytes), out, room));
    EXPECT_EQ(out.size(), room + 1);
    EXPECT_LE(out.capacity(), 2 * (room + 1) + 128);
  }
  const auto exact = read({bytes}, 100'000);
  EXPECT_EQ(exact.text, text);
  EXPECT_EQ(exact.problem, "");
}

TEST(inflater, reads_what_zlib_writes_with_any_settings) {
  std::mt19937 random(5);
  for (int bits = 9; bits <= 15; ++bits) {
    for (const int level : {0, 1, 6, 9}) {
      z_stream stream{};
      ASSERT_EQ(deflateInit2(&stream, level, Z_DEFLATED, -bits, 1 + level % 9, 0), Z_OK);
      inflater reader(bits);
      for (int i = 0; i < 20; ++i) {
        std::string text = random_text(random, random() % 5000 + 1), bytes(12'000, '\0');
        stream.next_in = reinterpret_cast<unsigned char*>(text.data());
        stream.avail_in = static_cast<uInt>(text.size());
        stream.next_out = reinterpret_cast<unsigned char*>(bytes.data());
        stream.avail_out = static_cast<uInt>(bytes.size());
        ASSERT_EQ(::deflate(&stream, Z_SYNC_FLUSH), Z_OK);
        bytes.resize(bytes.size() - stream.avail_out - 4);
        buffer out;
        while (!bytes.empty()) {
          const auto count = std::min<std::size_t>(bytes.size(), random() % 100 + 1);
          ASSERT_FALSE(reader.inflate(as_bytes(bytes.substr(0, count)), out, unlimited));
          bytes.erase(0, count);
        }
        ASSERT_FALSE(reader.finish(out, unlimited));
        ASSERT_EQ(text_of(out), text);
      }
      deflateEnd(&stream);
    }
  }
}

}  // namespace
}  // namespace duplex::protocol
