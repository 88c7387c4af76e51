#pragma once

/// exp, silu and relu on vectors.

namespace motorium::kernels {
namespace {

/// e^x to 2 units in the last place on -87.3..88.3, saturating outside; NaN stays NaN.
/// Range reduction x = n ln 2 + r and the degree-5 polynomial on |r| <= ln 2 / 2: Cephes, expf.
inline Vec exp_of(Vec x) {
  // The bounds come first: where either operand is NaN, larger() and smaller() return the second.
  x = smaller(fill(88.3762626f), larger(fill(-87.3365448f), x));
  const Vec n = round_nearest(mul(x, fill(1.44269504f)));
  Vec r = fma(n, fill(-0.693359375f), x);
  r = fma(n, fill(2.12194440e-4f), r);
  Vec p = fill(1.9875691500e-4f);
  p = fma(p, r, fill(1.3981999507e-3f));
  p = fma(p, r, fill(8.3334519073e-3f));
  p = fma(p, r, fill(4.1665795894e-2f));
  p = fma(p, r, fill(1.6666665459e-1f));
  p = fma(p, r, fill(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), fill(1.0f));
  return scale_by_power(p, n);
}

inline Vec silu_of(Vec x) { return div(x, add(fill(1.0f), exp_of(sub(zero(), x)))); }

inline Vec relu_of(Vec x) { return larger(zero(), x); }

template <Vec (*op)(Vec)>
inline void map(const float* x, float* y, std::size_t n) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, op(load(x + i)));
  if (i < n) store_part(y + i, op(load_part(x + i, n - i)), n - i);
}

void f32_apply_unary(const ApplyUnary& a) noexcept {
  switch (a.op) {
    case Unary::exp:
      return map<exp_of>(a.x, a.y, a.n);
    case Unary::silu:
      return map<silu_of>(a.x, a.y, a.n);
    case Unary::relu:
      return map<relu_of>(a.x, a.y, a.n);
  }
}

}  // namespace
}  // namespace motorium::kernels
