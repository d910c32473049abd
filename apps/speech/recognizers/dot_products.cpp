#include "speech/recognizers/dot_products.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace duplex::speech::onnx {

vector_instructions of_this_processor() {
  vector_instructions it;
#if defined(__x86_64__)
  it.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  it.avx512_vnni = __builtin_cpu_supports("avx512vnni");
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned avx_vnni = 1U << 4;  // Clang 14 knows no name for it
  it.avx_vnni = __builtin_cpu_supports("avx2") &&
                __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & avx_vnni) != 0;
#endif
  return it;
}

bool has_dot_products(const vector_instructions& it) {
  return it.avx512 ? it.avx512_vnni : it.avx_vnni;
}

}  // namespace duplex::speech::onnx
