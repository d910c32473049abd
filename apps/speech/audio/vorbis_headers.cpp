#include "speech/audio/vorbis_headers.hpp"

#include <ogg/ogg.h>
#include <vorbis/codec.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace duplex::speech {
namespace {

constexpr std::size_t longest_headers = 1 << 24;  // they may have a picture

bool begins_with(std::span<const std::byte> bytes, std::string_view mark) {
  return bytes.size() >= mark.size() && std::memcmp(bytes.data(), mark.data(), mark.size()) == 0;
}

// ID3v2, section 3.1: libsndfile looks behind the tags of MP3 in any file.
std::span<const std::byte> without_tags(std::span<const std::byte> file) {
  constexpr std::size_t header = 10;
  while (file.size() >= header && begins_with(file, "ID3")) {
    std::size_t size = 0;
    for (const auto byte : file.subspan(6, 4))
      size = size << 7 | (std::to_integer<std::size_t>(byte) & 0x7F);
    file = file.subspan(std::min(header + size, file.size()));
  }
  return file;
}

// Reads as libsndfile does, and releases what it has read.
class header_reader {
 public:
  explicit header_reader(std::span<const std::byte> file)
      : left_(file.first(std::min(file.size(), longest_headers))) {
    ogg_sync_init(&sync_);
    ogg_stream_init(&stream_, 0);
    vorbis_info_init(&info_);
    vorbis_comment_init(&comment_);
  }

  ~header_reader() {
    vorbis_comment_clear(&comment_);
    vorbis_info_clear(&info_);
    ogg_stream_clear(&stream_);
    ogg_sync_clear(&sync_);
  }

  header_reader(const header_reader&) = delete;
  header_reader& operator=(const header_reader&) = delete;

  bool are_sound() {
    ogg_packet packet;
    if (!next_page()) return true;  // no Ogg after all
    ogg_stream_reset_serialno(&stream_, ogg_page_serialno(&page_));
    if (ogg_stream_pagein(&stream_, &page_) != 0) return true;
    if (ogg_stream_packetout(&stream_, &packet) != 1 || !is_vorbis(packet)) return true;
    const bool is_alone = ogg_stream_packetpeek(&stream_, nullptr) == 0;
    if (!packet.b_o_s || !is_alone || !take(packet)) return false;
    for (int i = 0; i < 2; ++i) {  // the comments, and the codebooks
      if (!next_packet(packet) || !take(packet)) return false;
    }
    return true;
  }

 private:
  static bool is_vorbis(const ogg_packet& packet) {
    constexpr std::string_view mark = "\1vorbis";
    const auto size = static_cast<std::size_t>(packet.bytes);
    return begins_with(std::as_bytes(std::span(packet.packet, size)), mark);
  }

  bool take(ogg_packet& packet) {
    return vorbis_synthesis_headerin(&info_, &comment_, &packet) == 0;
  }

  bool next_packet(ogg_packet& packet) {
    for (;;) {
      if (const int got = ogg_stream_packetout(&stream_, &packet); got != 0) return got == 1;
      do {
        if (ogg_page_eos(&page_) != 0 || !next_page()) return false;
      } while (ogg_page_serialno(&page_) != stream_.serialno);
      if (ogg_stream_pagein(&stream_, &page_) != 0) return false;
    }
  }

  bool next_page() {
    for (;;) {
      const auto got = ogg_sync_pageseek(&sync_, &page_);
      if (got > 0) return true;
      if (got < 0) continue;  // that is no page
      if (left_.empty()) return false;
      constexpr std::size_t piece = 1 << 12;
      const auto bytes = left_.first(std::min(piece, left_.size()));
      left_ = left_.subspan(bytes.size());
      const auto size = static_cast<long>(bytes.size());
      char* const room = ogg_sync_buffer(&sync_, size);
      if (room == nullptr) return false;
      std::memcpy(room, bytes.data(), bytes.size());
      ogg_sync_wrote(&sync_, size);
    }
  }

  std::span<const std::byte> left_;
  ogg_sync_state sync_;
  ogg_stream_state stream_;
  ogg_page page_{};
  vorbis_info info_;
  vorbis_comment comment_;
};

}  // namespace

bool has_sound_vorbis_headers(std::span<const std::byte> file) {
  file = without_tags(file);
  return !begins_with(file, "OggS") || header_reader(file).are_sound();
}

}  // namespace duplex::speech
