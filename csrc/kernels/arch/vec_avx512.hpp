#pragma once

// GCC 12 takes the deliberately undefined operand inside its own AVX-512 header for a mistake (GCC bug
// 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

/// Sixteen floats in an AVX-512 register.
namespace motorium::kernels {
namespace {

struct Vec {
  static constexpr std::size_t lanes = 16;
  static constexpr std::size_t tile_rows = 12;  // 24 accumulators, 2 weights, broadcasts from memory
#if defined(__AVX512BF16__)
  static constexpr bool bf16_dot = true;
  struct Bf16Dot;
#else
  static constexpr bool bf16_dot = false;
#endif
  static constexpr bool fused = true;
  __m512 v;
};

inline __mmask16 mask_of(std::size_t n) { return static_cast<__mmask16>(n >= 16 ? 0xffffu : (1u << n) - 1u); }
inline Vec zero() { return {_mm512_setzero_ps()}; }
inline Vec fill(float x) { return {_mm512_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Vec load_part(const float* p, std::size_t n) { return {_mm512_maskz_loadu_ps(mask_of(n), p)}; }
inline Vec load_u8(const std::uint8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
inline void store_part(float* p, Vec a, std::size_t n) { _mm512_mask_storeu_ps(p, mask_of(n), a.v); }
inline Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
/// a * b + c
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
/// The larger; b where either is NaN.
inline Vec larger(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
/// The smaller; b where either is NaN.
inline Vec smaller(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Vec round_nearest(Vec a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT)}; }
/// a * 2^n for whole n
inline Vec scale_by_power(Vec a, Vec n) { return {_mm512_scalef_ps(a.v, n.v)}; }
inline float sum(Vec a) { return _mm512_reduce_add_ps(a.v); }
inline float largest(Vec a) { return _mm512_reduce_max_ps(a.v); }
/// Sixteen-bit halves of 32-bit words as two vectors of floats: lower halves, upper halves.
inline void load_bf16(const std::uint16_t* p, Vec& low, Vec& high) {
  const __m512i words = _mm512_loadu_si512(p);
  low = {_mm512_castsi512_ps(_mm512_slli_epi32(words, 16))};
  high = {_mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
}

/// Sums products of int8 weights and quantised inputs, sixteen outputs at a time.
struct Int8Sums {
  using Sum = __m512i;
  struct Weights {
    __m512i low, high;
  };
  using Weight = std::int8_t;
  static Sum none() { return _mm512_setzero_si512(); }
  static Sum start(const char* p) { return _mm512_loadu_si512(p); }
  static Vec to_float(Sum sum) { return {_mm512_cvtepi32_ps(sum)}; }
  template <typename Group>
  static __m512i fill(const Group* p) {
    int group;
    __builtin_memcpy(&group, p, sizeof group);
    return _mm512_set1_epi32(group);
  }
};

#if defined(__AVX512VNNI__)
/// Multiplies four unsigned inputs (128 above their value) by four signed weights in one instruction.
struct Int8Dot : Int8Sums {
  static constexpr bool single_instruction = true;
  static constexpr std::size_t group = 4;
  static constexpr int offset = 128;
  using Input = std::uint8_t;
  static Weights load(const std::int8_t* p) { return {_mm512_loadu_si512(p), _mm512_loadu_si512(p + 64)}; }
  static Sum dot(Sum sum, __m512i weights, __m512i inputs) {
    return _mm512_dpbusd_epi32(sum, inputs, weights);
  }
};
#else
/// Pairs, widened to 16 bits.
struct Int8Dot : Int8Sums {
  static constexpr std::size_t group = 2;
  static constexpr int offset = 0;
  using Input = std::int16_t;
  static Weights load(const std::int8_t* p) {
    const auto* halves = reinterpret_cast<const __m256i*>(p);
    return {_mm512_cvtepi8_epi16(_mm256_loadu_si256(halves)),
            _mm512_cvtepi8_epi16(_mm256_loadu_si256(halves + 1))};
  }
  static Sum dot(Sum sum, __m512i weights, __m512i inputs) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(weights, inputs));
  }
};
#endif

#if defined(__AVX512BF16__)
/// Multiplies pairs of bfloat16 inputs by pairs of bfloat16 weights in one instruction.
struct Vec::Bf16Dot {
  static constexpr bool single_instruction = true;
  static constexpr std::size_t group = 2;
  using Input = std::uint16_t;
  using Weight = std::uint16_t;
  using Sum = __m512;
  struct Weights {
    __m512i low, high;
  };
  static Sum none() { return _mm512_setzero_ps(); }
  static Weights load(const std::uint16_t* p) { return {_mm512_loadu_si512(p), _mm512_loadu_si512(p + 32)}; }
  static __m512i fill(const Input* p) { return Int8Sums::fill(p); }
  static Sum dot(Sum sum, __m512i weights, __m512i inputs) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(inputs), reinterpret_cast<__m512bh>(weights));
  }
  static Vec to_float(Sum sum) { return {sum}; }
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
  static Sum dot(Sum sum, __m512i weights, __m512i inputs) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(weights, inputs));
  }
};

}  // namespace
}  // namespace motorium::kernels
