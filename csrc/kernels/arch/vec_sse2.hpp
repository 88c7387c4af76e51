#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>

/// Four floats in an SSE2 register: what every x86-64 has. No fused multiply-add.
namespace motorium::kernels {
namespace {

struct Vec {
  static constexpr std::size_t lanes = 4;
  static constexpr std::size_t tile_rows = 6;  // 12 accumulators, 2 weights, 1 broadcast of 16 registers
  static constexpr bool bf16_dot = false;
  static constexpr bool fused = false;
  __m128 v;
};

inline Vec zero() { return {_mm_setzero_ps()}; }
inline Vec fill(float x) { return {_mm_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm_loadu_ps(p)}; }
inline Vec load_part(const float* p, std::size_t n) {
  float part[4] = {};
  for (std::size_t i = 0; i < n; ++i) part[i] = p[i];
  return load(part);
}
inline Vec load_u8(const std::uint8_t* p) {
  int bytes;
  __builtin_memcpy(&bytes, p, 4);
  const __m128i none = _mm_setzero_si128();
  return {_mm_cvtepi32_ps(_mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes), none), none))};
}
inline void store(float* p, Vec a) { _mm_storeu_ps(p, a.v); }
inline void store_part(float* p, Vec a, std::size_t n) {
  float part[4];
  store(part, a);
  for (std::size_t i = 0; i < n; ++i) p[i] = part[i];
}
inline Vec add(Vec a, Vec b) { return {_mm_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm_sub_ps(a.v, b.v)}; }
inline Vec mul(Vec a, Vec b) { return {_mm_mul_ps(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {_mm_div_ps(a.v, b.v)}; }
/// a * b + c, rounded twice
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm_add_ps(_mm_mul_ps(a.v, b.v), c.v)}; }
/// The larger; b where either is NaN.
inline Vec larger(Vec a, Vec b) { return {_mm_max_ps(a.v, b.v)}; }
/// The smaller; b where either is NaN.
inline Vec smaller(Vec a, Vec b) { return {_mm_min_ps(a.v, b.v)}; }
inline Vec round_nearest(Vec a) { return {_mm_cvtepi32_ps(_mm_cvtps_epi32(a.v))}; }
/// a * 2^n for whole n in -126..127
inline Vec scale_by_power(Vec a, Vec n) {
  const __m128i exponent = _mm_add_epi32(_mm_cvtps_epi32(n.v), _mm_set1_epi32(127));
  return {_mm_mul_ps(a.v, _mm_castsi128_ps(_mm_slli_epi32(exponent, 23)))};
}
inline float sum(Vec a) {
  __m128 s = _mm_add_ps(a.v, _mm_movehl_ps(a.v, a.v));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
inline float largest(Vec a) {
  __m128 s = _mm_max_ps(a.v, _mm_movehl_ps(a.v, a.v));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
/// Sixteen-bit halves of 32-bit words as two vectors of floats: lower halves, upper halves.
inline void load_bf16(const std::uint16_t* p, Vec& low, Vec& high) {
  const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  low = {_mm_castsi128_ps(_mm_slli_epi32(words, 16))};
  high = {_mm_castsi128_ps(_mm_and_si128(words, _mm_set1_epi32(static_cast<int>(0xffff0000u))))};
}

/// Sums products of int8 weights and quantised inputs in pairs, widened to 16 bits.
struct Int8Dot {
  static constexpr std::size_t group = 2;
  static constexpr int offset = 0;
  using Input = std::int16_t;
  using Sum = __m128i;
  struct Weights {
    __m128i low, high;
  };
  using Weight = std::int8_t;
  static Sum none() { return _mm_setzero_si128(); }
  static Sum start(const char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  static Weights load(const std::int8_t* p) {
    const __m128i bytes = start(reinterpret_cast<const char*>(p));
    return {_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8),
            _mm_srai_epi16(_mm_unpackhi_epi8(bytes, bytes), 8)};
  }
  static __m128i fill(const Input* p) {
    int pair;
    __builtin_memcpy(&pair, p, sizeof pair);
    return _mm_set1_epi32(pair);
  }
  static Sum dot(Sum sum, __m128i weights, __m128i inputs) {
    return _mm_add_epi32(sum, _mm_madd_epi16(weights, inputs));
  }
  static Vec to_float(Sum sum) { return {_mm_cvtepi32_ps(sum)}; }
};

/// Pairs of 16-bit integers.
struct Int16Dot : Int8Dot {
  static constexpr std::size_t group = 2;
  using Input = std::int16_t;
  using Weight = std::int16_t;
  static Weights load(const std::int16_t* p) {
    return {start(reinterpret_cast<const char*>(p)),
            start(reinterpret_cast<const char*>(p + 2 * Vec::lanes))};
  }
  static Sum dot(Sum sum, __m128i weights, __m128i inputs) {
    return _mm_add_epi32(sum, _mm_madd_epi16(weights, inputs));
  }
};

}  // namespace
}  // namespace motorium::kernels
