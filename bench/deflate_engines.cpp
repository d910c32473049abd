// Compares the engines permessage-deflate could have: zlib and ISA-L, with a state for each
// connection or one for all whose history comes from the connection.
//
// Usage: deflate_engines [MESSAGES]
// JSON messages of 2 KiB, each referring to those before, as with context takeover. What each
// encoder writes is read by zlib in random pieces and compared; what each decoder reads was written
// by zlib. CPU time; ratios between rows are what travels between machines.
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "json_messages.hpp"
#include "protocol/deflate.hpp"

namespace {

using bytes = std::vector<unsigned char>;

constexpr unsigned char sync_tail[] = {0, 0, 0xFF, 0xFF};

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const std::string& name) {
  std::fprintf(stderr, "%s: wrong bytes\n", name.c_str());
  std::exit(1);
}

const unsigned char* data_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// The last bytes of what went before, as a connection would keep them.
class history {
 public:
  explicit history(std::size_t most) : most_(most) {}
  void add(const unsigned char* from, std::size_t size) {
    bytes_.insert(bytes_.end(), from, from + size);
    if (bytes_.size() > most_)
      bytes_.erase(bytes_.begin(), bytes_.end() - static_cast<long>(most_));
  }
  bytes& get() { return bytes_; }

 private:
  bytes bytes_;
  std::size_t most_;
};

// --- encoders: each writes a message, with the sync tail

struct zlib_encoder {
  zlib_encoder(int level, int bits, int memory, std::size_t shared_history)
      : before(shared_history), shared(shared_history != 0) {
    deflateInit2(&stream, level, Z_DEFLATED, -bits, memory, Z_DEFAULT_STRATEGY);
  }
  ~zlib_encoder() { deflateEnd(&stream); }
  std::size_t operator()(const std::string& message, bytes& out) {
    if (shared) {
      deflateReset(&stream);
      deflateSetDictionary(&stream, before.get().data(), static_cast<uInt>(before.get().size()));
    }
    stream.next_in = const_cast<unsigned char*>(data_of(message));
    stream.avail_in = static_cast<uInt>(message.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_SYNC_FLUSH);
    if (shared) before.add(data_of(message), message.size());
    return out.size() - stream.avail_out;
  }
  z_stream stream = {};
  history before;
  bool shared;
};

struct isal_encoder {
  isal_encoder(unsigned level, unsigned bits, std::size_t shared_history)
      : before(shared_history), shared(shared_history != 0), level_buffer(ISAL_DEF_LVL3_SMALL) {
    isal_deflate_init(stream.get());
    stream->level = level;
    stream->level_buf = level_buffer.data();
    stream->level_buf_size = static_cast<std::uint32_t>(level_buffer.size());
    stream->hist_bits = static_cast<std::uint16_t>(bits);
    stream->flush = SYNC_FLUSH;
  }
  std::size_t operator()(const std::string& message, bytes& out) {
    if (shared) {
      isal_deflate_reset(stream.get());
      isal_deflate_set_dict(stream.get(), before.get().data(),
                            static_cast<std::uint32_t>(before.get().size()));
    }
    stream->next_in = const_cast<unsigned char*>(data_of(message));
    stream->avail_in = static_cast<std::uint32_t>(message.size());
    stream->next_out = out.data();
    stream->avail_out = static_cast<std::uint32_t>(out.size());
    if (isal_deflate(stream.get()) != COMP_OK) fail("isal_deflate");
    if (shared) before.add(data_of(message), message.size());
    return out.size() - stream->avail_out;
  }
  std::unique_ptr<isal_zstream> stream = std::make_unique<isal_zstream>();
  history before;
  bool shared;
  bytes level_buffer;
};

void check(const std::string& name, const std::vector<std::string>& messages,
           const std::vector<bytes>& written) {
  std::mt19937 random(2);
  z_stream stream{};
  inflateInit2(&stream, -15);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    std::string text(messages[i].size() + 1, '\0');
    stream.next_out = reinterpret_cast<unsigned char*>(text.data());
    stream.avail_out = static_cast<uInt>(text.size());
    bytes input = written[i];
    for (std::size_t at = 0; at < input.size();) {
      const auto count = std::min<std::size_t>(input.size() - at, random() % 200 + 1);
      stream.next_in = input.data() + at;
      stream.avail_in = static_cast<uInt>(count);
      inflate(&stream, Z_SYNC_FLUSH);
      at += count;
    }
    text.resize(text.size() - stream.avail_out);
    if (text != messages[i]) fail(name);
  }
  inflateEnd(&stream);
}

template <class Encoder>
std::vector<bytes> measure(const std::string& name, const std::vector<std::string>& messages,
                           std::size_t per_connection, Encoder&& encoder) {
  std::vector<bytes> written(messages.size());
  bytes out(1 << 16);
  std::size_t total = 0;
  const double start = cpu_seconds();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::size_t size = encoder(messages[i], out);
    written[i].assign(out.begin(), out.begin() + static_cast<long>(size));
    total += size - sizeof sync_tail;
  }
  const double seconds = cpu_seconds() - start;
  const auto count = static_cast<double>(messages.size());
  std::printf("%-46s %8.2f us %8.1f bytes %8zu KiB\n", name.c_str(), seconds / count * 1e6,
              static_cast<double>(total) / count, (per_connection + 512) / 1024);
  check(name, messages, written);
  return written;
}

