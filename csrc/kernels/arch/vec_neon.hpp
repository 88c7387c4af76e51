#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

/// Four floats in a NEON register (aarch64, always with fused multiply-add).
namespace motorium::kernels {
namespace {

struct Vec {
  static constexpr std::size_t lanes = 4;
  static constexpr std::size_t tile_rows = 12;  // 24 accumulators, 2 weights, 1 broadcast of 32 registers
  static constexpr bool bf16_dot = false;
  static constexpr bool fused = true;
  float32x4_t v;
};

inline Vec zero() { return {vdupq_n_f32(0.0f)}; }
inline Vec fill(float x) { return {vdupq_n_f32(x)}; }
inline Vec load(const float* p) { return {vld1q_f32(p)}; }
inline Vec load_part(const float* p, std::size_t n) {
  float part[4] = {};
  for (std::size_t i = 0; i < n; ++i) part[i] = p[i];
  return load(part);
}
inline Vec load_u8(const std::uint8_t* p) {
  std::uint32_t bytes;
  __builtin_memcpy(&bytes, p, 4);
  const uint16x8_t wide = vmovl_u8(vcreate_u8(bytes));
  return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)))};
}
inline void store(float* p, Vec a) { vst1q_f32(p, a.v); }
inline void store_part(float* p, Vec a, std::size_t n) {
  float part[4];
  store(part, a);
  for (std::size_t i = 0; i < n; ++i) p[i] = part[i];
}
inline Vec add(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
inline Vec mul(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
/// a * b + c
inline Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
/// The larger; NaN where either is.
inline Vec larger(Vec a, Vec b) { return {vmaxq_f32(a.v, b.v)}; }
/// The smaller; NaN where either is.
inline Vec smaller(Vec a, Vec b) { return {vminq_f32(a.v, b.v)}; }
inline Vec round_nearest(Vec a) { return {vrndnq_f32(a.v)}; }
/// a * 2^n for whole n in -126..127
inline Vec scale_by_power(Vec a, Vec n) {
  const int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127));
  return {vmulq_f32(a.v, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)))};
}
inline float sum(Vec a) { return vaddvq_f32(a.v); }
inline float largest(Vec a) { return vmaxvq_f32(a.v); }
/// Sixteen-bit halves of 32-bit words as two vectors of floats: lower halves, upper halves.
inline void load_bf16(const std::uint16_t* p, Vec& low, Vec& high) {
  const uint32x4_t words = vreinterpretq_u32_u16(vld1q_u16(p));
  low = {vreinterpretq_f32_u32(vshlq_n_u32(words, 16))};
  high = {vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(0xffff0000u)))};
}

/// Sums products of int8 weights and quantised inputs, four outputs at a time.
struct Int8Sums {
  using Sum = int32x4_t;
  using Weight = std::int8_t;
  static Sum none() { return vdupq_n_s32(0); }
  static Sum start(const char* p) {
    return vreinterpretq_s32_s8(vld1q_s8(reinterpret_cast<const std::int8_t*>(p)));
  }
  static Vec to_float(Sum sum) { return {vcvtq_f32_s32(sum)}; }
};

#if defined(__ARM_FEATURE_DOTPROD)
/// Multiplies four inputs by four weights in one instruction.
struct Int8Dot : Int8Sums {
  static constexpr bool single_instruction = true;
  static constexpr std::size_t group = 4;
  static constexpr int offset = 0;
  using Input = std::int8_t;
  struct Weights {
    int8x16_t low, high;
  };
  static Weights load(const std::int8_t* p) { return {vld1q_s8(p), vld1q_s8(p + 16)}; }
  static int8x16_t fill(const Input* p) {
    std::int32_t group_of_four;
    __builtin_memcpy(&group_of_four, p, sizeof group_of_four);
    return vreinterpretq_s8_s32(vdupq_n_s32(group_of_four));
  }
  static Sum dot(Sum sum, int8x16_t weights, int8x16_t inputs) { return vdotq_s32(sum, weights, inputs); }
};
#else
/// One input at a time, widened to 16 bits.
struct Int8Dot : Int8Sums {
  static constexpr std::size_t group = 1;
  static constexpr int offset = 0;
  using Input = std::int16_t;
  struct Weights {
    int16x4_t low, high;
  };
  static Weights load(const std::int8_t* p) {
    const int16x8_t wide = vmovl_s8(vld1_s8(p));
    return {vget_low_s16(wide), vget_high_s16(wide)};
  }
  static int16x4_t fill(const Input* p) { return vdup_n_s16(*p); }
  static Sum dot(Sum sum, int16x4_t weights, int16x4_t inputs) { return vmlal_s16(sum, weights, inputs); }
};
#endif

/// One 16-bit integer at a time.
struct Int16Dot : Int8Sums {
  static constexpr std::size_t group = 1;
  using Input = std::int16_t;
  using Weight = std::int16_t;
  struct Weights {
    int16x4_t low, high;
  };
  static Weights load(const std::int16_t* p) { return {vld1_s16(p), vld1_s16(p + 4)}; }
  static int16x4_t fill(const Input* p) { return vdup_n_s16(*p); }
  static Sum dot(Sum sum, int16x4_t weights, int16x4_t inputs) { return vmlal_s16(sum, weights, inputs); }
};

}  // namespace
}  // namespace motorium::kernels
