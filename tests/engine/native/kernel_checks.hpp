#pragma once

#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "kernels/dispatch.hpp"
#include "kernels/pack.hpp"

/// Every kernel of a table that computes something hard, against its twin in plain loops, at sizes around a
/// vector's.
namespace motorium::checks {

using namespace kernels;
using Floats = std::vector<float>;

inline int failures = 0;

inline Floats random_floats(std::size_t n, unsigned seed, float scale = 1.0f) {
  std::mt19937 source(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  Floats values(n);
  for (float& value : values) value = normal(source);
  return values;
}

inline void expect_close(const std::string& what, const Floats& actual, const Floats& expected,
                         float tolerance) {
  float worst = 0.0f;
  float largest = 1.0f;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::fmax(worst, std::isfinite(actual[i]) ? std::fabs(actual[i] - expected[i]) : INFINITY);
    largest = std::fmax(largest, std::fabs(expected[i]));
  }
  if (worst <= tolerance * largest) return;
  std::printf("FAILED %s: off by %g of %g\n", what.c_str(), static_cast<double>(worst),
              static_cast<double>(largest));
  ++failures;
}

/// Inputs and weights that bfloat16 holds exactly: units that round rows must agree with those that do not.
inline Floats short_floats(std::size_t n, unsigned seed) {
  Floats values = random_floats(n, seed);
  for (float& value : values) value = std::round(value * 32.0f) / 32.0f;
  return values;
}

struct Product {
  Precision precision;
  Activation activation;
  std::size_t rows, n, k;
};

inline Floats multiply(const KernelTable& table, const Product& p) {
  const Floats x = short_floats(p.rows * p.k, 1), w = short_floats(p.n * p.k, 2),
               up = short_floats(p.n * p.k, 3);
  const Floats bias = random_floats(p.n, 4);
  const bool gated = is_gated(p.activation);
  const Weights source{w.data(), gated ? up.data() : nullptr, p.n, p.k};
  std::vector<char> packed(panel_count(table, source) * panel_bytes(table, p.precision, p.k));
  pack(table, p.precision, source, packed.data());
  Floats packed_bias(packed_floats(p.n, 1, table.lanes));
  pack_rows(bias.data(), p.n, 1, table.lanes, packed_bias.data());
  Floats y(p.rows * p.n, 0.5f);
  MultiplyRows call{
      x.data(), p.k, p.rows,       packed.data(), p.n,     p.k,     gated ? nullptr : packed_bias.data(),
      y.data(), p.n, p.activation, true,          nullptr, nullptr, nullptr};
  std::vector<std::uint16_t> converted(p.rows * converted_stride(p.k));
  Floats scale(p.rows);
  const ConvertRows rows{x.data(),         p.k,          p.rows,         p.k, nullptr,
                         converted.data(), scale.data(), table.i8.levels};
  if (p.precision == Precision::int8) table.i8_quantise_rows(rows);
  if (p.precision == Precision::bfloat16 && table.bf16.input_bytes > 0) table.bf16_round_rows(rows);
  call.converted = converted.data();
  call.converted_scale = scale.data();
  (p.precision == Precision::int8       ? table.i8_multiply_rows
   : p.precision == Precision::bfloat16 ? table.bf16_multiply_rows
                                        : table.f32_multiply_rows)(call);
  return y;
}

inline Floats attend(const KernelTable& table, bool narrow, std::size_t rows, std::size_t heads,
                     std::size_t dim, std::size_t keys) {
  const Floats q = random_floats(rows * heads * dim, 1);
  const Floats k = random_floats(keys * heads * dim, 2), v = random_floats(keys * heads * dim, 3);
  Floats cache_keys(key_floats(heads, dim, keys, table.panel)),
      values(value_floats(heads, dim, keys, table.panel));
  const std::size_t scales = heads * round_up(keys, table.panel);
  std::vector<std::int16_t> narrow_keys(2 * narrow_floats(heads, dim, keys, table.panel)),
      narrow_values(narrow_keys.size());
  Floats key_scale(scales), value_scale(scales);
  Floats scratch(narrow_score_floats(keys, table.panel)), y(rows * heads * dim);
  const KeyValues cache{cache_keys.data(),
                        values.data(),
                        heads,
                        dim,
                        keys,
                        {narrow_keys.data(), narrow_values.data(), key_scale.data(), value_scale.data()}};
  (narrow ? table.i16_store_keys : table.f32_store_keys)({k.data(), v.data(), heads * dim, keys, 0, cache});
  (narrow ? table.i16_attend_rows : table.f32_attend_rows)(
      {q.data(), heads * dim, rows, heads, cache, keys - rows + 1, 1, y.data(), heads * dim, scratch.data()});
  return y;
}

inline Floats unary(const KernelTable& table, Unary op, std::size_t n) {
  const Floats x = random_floats(n, 5, 20.0f);
  Floats y(n);
  table.f32_apply_unary({x.data(), y.data(), n, op});
  if (op == Unary::exp)
    for (std::size_t i = 0; i < n; ++i) y[i] /= std::exp(x[i]);
  return y;
}

/// The largest sums that eight bits can make: a unit that saturates on the way would show it.
inline void test_extremes(const KernelTable& table) {
  for (const float sign : {1.0f, -1.0f}) {
    const std::size_t k = 1000, n = 2 * table.panel;
    const Floats x(k, sign), w(n * k, 1.0f);
    const Weights source{w.data(), nullptr, n, k};
    std::vector<char> packed(panel_count(table, source) * panel_bytes(table, Precision::int8, k));
    pack(table, Precision::int8, source, packed.data());
    std::vector<std::uint16_t> converted(converted_stride(k));
    float scale = 0.0f;
    table.i8_quantise_rows({x.data(), k, 1, k, nullptr, converted.data(), &scale, table.i8.levels});
    Floats y(n);
    MultiplyRows call{x.data(),         k,     1,       packed.data(), n,      k, nullptr, y.data(), n,
                      Activation::none, false, nullptr, nullptr,       nullptr};
    call.converted = converted.data();
    call.converted_scale = &scale;
    table.i8_multiply_rows(call);
    expect_close(std::string(table.isa) + " extremes", y, Floats(n, sign * static_cast<float>(k)), 1e-6f);
  }
}

inline void test_kernels(const KernelTable& table) {
  const KernelTable plain = rounded_like(select_table("plain"), table);
  const std::string isa = table.isa;
  for (std::size_t n : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100}) {
    for (const Precision precision : {Precision::float32, Precision::bfloat16, Precision::int8}) {
      for (Activation a : {Activation::none, Activation::relu, Activation::silu, Activation::silu_gate}) {
        for (std::size_t rows : {0, 1, 6, 13, 25}) {
          const Product product{precision, a, rows, n, 15 + rows};
          expect_close(isa + " multiply", multiply(table, product), multiply(plain, product), 1e-5f);
        }
      }
    }
    for (Unary op : {Unary::exp, Unary::silu, Unary::relu})
      expect_close(isa + " unary", unary(table, op, n), unary(plain, op, n), 1e-6f);
    if (n == 0) continue;
    for (const bool narrow : {false, true})
      expect_close(isa + " attend", attend(table, narrow, n, 2, 9, 107), attend(plain, narrow, n, 2, 9, 107),
                   narrow ? 5e-4f : 1e-5f);
  }
  test_extremes(table);
}

}  // namespace motorium::checks
