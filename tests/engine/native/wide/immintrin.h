/// The AVX-512 and AVX-VNNI operations that the kernels use, lane by lane as Intel's intrinsics guide defines
/// them: units for wider processors can be run, slowly, on any x86-64 with AVX2.
#pragma once

#include_next <immintrin.h>

// What the compiler would define for a processor that has them; only now, or its own header would want them
// too.
#if defined(WIDE_AVXVNNI)
#define __AVXVNNI__ 1
#endif
#if defined(WIDE_AVX512VNNI)
#define __AVX512VNNI__ 1
#endif
#if defined(WIDE_AVX512BF16)
#define __AVX512BF16__ 1
#endif

#include <cmath>
#include <cstdint>
#include <cstring>

namespace wide {

template <typename To, typename From>
inline To bits_of(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <typename T, int N>
struct Lanes {
  T at[N];
};
using F16 = Lanes<float, 16>;
using I16 = Lanes<std::int32_t, 16>;
using H32 = Lanes<std::int16_t, 32>;

template <typename Out, int N, typename Work>
inline auto lanes(const Work& work) {
  Lanes<Out, N> out;
  for (int i = 0; i < N; ++i) out.at[i] = work(i);
  return out;
}

template <typename Work>
inline __m512 floats(const Work& work) {
  return bits_of<__m512>(lanes<float, 16>(work));
}
template <typename Work>
inline __m512i ints(const Work& work) {
  return bits_of<__m512i>(lanes<std::int32_t, 16>(work));
}

inline __m512 fma(__m512 a, __m512 b, __m512 c) {
  const F16 x = bits_of<F16>(a), y = bits_of<F16>(b), z = bits_of<F16>(c);
  return floats([&](int i) { return std::fmaf(x.at[i], y.at[i], z.at[i]); });
}
inline __m512 max(__m512 a, __m512 b) {  // the second where either is NaN
  const F16 x = bits_of<F16>(a), y = bits_of<F16>(b);
  return floats([&](int i) { return x.at[i] > y.at[i] ? x.at[i] : y.at[i]; });
}
inline __m512 min(__m512 a, __m512 b) {
  const F16 x = bits_of<F16>(a), y = bits_of<F16>(b);
  return floats([&](int i) { return x.at[i] < y.at[i] ? x.at[i] : y.at[i]; });
}
inline __m512 fill(float a) {
  return floats([&](int) { return a; });
}
inline __m512i fill_int(int a) {
  return ints([&](int) { return a; });
}
inline __m512 load(const void* p) {
  __m512 out;
  std::memcpy(&out, p, sizeof out);
  return out;
}
inline __m512i load_int(const void* p) { return bits_of<__m512i>(load(p)); }
inline void store(void* p, __m512 a) { std::memcpy(p, &a, sizeof a); }
inline __m512 load_masked(__mmask16 mask, const float* p) {  // touches no masked element
  return floats([&](int i) { return (mask >> i & 1) != 0 ? p[i] : 0.0f; });
}
inline void store_masked(float* p, __mmask16 mask, __m512 a) {
  const F16 x = bits_of<F16>(a);
  for (int i = 0; i < 16; ++i)
    if ((mask >> i & 1) != 0) p[i] = x.at[i];
}
inline __m512i widen_u8(__m128i a) {
  const auto x = bits_of<Lanes<std::uint8_t, 16>>(a);
  return ints([&](int i) { return static_cast<std::int32_t>(x.at[i]); });
}
inline __m512i widen_i8(__m256i a) {
  const auto x = bits_of<Lanes<std::int8_t, 32>>(a);
  return bits_of<__m512i>(lanes<std::int16_t, 32>([&](int i) { return static_cast<std::int16_t>(x.at[i]); }));
}
inline __m512 to_floats(__m512i a) {
  const I16 x = bits_of<I16>(a);
  return floats([&](int i) { return static_cast<float>(x.at[i]); });
}
inline __m512i add_ints(__m512i a, __m512i b) {
  const I16 x = bits_of<I16>(a), y = bits_of<I16>(b);
  return ints([&](int i) { return x.at[i] + y.at[i]; });
}
inline __m512i and_ints(__m512i a, __m512i b) {
  const I16 x = bits_of<I16>(a), y = bits_of<I16>(b);
  return ints([&](int i) { return x.at[i] & y.at[i]; });
}
inline __m512i shift_left(__m512i a, int n) {
  const auto x = bits_of<Lanes<std::uint32_t, 16>>(a);
  return ints([&](int i) { return static_cast<std::int32_t>(x.at[i] << n); });
}
inline __m512i multiply_pairs(__m512i a, __m512i b) {
  const H32 x = bits_of<H32>(a), y = bits_of<H32>(b);
  return ints([&](int i) { return x.at[2 * i] * y.at[2 * i] + x.at[2 * i + 1] * y.at[2 * i + 1]; });
}
template <int N>
inline auto dot_bytes(const Lanes<std::int32_t, N>& sum, const Lanes<std::uint8_t, 4 * N>& x,
                      const Lanes<std::int8_t, 4 * N>& y) {
  return lanes<std::int32_t, N>([&](int i) {
    std::int32_t total = sum.at[i];
    for (int j = 4 * i; j < 4 * i + 4; ++j) total += static_cast<std::int32_t>(x.at[j]) * y.at[j];
    return total;
  });
}
inline __m512i dot_bytes_512(__m512i sum, __m512i x, __m512i y) {
  return bits_of<__m512i>(dot_bytes<16>(bits_of<I16>(sum), bits_of<Lanes<std::uint8_t, 64>>(x),
                                        bits_of<Lanes<std::int8_t, 64>>(y)));
}
inline __m256i dot_bytes_256(__m256i sum, __m256i x, __m256i y) {
  return bits_of<__m256i>(dot_bytes<8>(bits_of<Lanes<std::int32_t, 8>>(sum),
                                       bits_of<Lanes<std::uint8_t, 32>>(x),
                                       bits_of<Lanes<std::int8_t, 32>>(y)));
}
inline __m512 dot_bf16(__m512 sum, __m512bh a, __m512bh b) {
  const auto x = bits_of<Lanes<std::uint16_t, 32>>(a), y = bits_of<Lanes<std::uint16_t, 32>>(b);
  const F16 s = bits_of<F16>(sum);
  const auto wide = [](std::uint16_t half) { return bits_of<float>(static_cast<std::uint32_t>(half) << 16); };
  return floats([&](int i) {  // the odd products first
    const float odd = std::fmaf(wide(x.at[2 * i + 1]), wide(y.at[2 * i + 1]), s.at[i]);
    return std::fmaf(wide(x.at[2 * i]), wide(y.at[2 * i]), odd);
  });
}
inline __m512 round_even(__m512 a) {
  const F16 x = bits_of<F16>(a);
  return floats([&](int i) { return std::nearbyintf(x.at[i]); });
}
inline __m512 scale_by_power(__m512 a, __m512 b) {
  const F16 x = bits_of<F16>(a), y = bits_of<F16>(b);
  return floats([&](int i) {
    return std::isnan(y.at[i]) ? y.at[i] : std::scalbnf(x.at[i], static_cast<int>(std::floor(y.at[i])));
  });
}
inline float sum_of(__m512 a) {
  const F16 x = bits_of<F16>(a);
  float total = 0.0f;
  for (float value : x.at) total += value;
  return total;
}
inline float largest_of(__m512 a) {
  const F16 x = bits_of<F16>(a);
  float top = x.at[0];
  for (float value : x.at) top = top > value ? top : value;
  return top;
}

}  // namespace wide

#undef _mm512_roundscale_ps
#undef _mm512_slli_epi32
#define _mm512_add_ps(a, b) ((a) + (b))
#define _mm512_sub_ps(a, b) ((a) - (b))
#define _mm512_mul_ps(a, b) ((a) * (b))
#define _mm512_div_ps(a, b) ((a) / (b))
#define _mm512_setzero_ps() wide::fill(0.0f)
#define _mm512_setzero_si512() wide::fill_int(0)
#define _mm512_castsi512_ps(a) wide::bits_of<__m512>(a)
#define _mm512_roundscale_ps(a, mode) wide::round_even(a)
#define _mm512_add_epi32 wide::add_ints
#define _mm512_and_si512 wide::and_ints
#define _mm512_cvtepi32_ps wide::to_floats
#define _mm512_cvtepi8_epi16 wide::widen_i8
#define _mm512_cvtepu8_epi32 wide::widen_u8
#define _mm512_dpbf16_ps wide::dot_bf16
#define _mm512_dpbusd_epi32 wide::dot_bytes_512
#define _mm256_dpbusd_avx_epi32 wide::dot_bytes_256
#define _mm512_fmadd_ps wide::fma
#define _mm512_loadu_ps wide::load
#define _mm512_loadu_si512 wide::load_int
#define _mm512_madd_epi16 wide::multiply_pairs
#define _mm512_mask_storeu_ps wide::store_masked
#define _mm512_maskz_loadu_ps wide::load_masked
#define _mm512_max_ps wide::max
#define _mm512_min_ps wide::min
#define _mm512_reduce_add_ps wide::sum_of
#define _mm512_reduce_max_ps wide::largest_of
#define _mm512_scalef_ps wide::scale_by_power
#define _mm512_set1_epi32 wide::fill_int
#define _mm512_set1_ps wide::fill
#define _mm512_slli_epi32 wide::shift_left
#define _mm512_storeu_ps wide::store
