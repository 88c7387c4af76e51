#include "kernels/pack.hpp"

#include <algorithm>

namespace motorium::kernels {
namespace {

/// Rows first..first+lanes of `weights` become lanes offset..offset+lanes of the panel.
void pack_part(const float* weights, std::size_t n, std::size_t k, std::size_t first, std::size_t lanes,
               std::size_t offset, float* panel) {
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      panel[i * 2 * lanes + offset + lane] = first + lane < n ? weights[(first + lane) * k + i] : 0.0f;
    }
  }
}

}  // namespace

std::size_t packed_floats(std::size_t n, std::size_t k, std::size_t lanes) {
  return (n + 2 * lanes - 1) / (2 * lanes) * 2 * lanes * k;
}

std::size_t packed_gated_floats(std::size_t n, std::size_t k, std::size_t lanes) {
  return (n + lanes - 1) / lanes * 2 * lanes * k;
}

void pack_rows(const float* weights, std::size_t n, std::size_t k, std::size_t lanes, float* packed) {
  for (std::size_t first = 0; first < n; first += 2 * lanes, packed += 2 * lanes * k) {
    pack_part(weights, n, k, first, lanes, 0, packed);
    pack_part(weights, n, k, first + lanes, lanes, lanes, packed);
  }
}

void pack_gated(const float* gate, const float* up, std::size_t n, std::size_t k, std::size_t lanes,
                float* packed) {
  for (std::size_t first = 0; first < n; first += lanes, packed += 2 * lanes * k) {
    pack_part(gate, n, k, first, lanes, 0, packed);
    pack_part(up, n, k, first, lanes, lanes, packed);
  }
}

}  // namespace motorium::kernels
