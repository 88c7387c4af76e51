#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

/// Eight floats in an AVX2 register, with FMA.
namespace motorium::kernels {
namespace {

struct Vec {
  static constexpr std::size_t lanes = 8;
  static constexpr std::size_t tile_rows = 6;  // 12 accumulators, 2 weights, 1 broadcast of 16 registers
  static constexpr bool bf16_dot = false;
  static constexpr bool fused = true;
  __m256 v;
};

inline __m256i mask_of(std::size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}
inline Vec zero() { return {_mm256_setzero_ps()}; }
inline Vec fill(float x) { return {_mm256_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline Vec load_part(const float* p, std::size_t n) { return {_mm256_maskload_ps(p, mask_of(n))}; }
inline Vec load_u8(const std::uint8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
inline void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
inline void store_part(float* p, Vec a, std::size_t n) { _mm256_maskstore_ps(p, mask_of(n), a.v); }
inline Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
/// a * b + c
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
/// The larger; b where either is NaN.
inline Vec larger(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
/// The smaller; b where either is NaN.
inline Vec smaller(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Vec round_nearest(Vec a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/// a * 2^n for whole n in -126..127
inline Vec scale_by_power(Vec a, Vec n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_mul_ps(a.v, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)))};
}
inline float sum(Vec a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
inline float largest(Vec a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/// Sixteen-bit halves of 32-bit words as two vectors of floats: lower halves, upper halves.
inline void load_bf16(const std::uint16_t* p, Vec& low, Vec& high) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  low = {_mm256_castsi256_ps(_mm256_slli_epi32(words, 16))};
  high = {_mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32(static_cast<int>(0xffff0000u))))};
}

/// Sums products of int8 weights and quantised inputs, eight outputs at a time.
struct Int8Sums {
  using Sum = __m256i;
  struct Weights {
    __m256i low, high;
  };
  using Weight = std::int8_t;
  static Sum none() { return _mm256_setzero_si256(); }
  static Sum start(const char* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static Vec to_float(Sum sum) { return {_mm256_cvtepi32_ps(sum)}; }
  template <typename Group>
  static __m256i fill(const Group* p) {
    int group;
    __builtin_memcpy(&group, p, sizeof group);
    return _mm256_set1_epi32(group);
  }
};

#if defined(__AVXVNNI__)
/// Multiplies four unsigned inputs (128 above their value) by four signed weights in one instruction.
struct Int8Dot : Int8Sums {
  static constexpr bool single_instruction = true;
  static constexpr std::size_t group = 4;
  static constexpr int offset = 128;
  using Input = std::uint8_t;
  static Weights load(const std::int8_t* p) {
    return {start(reinterpret_cast<const char*>(p)), start(reinterpret_cast<const char*>(p) + 32)};
  }
  static Sum dot(Sum sum, __m256i weights, __m256i inputs) {
    return _mm256_dpbusd_avx_epi32(sum, inputs, weights);
  }
};
#else
/// Multiplies four unsigned inputs by four signed weights, summed in 16 bits first. These cannot overflow:
/// inputs have fewer levels than eight bits allow, and pack() bounds the weights that share a sum. The levels
/// are split so that both are rounded about equally.
struct Int8Dot : Int8Sums {
  static constexpr std::size_t group = 4, chain = 4;
  static constexpr int levels = 99, offset = 100;
  using Input = std::uint8_t;
  using Narrow = __m256i;
  static Weights load(const std::int8_t* p) {
    __m256i low = start(reinterpret_cast<const char*>(p)),
            high = start(reinterpret_cast<const char*>(p) + 32);
    asm("" : "+x"(low), "+x"(high));  // in registers: GCC 12 would reload them for every row
    return {low, high};
  }
  static Narrow multiply(__m256i weights, __m256i inputs) { return _mm256_maddubs_epi16(inputs, weights); }
  static Narrow add(Narrow a, Narrow b) {
    Narrow sum = _mm256_add_epi16(a, b);
    asm("" : "+x"(sum));  // in this order: GCC 12 would collect the products and sum them in a tree
    return sum;
  }
  static Sum widen(Sum sum, Narrow part) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
  }
};
#endif

/// Pairs of 16-bit integers.
struct Int16Dot : Int8Sums {
  static constexpr std::size_t group = 2;
  using Input = std::int16_t;
  using Weight = std::int16_t;
  static Weights load(const std::int16_t* p) {
    return {start(reinterpret_cast<const char*>(p)),
            start(reinterpret_cast<const char*>(p + 2 * Vec::lanes))};
  }
  static Sum dot(Sum sum, __m256i weights, __m256i inputs) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(weights, inputs));
    asm("" : "+x"(sum));  // at once: GCC 12 would collect the products first
    return sum;
  }
};

}  // namespace
}  // namespace motorium::kernels
