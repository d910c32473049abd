#include "speech/recognizers/dot_products.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace duplex::speech::onnx {
namespace {

TEST(dot_products, are_those_of_what_is_chosen) {
  EXPECT_FALSE(has_dot_products({}));                                    // Haswell, Zen 3
  EXPECT_FALSE(has_dot_products({.avx512 = true}));                      // Skylake-X
  EXPECT_TRUE(has_dot_products({.avx512 = true, .avx512_vnni = true}));  // Ice Lake, Zen 4
  EXPECT_TRUE(has_dot_products({.avx_vnni = true}));                     // Alder Lake
  EXPECT_TRUE(has_dot_products({true, true, true}));                     // Zen 5
  EXPECT_FALSE(has_dot_products({.avx512 = true, .avx_vnni = true}));    // one bit hidden
  EXPECT_FALSE(has_dot_products({.avx512_vnni = true}));  // the rest of AVX-512 hidden
}

TEST(dot_products, are_found_where_the_system_names_them) {
  std::ifstream file("/proc/cpuinfo");
  const std::string told{std::istreambuf_iterator<char>(file), {}};
  const auto has = [&](const char* flag) { return told.find(flag) != std::string::npos; };
  const auto it = of_this_processor();
  EXPECT_GE(it.avx512, has(" avx512vl ") && has(" avx512dq "));
  EXPECT_GE(it.avx512_vnni, has(" avx512_vnni "));
  EXPECT_GE(it.avx_vnni, has(" avx_vnni "));
}

}  // namespace
}  // namespace duplex::speech::onnx
