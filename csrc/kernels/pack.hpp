#pragma once

#include <cstddef>

/// Weights in the order the kernels read them. Done once, at load.
namespace motorium::kernels {

/// Floats of pack_rows() for n outputs of k inputs; also the length of its bias with k = 1.
std::size_t packed_floats(std::size_t n, std::size_t k, std::size_t lanes);

/// Floats of pack_gated().
std::size_t packed_gated_floats(std::size_t n, std::size_t k, std::size_t lanes);

/// (n, k) row-major -> [panel of 2 * lanes outputs][k][output], zero-padded. A bias packs as n rows of k = 1.
void pack_rows(const float* weights, std::size_t n, std::size_t k, std::size_t lanes, float* packed);

/// Gate and up weights, each (n, k), interleaved: a panel is `lanes` gates followed by the `lanes` ups they
/// gate.
void pack_gated(const float* gate, const float* up, std::size_t n, std::size_t k, std::size_t lanes,
                float* packed);

}  // namespace motorium::kernels
