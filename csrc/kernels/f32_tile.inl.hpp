#pragma once

/// The one inner loop of matrix products, convolutions and attention: R rows times one panel of two vectors.

namespace motorium::kernels {
namespace {

template <int R>
struct Tile {
  Vec part[R][2];
};

/// tile[r] = sum over i < k of rows[r][i] * panel[i * panel_stride .. + kPanel]
template <int R>
[[gnu::always_inline]] inline Tile<R> multiply_tile(const float* const* rows, const float* panel,
                                                    std::size_t panel_stride, std::size_t k) {
  Tile<R> tile;
  const float* x[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    x[r] = rows[r];
    tile.part[r][0] = zero();
    tile.part[r][1] = zero();
  }
  for (std::size_t i = 0; i < k; ++i, panel += panel_stride) {
    const Vec low = load(panel);
    const Vec high = load(panel + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec factor = fill(x[r][i]);
      tile.part[r][0] = fma(factor, low, tile.part[r][0]);
      tile.part[r][1] = fma(factor, high, tile.part[r][1]);
    }
  }
  return tile;
}

/// Rows per tile so that all tiles of `rows` are about equally tall.
inline std::size_t tile_height(std::size_t rows) {
  const std::size_t tiles = (rows + Vec::tile_rows - 1) / Vec::tile_rows;
  return (rows + tiles - 1) / tiles;
}

/// Calls work.template run<R>(first) for consecutive tiles covering `rows`.
template <int R, typename Work>
inline void run_tile(const Work& work, std::size_t height, std::size_t first) {
  if constexpr (R > 0) {
    if (height == static_cast<std::size_t>(R)) return work.template run<R>(first);
    run_tile<R - 1>(work, height, first);
  }
}

template <typename Work>
inline void for_tiles(const Work& work, std::size_t rows) {
  if (rows == 0) return;
  const std::size_t height = tile_height(rows);
  for (std::size_t first = 0; first < rows; first += height) {
    run_tile<static_cast<int>(Vec::tile_rows)>(work, first + height <= rows ? height : rows - first, first);
  }
}

/// Store `n` <= kPanel floats of a row of a tile.
inline void store_row(float* y, Vec low, Vec high, std::size_t n) {
  if (n >= kPanel) {
    store(y, low);
    store(y + kLanes, high);
  } else if (n > kLanes) {
    store(y, low);
    store_part(y + kLanes, high, n - kLanes);
  } else {
    store_part(y, low, n);
  }
}

}  // namespace
}  // namespace motorium::kernels
