// A short list of views, as options are written.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace duplex {

/// A list of views of up to eight elements, written `{"a", "b"}`, or a span of any length.
///
/// It owns nothing and is trivially destructible: options are written inside awaited expressions,
/// where GCC 12 destroys twice what owns memory, and crashes on std::initializer_list.
template <class T>
class view_list {
 public:
  constexpr view_list() noexcept = default;
  constexpr view_list(const T& a, const T& b = absent, const T& c = absent,  // NOLINT: implicit
                      const T& d = absent, const T& e = absent, const T& f = absent,
                      const T& g = absent, const T& h = absent) noexcept
      : items_{a, b, c, d, e, f, g, h} {
    for (const T* item : {&a, &b, &c, &d, &e, &f, &g, &h}) count_ += item != &absent;
  }
  constexpr view_list(std::span<const T> items) noexcept  // NOLINT: implicit by design
      : span_(items.data()), count_(items.size()) {}

  constexpr const T* begin() const noexcept { return span_ ? span_ : items_.data(); }
  constexpr const T* end() const noexcept { return begin() + count_; }
  constexpr std::size_t size() const noexcept { return count_; }
  constexpr bool empty() const noexcept { return count_ == 0; }

 private:
  static constexpr T absent = {};

  std::array<T, 8> items_ = {};
  const T* span_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace duplex
