// Whether the processor has what 8-bit weights with a sign need to be summed right.
#pragma once

namespace duplex::speech::onnx {

/// What a processor of x86-64 can do, of what decides how ONNX Runtime multiplies 8-bit numbers.
struct vector_instructions {
  bool avx512 = false;  ///< F, BW, DQ and VL, all of them.
  bool avx512_vnni = false;
  bool avx_vnni = false;
};

/// Those of the processor that this runs on; none on others than x86-64.
vector_instructions of_this_processor();

/// Whether ONNX Runtime sums products of 8-bit numbers in 32 bits. Without that, sums in 16 bits
/// overflow unless an option makes it take the sign from weights; with it, the option makes an
/// encoder a fifth slower. Its mlas/lib/platform.cpp chooses so: AVX-512 before AVX.
bool has_dot_products(const vector_instructions& it);

}  // namespace duplex::speech::onnx
