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

// Free blocks of one size, a power of two of bytes each, and for how many more there is room.
struct shelf {
  free_block_link* first = nullptr;
  std::size_t room = 0;
};

// Without destructors, so that buffers which die late while a thread ends still find them. There is
// room from the first block put there until the thread ends, when the sweeper frees them.
// Reached without a call, also from a shared library.
[[gnu::tls_model("initial-exec")]] constinit thread_local std::array<shelf, 12> shelves{};
enum class cache_state : unsigned char { untouched, in_use, swept };
constinit thread_local cache_state cache = cache_state::untouched;

struct sweeper {
  sweeper() {
    cache = cache_state::in_use;
    std::size_t block_size = smallest_block;
    for (shelf& each : shelves) {
      each.room = std::max<std::size_t>(shelf_bytes_max / block_size, 2);
      block_size *= 2;
    }
  }
  ~sweeper() {
    cache = cache_state::swept;
    for (shelf& each : shelves) {
      each.room = 0;
      while (each.first != nullptr) std::free(std::exchange(each.first, each.first->next));
    }
  }
};

// Of the smallest blocks that have `size` bytes, at least one.
std::size_t shelf_index(std::size_t size) {
  constexpr std::size_t below_smallest = smallest_block - 1;
  constexpr int digits = std::numeric_limits<std::size_t>::digits;
  return static_cast<std::size_t>(digits - 1 - std::countl_zero((size - 1) | below_smallest)) -
         (std::bit_width(below_smallest) - 1);
}

void put_on(shelf& to, std::byte* block, [[maybe_unused]] std::size_t size) noexcept {
  to.first = ::new (block) free_block_link{to.first};
  --to.room;
  ASAN_POISON_MEMORY_REGION(block + sizeof(free_block_link), size - sizeof(free_block_link));
}

// A function of its own, so that what is done most often needs no stack.
[[gnu::noinline]] void put_without_room(std::byte* block, std::size_t size) noexcept {
  if (size <= largest_cached_block && cache == cache_state::untouched) {
    thread_local sweeper at_thread_end;
    return put_on(shelves[shelf_index(size)], block, size);
  }
  std::free(block);
}

}  // namespace

buffer::block buffer::allocate_block(std::size_t size) {
  void* const data = std::malloc(size);
  if (data == nullptr) throw std::bad_alloc();
  return {static_cast<std::byte*>(data), size};
}

buffer::block buffer::take_block(std::size_t size) {
  if (size > largest_cached_block) return allocate_block(size);
  const std::size_t index = shelf_index(size);
  size = smallest_block << index;
  shelf& from = shelves[index];
  free_block_link* const first = from.first;
  if (first == nullptr) return allocate_block(size);
  ASAN_UNPOISON_MEMORY_REGION(first, size);
  from.first = first->next;
  ++from.room;
  return {reinterpret_cast<std::byte*>(first), size};
}

void buffer::put_block(std::byte* block, std::size_t size) noexcept {
  if (size <= largest_cached_block) {
    shelf& to = shelves[shelf_index(size)];
    if (to.room != 0) return put_on(to, block, size);
  }
  put_without_room(block, size);
}

void buffer::grow(std::size_t count) {
  if (count > std::numeric_limits<std::size_t>::max() / 2 - size_) throw std::bad_alloc();
  reallocate(std::max(size_ + count, 2 * capacity_));
}

void buffer::reallocate(std::size_t capacity) {
  if (capacity_ > largest_cached_block) {
    void* const data = std::realloc(data_, capacity);  // can move pages instead of bytes
    if (data == nullptr) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(data);
    capacity_ = capacity;
    return;
  }
  const block larger = take_block(capacity);
  if (size_ != 0) std::memcpy(larger.data, data_, size_);
  if (data_ != nullptr) put_block(data_, capacity_);
  data_ = larger.data;
  capacity_ = larger.size;
}

}  // namespace duplex