// --- decoders: each reads a message and its sync tail

struct zlib_decoder {
  explicit zlib_decoder(bool is_shared) : shared(is_shared) { inflateInit2(&stream, -15); }
  ~zlib_decoder() { inflateEnd(&stream); }
  std::size_t operator()(bytes& input, bytes& out) {
    if (shared) {
      inflateReset(&stream);
      inflateSetDictionary(&stream, before.get().data(), static_cast<uInt>(before.get().size()));
    }
    stream.next_in = input.data();
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    inflate(&stream, Z_SYNC_FLUSH);
    const std::size_t size = out.size() - stream.avail_out;
    if (shared) before.add(out.data(), size);
    return size;
  }
  z_stream stream = {};
  history before{32768};
  bool shared;
};

struct isal_decoder {
  explicit isal_decoder(bool is_shared) : shared(is_shared) { isal_inflate_init(state.get()); }
  std::size_t operator()(bytes& input, bytes& out) {
    if (shared) {
      isal_inflate_reset(state.get());
      isal_inflate_set_dict(state.get(), before.get().data(),
                            static_cast<std::uint32_t>(before.get().size()));
    }
    state->next_in = input.data();
    state->avail_in = static_cast<std::uint32_t>(input.size());
    state->next_out = out.data();
    state->avail_out = static_cast<std::uint32_t>(out.size());
    isal_inflate(state.get());
    const std::size_t size = out.size() - state->avail_out;
    if (shared) before.add(out.data(), size);
    return size;
  }
  std::unique_ptr<inflate_state> state = std::make_unique<inflate_state>();
  history before{32768};
  bool shared;
};

template <class Decoder>
void measure_decoder(const std::string& name, const std::vector<std::string>& messages,
                     std::vector<bytes>& written, std::size_t per_connection, Decoder&& decoder) {
  bytes out(1 << 16);
  bool right = true;
  const double start = cpu_seconds();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::size_t size = decoder(written[i], out);
    right = right && size == messages[i].size() &&
            std::memcmp(out.data(), messages[i].data(), size) == 0;
  }
  const double seconds = cpu_seconds() - start;
  if (!right) fail(name);
  std::printf("%-46s %8.2f us %23zu KiB\n", name.c_str(),
              seconds / static_cast<double>(messages.size()) * 1e6, (per_connection + 512) / 1024);
}

// zlib.h: "(1 << (windowBits+2)) + (1 << (memLevel+9))", and a little.
std::size_t zlib_memory(int bits, int memory) {
  return (std::size_t{1} << (bits + 2)) + (std::size_t{1} << (memory + 9)) + 6000;
}

void measure_encoders(const std::vector<std::string>& messages) {
  for (const auto [level, bits, memory] :
       {std::array{8, 15, 4}, {6, 15, 8}, {6, 12, 5}, {1, 15, 8}, {1, 12, 5}}) {
    measure("zlib level " + std::to_string(level) + ", " + std::to_string(bits) +
                " bits, memory level " + std::to_string(memory),
            messages, zlib_memory(bits, memory), zlib_encoder(level, bits, memory, 0));
  }
  for (const int level : {6, 1}) {
    for (const std::size_t kept : {4096, 16384}) {
      measure("zlib level " + std::to_string(level) + ", shared, " + std::to_string(kept) +
                  " bytes kept",
              messages, kept, zlib_encoder(level, 15, 8, kept));
    }
  }
  for (unsigned level = 0; level <= ISAL_DEF_MAX_LEVEL; ++level) {
    measure("ISA-L level " + std::to_string(level), messages,
            sizeof(isal_zstream) + ISAL_DEF_LVL1_SMALL, isal_encoder(level, 15, 0));
    for (const std::size_t kept : {4096, 16384, 32768}) {
      measure("ISA-L level " + std::to_string(level) + ", shared, " + std::to_string(kept) +
                  " bytes kept",
              messages, kept, isal_encoder(level, 15, kept));
    }
  }
  history before(4096);
  duplex::buffer out_buffer;
  measure("ours at its defaults", messages, 4096, [&](const std::string& message, bytes& out) {
    out_buffer.clear();
    duplex::protocol::deflate(std::as_bytes(std::span(before.get())), duplex::as_bytes(message), {},
                              out_buffer);
    before.add(data_of(message), message.size());
    std::memcpy(out.data(), out_buffer.data(), out_buffer.size());
    return out_buffer.size();
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto messages = json_messages(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 4000);
  std::printf("%-46s %11s %14s %12s\n", "encoder, 2 KiB of JSON", "a message", "compressed",
              "a connection");
  measure_encoders(messages);
  bytes out(1 << 16);
  zlib_encoder writer(6, 15, 8, 0);
  std::vector<bytes> written;
  for (const auto& message : messages) {
    const std::size_t size = writer(message, out);
    written.emplace_back(out.begin(), out.begin() + static_cast<long>(size));
  }
  std::printf("%-46s %11s %27s\n", "decoder", "a message", "a connection");
  constexpr std::size_t zlib_window = 32768 + 7160;
  measure_decoder("zlib", messages, written, zlib_window, zlib_decoder(false));
  measure_decoder("zlib, shared", messages, written, 32768, zlib_decoder(true));
  measure_decoder("ISA-L", messages, written, sizeof(inflate_state), isal_decoder(false));
  measure_decoder("ISA-L, shared", messages, written, 32768, isal_decoder(true));
}
