#pragma once

/// exp, silu, relu and the two forms of gelu on vectors.

namespace motorium::kernels {
namespace {

/// e^x to 2 units in the last place on -87.3..88.3, saturating outside; NaN stays NaN. Range reduction x = n
/// ln 2 + r and the degree-5 polynomial on |r| <= ln 2 / 2: Cephes, expf.
inline Vec exp_of(Vec x) {
  // Bounds come first, because larger() and smaller() return the second operand where either is NaN.
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

/// erf to 4e-7, absolute. x P(x^2) / Q(x^2), our own minimax fit on |x| <= 3.92, where erf rounds to 1.
inline Vec erf_of(Vec x) {
  x = smaller(fill(3.92f), larger(fill(-3.92f), x));
  const Vec u = mul(x, x);
  Vec p = fill(2.0500926e-6f);
  p = fma(p, u, fill(2.848816117e-4f));
  p = fma(p, u, fill(3.765575841e-3f));
  p = fma(p, u, fill(5.274859929e-2f));
  p = fma(p, u, fill(1.904055393e-1f));
  p = fma(p, u, fill(1.128379146f));
  Vec q = fill(3.809171062e-5f);
  q = fma(q, u, fill(1.162525104e-3f));
  q = fma(q, u, fill(1.496913574e-2f));
  q = fma(q, u, fill(1.141087269e-1f));
  q = fma(q, u, fill(5.020752570e-1f));
  q = fma(q, u, fill(1.0f));
  return div(mul(x, p), q);
}

inline Vec gelu_of(Vec x) {
  const Vec half = mul(x, fill(0.5f));
  return fma(half, erf_of(mul(x, fill(0.707106781f))), half);
}

/// 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2u)).
inline Vec gelu_tanh_of(Vec x) {
  const Vec cubic = fma(mul(x, x), fill(-2.0f * 0.797884561f * 0.044715f), fill(-2.0f * 0.797884561f));
  return div(x, add(fill(1.0f), exp_of(mul(x, cubic))));
}

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
    case Unary::gelu:
      return map<gelu_of>(a.x, a.y, a.n);
    case Unary::gelu_tanh:
      return map<gelu_tanh_of>(a.x, a.y, a.n);
  }
}

}  // namespace
}  // namespace motorium::kernels
