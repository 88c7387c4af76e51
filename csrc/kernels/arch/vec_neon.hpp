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

}  // namespace
}  // namespace motorium::kernels
