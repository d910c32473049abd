#include "speech/audio/vorbis_headers.hpp"

#include <ogg/ogg.h>
#include <vorbis/codec.h>

#include <array>
#include <cstring>
#include <span>
#include <string_view>

namespace duplex::speech {
namespace {

constexpr std::size_t longest_headers = 1 << 24;  // they may have a picture

bool begins_with(std::span<const std::byte> bytes, std::string_view mark) {
  return bytes.size() >= mark.size() && std::memcmp(bytes.data(), mark.data(), mark.size()) == 0;
}

// ID3v2, section 3.1: libsndfile looks behind the tags of MP3 in any file.
std::size_t end_of_tags(byte_source& file) {
  std::array<std::byte, 10> header;
  std::size_t at = 0;
  while (file.read(at, header) == header.size() && begins_with(header, "ID3")) {
    std::size_t size = 0;
    for (std::size_t i = 6; i < header.size(); ++i) {
      size = size << 7 | (std::to_integer<std::size_t>(header[i]) & 0x7F);
    }
    at += header.size() + size;
  }
  return at;
}

// Reads as libsndfile does, and releases what it has read.
class header_reader {
 public:
  header_reader(byte_source& file, std::size_t at) : file_(file), at_(at), begin_(at) {
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
      constexpr std::size_t piece = 1 << 12;
      char* const room = ogg_sync_buffer(&sync_, piece);
      if (room == nullptr || at_ - begin_ > longest_headers) return false;
      const auto count = file_.read(at_, std::as_writable_bytes(std::span(room, piece)));
      if (count == 0) return false;
      at_ += count;
      ogg_sync_wrote(&sync_, static_cast<long>(count));
    }
  }

  byte_source& file_;
  std::size_t at_;
  const std::size_t begin_;
  ogg_sync_state sync_;
  ogg_stream_state stream_;
  ogg_page page_{};
  vorbis_info info_;
  vorbis_comment comment_;
};

}  // namespace

bool has_sound_vorbis_headers(byte_source& file) {
  const auto at = end_of_tags(file);
  std::array<std::byte, 4> mark{};
  file.read(at, mark);
  return !begins_with(mark, "OggS") || header_reader(file, at).are_sound();
}

}  // namespace duplex::speech
