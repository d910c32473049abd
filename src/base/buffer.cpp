// Where buffers get memory: a shelf of free blocks for each small size and thread, else malloc.
#include <duplex/buffer.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <limits>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define DUPLEX_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DUPLEX_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(DUPLEX_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(0)
#endif

namespace duplex {
namespace {

constexpr std::size_t smallest_block = 64;
constexpr std::size_t largest_cached_block = 128 * 1024;
constexpr std::size_t shelf_bytes_max = 32 * 1024;  // or two blocks

struct free_block_link {
  free_block_link* next;
};

// Free blocks of one size. A power of two of bytes each.
struct shelf {
  free_block_link* first = nullptr;
  std::size_t bytes = 0;
};

// Without destructors, so that buffers which die late while a thread ends still find them; the
// sweeper frees what is on them, and from then on nothing is put there.
constinit thread_local std::array<shelf, 12> shelves{};
enum class cache_state : unsigned char { untouched, in_use, swept };
constinit thread_local cache_state cache = cache_state::untouched;

struct sweeper {
  sweeper() { cache = cache_state::in_use; }
  ~sweeper() {
    cache = cache_state::swept;
    for (shelf& each : shelves) {
      while (each.first != nullptr) std::free(std::exchange(each.first, each.first->next));
    }
  }
};

shelf& shelf_of(std::size_t block_size) {
  return shelves[static_cast<std::size_t>(std::bit_width((block_size - 1) / smallest_block))];
}

std::size_t rounded(std::size_t size) {
  return size <= largest_cached_block ? std::bit_ceil(std::max(size, smallest_block)) : size;
}

// `size` is a rounded one, here and below.
std::byte* take_block(std::size_t size) {
  if (size <= largest_cached_block) {
    shelf& from = shelf_of(size);
    if (free_block_link* const block = from.first) {
      ASAN_UNPOISON_MEMORY_REGION(block, size);
      from.first = block->next;
      from.bytes -= size;
      return reinterpret_cast<std::byte*>(block);
    }
  }
  void* const block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(block);
}

void put_block(std::byte* block, std::size_t size) noexcept {
  if (size <= largest_cached_block && cache != cache_state::swept) {
    if (cache == cache_state::untouched) {
      thread_local sweeper at_thread_end;
    }
    shelf& to = shelf_of(size);
    if (to.bytes + size <= std::max(shelf_bytes_max, 2 * size)) {
      to.first = ::new (block) free_block_link{to.first};
      to.bytes += size;
      ASAN_POISON_MEMORY_REGION(block + sizeof(free_block_link), size - sizeof(free_block_link));
      return;
    }
  }
  std::free(block);
}

}  // namespace

void buffer::grow(std::size_t count) {
  if (count > std::numeric_limits<std::size_t>::max() / 2 - size_) throw std::bad_alloc();
  reallocate(std::max(size_ + count, 2 * capacity_));
}

void buffer::reallocate(std::size_t capacity) {
  capacity = rounded(capacity);
  if (capacity_ > largest_cached_block) {
    void* const block = std::realloc(data_, capacity);  // can move pages instead of bytes
    if (block == nullptr) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(block);
  } else {
    std::byte* const block = take_block(capacity);
    if (size_ != 0) std::memcpy(block, data_, size_);
    if (data_ != nullptr) put_block(data_, capacity_);
    data_ = block;
  }
  capacity_ = capacity;
}

void buffer::free_block() noexcept {
  put_block(std::exchange(data_, nullptr), std::exchange(capacity_, 0));
  size_ = 0;
}

}  // namespace duplex
