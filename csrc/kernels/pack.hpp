#pragma once

#include <cstddef>

#include "kernels/table.hpp"

/// Arranges weights in the order in which kernels read them. Done once, at load.
namespace motorium::kernels {

/// Floats of pack_rows() for n outputs of k inputs; also the length of its bias with k = 1.
std::size_t packed_floats(std::size_t n, std::size_t k, std::size_t lanes);

/// Floats of pack_gated().
std::size_t packed_gated_floats(std::size_t n, std::size_t k, std::size_t lanes);

/// (n, k) row-major -> [panel of 2 * lanes outputs][k][output], zero-padded. A bias packs as n rows of k = 1.
void pack_rows(const float* weights, std::size_t n, std::size_t k, std::size_t lanes, float* packed);

/// Interleaves gate and up weights, each (n, k): a panel is `lanes` gates followed by the `lanes` ups they
/// gate.
void pack_gated(const float* gate, const float* up, std::size_t n, std::size_t k, std::size_t lanes,
                float* packed);

/// Weights (n, k), row-major; with `up`, gates and the ups they gate as in pack_gated().
struct Weights {
  const float* rows;
  const float* up;  ///< null: not gated
  std::size_t n, k;
};

/// Returns the number of panels for `weights`.
std::size_t panel_count(const KernelTable& table, const Weights& weights);

/// Returns the bytes of one panel.
std::size_t panel_bytes(const KernelTable& table, Precision precision, std::size_t k);

/// Returns the format of a precision in this unit; float32 has groups of one.
DotFormat format_of(const KernelTable& table, Precision precision);

/// Arranges weights for the product of that precision: panel_count() * panel_bytes() bytes. bfloat16 rounds
/// to nearest even; int8 rounds w / scale with scale = max |w| / 127 of the output's row, or as much more as
/// DotFormat::weight_sum requires.
void pack(const KernelTable& table, Precision precision, const Weights& weights, void* packed);

/// Returns `table` with the int8 rounding of another unit, to compare its twin bit by bit.
KernelTable rounded_like(KernelTable table, const KernelTable& unit);

}  // namespace motorium::kernels
