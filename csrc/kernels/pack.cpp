#include "kernels/pack.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/bfloat16.hpp"

namespace motorium::kernels {
namespace {

/// Returns the source row of output `slot` of panel `index`; null: padding.
const float* row_of(const Weights& w, std::size_t lanes, std::size_t index, std::size_t slot) {
  const std::size_t at = w.up != nullptr ? index * lanes + slot % lanes : index * 2 * lanes + slot;
  if (at >= w.n) return nullptr;
  return (w.up != nullptr && slot >= lanes ? w.up : w.rows) + at * w.k;
}

/// Calls write(panel, slot, row) for every output of every panel; row is null for padding.
template <typename Write>
void for_outputs(const Weights& w, std::size_t lanes, const Write& write) {
  const std::size_t results = w.up != nullptr ? lanes : 2 * lanes;
  for (std::size_t index = 0; index * results < w.n; ++index)
    for (std::size_t slot = 0; slot < 2 * lanes; ++slot) write(index, slot, row_of(w, lanes, index, slot));
}

void pack_float32(const Weights& w, std::size_t lanes, float* packed) {
  for_outputs(w, lanes, [&](std::size_t index, std::size_t slot, const float* row) {
    float* target = packed + index * 2 * lanes * w.k + slot;
    for (std::size_t i = 0; i < w.k; ++i) target[i * 2 * lanes] = row != nullptr ? row[i] : 0.0f;
  });
}

/// In groups of one, an input's weights are the halves of words: output `lane` in the lower, output `lanes +
/// lane` in the upper. In pairs, each output's two inputs are neighbours.
void pack_bfloat16(const KernelTable& table, const Weights& w, std::uint16_t* packed) {
  const std::size_t lanes = table.lanes;
  const std::size_t group = table.bf16.group;
  const std::size_t panel = bf16_panel_bytes(table.panel, w.k, table.bf16.block) / sizeof(std::uint16_t);
  for_outputs(w, lanes, [&](std::size_t index, std::size_t slot, const float* row) {
    for (std::size_t i = 0; i < round_up(w.k, group); ++i) {
      const std::size_t at = group == 1 ? (i * lanes + slot % lanes) * 2 + slot / lanes
                                        : (i / group * 2 * lanes + slot) * group + i % group;
      packed[index * panel + at] = row != nullptr && i < w.k ? round_bf16(row[i]) : std::uint16_t{0};
    }
  });
}

/// Returns max |w|; NaN, and with it every result, where a weight is not finite.
float peak_of(const float* row, std::size_t k) {
  float peak = 0.0f;
  for (std::size_t i = 0; i < k; ++i) {
    if (!std::isfinite(row[i])) return NAN;
    peak = std::fmax(peak, std::fabs(row[i]));
  }
  return peak;
}

/// Returns the largest sum of weights of one sign within one 16-bit sum.
float meeting_of(const float* row, std::size_t k) {
  float most = 0.0f;
  for (std::size_t first = 0; first < k; first += kChain) {
    float sums[2][2] = {};  // [which 16-bit sum][sign]
    for (std::size_t i = first; i < std::min(first + kChain, k); ++i)
      sums[i / 2 % 2][row[i] < 0.0f ? 1 : 0] += std::fabs(row[i]);
    most = std::max({most, sums[0][0], sums[0][1], sums[1][0], sums[1][1]});
  }
  return most;
}

/// Returns the step of an output's int8 weights.
float scale_of(const float* row, std::size_t k, const DotFormat& format) {
  const float scale = peak_of(row, k) / 127.0f;
  if (format.weight_sum == 0 || !std::isfinite(scale)) return scale;
  // Rounding adds at most half a step for each of the weights in a sum.
  const auto most = static_cast<float>(format.weight_sum) - 0.25f * static_cast<float>(kChain);
  return std::max(scale, meeting_of(row, k) / most);
}

/// Sums start at -offset * (sum of the weights), to compensate the offset of the inputs.
void pack_int8(const KernelTable& table, const Weights& w, char* packed) {
  const std::size_t lanes = table.lanes;
  const DotFormat& format = table.i8;
  const std::size_t group = format.group;
  const std::size_t bytes = i8_panel_bytes(table.panel, w.k, format.block);
  for_outputs(w, lanes, [&](std::size_t index, std::size_t slot, const float* row) {
    char* panel = packed + index * bytes;
    const float scale = row != nullptr ? scale_of(row, w.k, format) : 0.0f;
    std::int32_t total = 0;
    for (std::size_t i = 0; i < round_up(w.k, format.block); ++i) {
      const float exact = row != nullptr && i < w.k && scale > 0.0f ? row[i] / scale : 0.0f;
      const auto value = static_cast<std::int8_t>(std::nearbyint(std::clamp(exact, -127.0f, 127.0f)));
      total += value;
      std::memcpy(panel + 8 * table.panel + (i / group * 2 * lanes + slot) * group + i % group, &value, 1);
    }
    const std::int32_t start = -format.offset * total;
    std::memcpy(panel + slot * sizeof scale, &scale, sizeof scale);
    std::memcpy(panel + (table.panel + slot) * sizeof start, &start, sizeof start);
  });
}

}  // namespace

std::size_t packed_floats(std::size_t n, std::size_t k, std::size_t lanes) {
  return (n + 2 * lanes - 1) / (2 * lanes) * 2 * lanes * k;
}

std::size_t packed_gated_floats(std::size_t n, std::size_t k, std::size_t lanes) {
  return (n + lanes - 1) / lanes * 2 * lanes * k;
}

void pack_rows(const float* weights, std::size_t n, std::size_t k, std::size_t lanes, float* packed) {
  pack_float32({weights, nullptr, n, k}, lanes, packed);
}

void pack_gated(const float* gate, const float* up, std::size_t n, std::size_t k, std::size_t lanes,
                float* packed) {
  pack_float32({gate, up, n, k}, lanes, packed);
}

std::size_t panel_count(const KernelTable& table, const Weights& weights) {
  const std::size_t results = weights.up != nullptr ? table.lanes : table.panel;
  return (weights.n + results - 1) / results;
}

DotFormat format_of(const KernelTable& table, Precision precision) {
  if (precision == Precision::bfloat16) return table.bf16;
  if (precision == Precision::int8) return table.i8;
  return {1, 0};
}

std::size_t panel_bytes(const KernelTable& table, Precision precision, std::size_t k) {
  const std::size_t block = format_of(table, precision).block;
  if (precision == Precision::bfloat16) return bf16_panel_bytes(table.panel, k, block);
  if (precision == Precision::int8) return i8_panel_bytes(table.panel, k, block);
  return table.panel * k * sizeof(float);
}

void pack(const KernelTable& table, Precision precision, const Weights& weights, void* packed) {
  switch (precision) {
    case Precision::float32:
      return pack_float32(weights, table.lanes, static_cast<float*>(packed));
    case Precision::bfloat16:
      return pack_bfloat16(table, weights, static_cast<std::uint16_t*>(packed));
    case Precision::int8:
      return pack_int8(table, weights, static_cast<char*>(packed));
  }
}

KernelTable rounded_like(KernelTable table, const KernelTable& unit) {
  table.i8.levels = unit.i8.levels;
  table.i8.weight_sum = unit.i8.weight_sum;
  return table;
}

}  // namespace motorium::kernels
