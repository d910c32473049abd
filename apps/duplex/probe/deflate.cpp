#include "probe/deflate.hpp"

#include <zlib.h>

#include <array>
#include <new>
#include <stdexcept>

namespace duplex::probe {
namespace {

// RFC 7692 section 7.2.1: what ends each message and is left out of it.
constexpr std::string_view tail("\x00\x00\xFF\xFF", 4);
constexpr std::size_t message_max = std::size_t{96} << 20;

Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib does not write there
}

class deflate_stream {
 public:
  // zlib has no window of 8 bits for a raw stream. In one of 9 it leaves room for its look-ahead of
  // 262 bytes, and refers back 250 at most: fewer than 2^8.
  explicit deflate_stream(int window_bits) {
    const int raw = -(window_bits == 8 ? 9 : window_bits);
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, raw, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
      throw std::bad_alloc();
    }
  }
  deflate_stream(const deflate_stream&) = delete;
  deflate_stream& operator=(const deflate_stream&) = delete;
  ~deflate_stream() { deflateEnd(&stream_); }

  std::string run(std::string_view message, int flush) {
    stream_.next_in = bytes_of(message);
    stream_.avail_in = static_cast<uInt>(message.size());
    std::string result;
    std::array<char, 16384> block;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = block.size();
      ::deflate(&stream_, flush);
      result.append(block.data(), block.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return result;
  }

  void reset() { deflateReset(&stream_); }

 private:
  z_stream stream_ = {};
};

}  // namespace

// --- compressing

struct compressor::state : deflate_stream {
  using deflate_stream::deflate_stream;
};

compressor::compressor(int window_bits, bool takeover)
    : state_(std::make_shared<state>(window_bits)), takeover_(takeover) {}

std::string compressor::operator()(std::string_view message) {
  if (message.empty()) return std::string(1, '\0');  // section 7.2.3.6
  std::string result = state_->run(message, Z_SYNC_FLUSH);
  if (!takeover_) state_->reset();
  result.resize(result.size() - tail.size());
  return result;
}

std::string compressed(std::string_view message) { return compressor()(message); }

std::string compressed_as_final_block(std::string_view message) {
  return deflate_stream(15).run(message, Z_FINISH) + std::string(1, '\0');
}

// --- reading

struct decompressor::state {
  z_stream stream = {};

  explicit state(int window_bits) {
    if (inflateInit2(&stream, -window_bits) != Z_OK) throw std::bad_alloc();
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { inflateEnd(&stream); }
};

decompressor::decompressor(int window_bits, bool takeover)
    : state_(std::make_shared<state>(window_bits)),
      window_bits_(window_bits),
      takeover_(takeover) {}

std::string decompressor::operator()(std::string_view payload) {
  const std::string whole = std::string(payload).append(tail);
  z_stream& stream = state_->stream;
  stream.next_in = bytes_of(whole);
  stream.avail_in = static_cast<uInt>(whole.size());
  std::string result;
  std::array<char, 16384> block;
  // zlib looks up what is within the output of one call wherever it is, so that a small window is
  // only enforced where each call gives one byte.
  const auto step = static_cast<uInt>(window_bits_ == 15 ? block.size() : 1);
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = step;
    const int status = ::inflate(&stream, Z_SYNC_FLUSH);
    result.append(block.data(), step - stream.avail_out);
    if (status == Z_STREAM_END) inflateReset(&stream);
    if (status == Z_BUF_ERROR && stream.avail_in == 0) break;
    if (status != Z_OK && status != Z_STREAM_END) {
      const std::string why = stream.msg == nullptr ? "" : std::string(": ") + stream.msg;
      throw std::runtime_error("a compressed message that cannot be read" + why);
    }
    if (stream.avail_in == 0 && stream.avail_out != 0) break;
    if (result.size() > message_max) throw std::runtime_error("a message beyond all bounds");
  }
  if (!takeover_) inflateReset(&stream);
  return result;
}

}  // namespace duplex::probe
