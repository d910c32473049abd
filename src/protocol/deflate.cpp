// The engines behind permessage-deflate.
#include "protocol/deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>
#if defined(DUPLEX_HAS_ISAL)
#include <isa-l/igzip_lib.h>
#endif

namespace duplex::protocol {
namespace {

constexpr std::array<std::byte, 4> sync_tail{std::byte{0}, std::byte{0}, std::byte{0xFF},
                                             std::byte{0xFF}};

// The engines count in 32 bits.
constexpr std::size_t piece_max = std::size_t{1} << 30;

// Room for what `size` bytes become, and some: compressed data that does not fit costs a second
// call, never a failure.
std::size_t roomy(std::size_t size) { return size / 2 + 512; }

const unsigned char* bytes_of(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

#if defined(DUPLEX_HAS_ISAL)

class isal_encoder {
 public:
  static constexpr int level_max = 3;

  isal_encoder() : stream_(std::make_unique<isal_zstream>()), level_buffer_(ISAL_DEF_LVL3_SMALL) {
    isal_deflate_init(stream_.get());
  }

  void encode(std::span<const std::byte> history, std::span<const std::byte> input,
              const deflate_settings& settings, buffer& out) {
    isal_zstream& stream = *stream_;
    isal_deflate_reset(&stream);
    stream.level = static_cast<std::uint32_t>(settings.level);
    stream.level_buf = level_buffer_.data();
    stream.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
    stream.hist_bits = static_cast<std::uint16_t>(settings.window_bits);
    stream.gzip_flag = IGZIP_DEFLATE;
    stream.end_of_stream = 0;
    if (!history.empty()) {
      isal_deflate_set_dict(&stream, const_cast<unsigned char*>(bytes_of(history)),
                            static_cast<std::uint32_t>(history.size()));
    }
    do {
      const auto piece = input.first(std::min(input.size(), piece_max));
      input = input.subspan(piece.size());
      stream.flush = input.empty() ? SYNC_FLUSH : NO_FLUSH;
      stream.next_in = const_cast<unsigned char*>(bytes_of(piece));
      stream.avail_in = static_cast<std::uint32_t>(piece.size());
      do {
        const std::size_t room = std::min(roomy(stream.avail_in), piece_max);
        stream.next_out = reinterpret_cast<unsigned char*>(out.extend(room));
        stream.avail_out = static_cast<std::uint32_t>(room);
        const int problem = isal_deflate(&stream);
        out.truncate(out.size() - stream.avail_out);
        if (problem != COMP_OK) throw std::logic_error("isal_deflate: " + std::to_string(problem));
      } while (stream.avail_out == 0 && stream.internal_state.state != ZSTATE_NEW_HDR);
    } while (!input.empty());
  }

 private:
  std::unique_ptr<isal_zstream> stream_;
  std::vector<unsigned char> level_buffer_;
};

#endif

class zlib_encoder {
 public:
  explicit zlib_encoder(const deflate_settings& settings) : settings_(settings) {
    // zlib takes a window of 256 bytes for one of 512, which would be a lie to the peer; without
    // matches there are no distances at all.
    const bool tiny = settings.window_bits == window_bits_min;
    if (deflateInit2(&stream_, settings.level, Z_DEFLATED, -std::max(settings.window_bits, 9),
                     settings.memory_level, tiny ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  zlib_encoder(zlib_encoder&&) = delete;
  ~zlib_encoder() { deflateEnd(&stream_); }

  bool fits(const deflate_settings& other) const {
    return settings_.window_bits == other.window_bits && settings_.level == other.level &&
           settings_.memory_level == other.memory_level;
  }

  void encode(std::span<const std::byte> history, std::span<const std::byte> input, buffer& out) {
    deflateReset(&stream_);
    if (!history.empty()) {
      deflateSetDictionary(&stream_, bytes_of(history), static_cast<uInt>(history.size()));
    }
    do {
      const auto piece = input.first(std::min(input.size(), piece_max));
      input = input.subspan(piece.size());
      stream_.next_in = const_cast<unsigned char*>(bytes_of(piece));
      stream_.avail_in = static_cast<uInt>(piece.size());
      do {
        const std::size_t room = std::min(roomy(stream_.avail_in), piece_max);
        stream_.next_out = reinterpret_cast<unsigned char*>(out.extend(room));
        stream_.avail_out = static_cast<uInt>(room);
        ::deflate(&stream_, input.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH);
        out.truncate(out.size() - stream_.avail_out);
      } while (stream_.avail_out == 0);
    } while (!input.empty());
  }

 private:
  z_stream stream_ = {};
  deflate_settings settings_;
};

// zlib makes up its mind about a window when an encoder is made: one for each setting in use, the
// most recent first. Peers choose windows, so that they are bounded.
class encoders {
 public:
  void encode(std::span<const std::byte> history, std::span<const std::byte> input,
              const deflate_settings& settings, buffer& out) {
#if defined(DUPLEX_HAS_ISAL)
    if (settings.level >= 1 && settings.level <= isal_encoder::level_max) {
      if (!isal_) isal_ = std::make_unique<isal_encoder>();
      return isal_->encode(history, input, settings, out);
    }
#endif
    const auto known = std::find_if(zlib_.begin(), zlib_.end(),
                                    [&](const auto& each) { return each->fits(settings); });
    if (known != zlib_.end()) {
      std::rotate(zlib_.begin(), known, known + 1);
    } else {
      if (zlib_.size() == encoders_max) zlib_.pop_back();
      zlib_.insert(zlib_.begin(), std::make_unique<zlib_encoder>(settings));
    }
    zlib_.front()->encode(history, input, out);
  }

 private:
  static constexpr std::size_t encoders_max = 4;

#if defined(DUPLEX_HAS_ISAL)
  std::unique_ptr<isal_encoder> isal_;
#endif
  std::vector<std::unique_ptr<zlib_encoder>> zlib_;
};

}  // namespace

void deflate(std::span<const std::byte> history, std::span<const std::byte> input,
             const deflate_settings& settings, buffer& out) {
  thread_local encoders of_this_thread;
  const std::size_t window = std::size_t{1} << settings.window_bits;
  of_this_thread.encode(history.last(std::min(history.size(), window)), input, settings, out);
}

inflater::inflater(int window_bits) noexcept : window_bits_(window_bits) {}

inflater::~inflater() { release(); }

void inflater::release() noexcept {
  if (stream_) inflateEnd(stream_.get());
  stream_.reset();
  fresh_ = true;
}

void inflater::start() {
  if (stream_) return;
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), -window_bits_) != Z_OK) throw std::bad_alloc();
  stream_ = std::move(stream);
}

std::optional<std::string> inflater::inflate(std::span<const std::byte> bytes, buffer& out,
                                             std::size_t room) {
  if (bytes.empty()) return std::nullopt;
  start();
  z_stream& stream = *stream_;
  const std::size_t before = out.size();
  // One more than the room, to see whether there is anything more.
  const std::size_t most = room < std::numeric_limits<std::size_t>::max() ? room + 1 : room;
  stream.next_in = const_cast<unsigned char*>(bytes_of(bytes));
  stream.avail_in = static_cast<uInt>(bytes.size());  // a piece of a frame, never much
  do {
    const std::size_t left = most - (out.size() - before);
    if (left == 0) return std::nullopt;
    if (out.capacity() == out.size()) {
      const std::size_t more = std::max({4 * bytes.size(), out.size(), std::size_t{64}});
      out.reserve(out.size() + std::min(more, left));
    }
    const std::size_t space = std::min({out.capacity() - out.size(), left, piece_max});
    stream.next_out = reinterpret_cast<unsigned char*>(out.extend(space));
    stream.avail_out = static_cast<uInt>(space);
    const auto unread = stream.avail_in;
    const int result = ::inflate(&stream, Z_SYNC_FLUSH);
    out.truncate(out.size() - stream.avail_out);
    fresh_ = fresh_ && stream.avail_in == unread;
    switch (result) {
      case Z_OK:
      case Z_BUF_ERROR:  // nothing to do any more
        break;
      case Z_STREAM_END:
        inflateReset(&stream);
        fresh_ = true;
        break;
      case Z_MEM_ERROR:
        throw std::bad_alloc();
      default:
        return stream.msg != nullptr ? stream.msg : "unknown problem";
    }
  } while (stream.avail_in != 0 || stream.avail_out == 0);
  return std::nullopt;
}

std::optional<std::string> inflater::finish(buffer& out, std::size_t room) {
  // What ends with a last block (RFC 7692 section 7.2.3.4), or is nothing at all, needs no tail.
  if (fresh_) return std::nullopt;
  if (auto problem = inflate(sync_tail, out, room)) return problem;
  if (std::exchange(fresh_, true)) return std::nullopt;  // the tail was in the last block
  // The tail was the end of an empty stored block, behind which another may begin: of data_type
  // the bits 0 to 5 count bits not used, and bit 7 stands for the start of a block.
  constexpr int position = 0xBF, at_block_start = 0x80;
  if ((stream_->data_type & position) != at_block_start) return "unexpected end of compressed data";
  return std::nullopt;
}

}  // namespace duplex::protocol
