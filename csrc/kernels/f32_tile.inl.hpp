#pragma once

/// The inner loops of matrix products, convolutions and attention: R rows times one panel of two vectors.

namespace motorium::kernels {
namespace {

/// Prefetches the next weights while the current ones are used: otherwise memory and arithmetic would take
/// turns. Reaching past the end is harmless: a prefetch never faults.
struct Ahead {
  const char* next;
  std::size_t step;  // bytes per turn of the inner loop

  void ask() {
    __builtin_prefetch(next, 0, 2);
    next += step;
  }
};

struct NothingAhead {
  void ask() {}
};

/// Tile `index` of `tiles` over one panel prefetches its part of the next panel.
inline Ahead ahead_of(const void* panel, std::size_t panel_bytes, std::size_t turns, std::size_t index,
                      std::size_t tiles) {
  const std::size_t bytes = panel_bytes / tiles;
  return {static_cast<const char*>(panel) + panel_bytes + index * bytes, turns > 0 ? bytes / turns + 1 : 0};
}

template <int R>
struct Tile {
  Vec part[R][2];
};

/// Copies the sums after the loop. GCC 12 may store sums that are themselves passed on at every turn of the
/// loop (when a call follows): three times slower.
template <typename Sums>
[[gnu::always_inline]] inline Sums settled(const Sums& sums) {
  Sums copy;
  constexpr int rows = static_cast<int>(sizeof(sums.part) / sizeof(sums.part[0]));
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    copy.part[r][0] = sums.part[r][0];
    copy.part[r][1] = sums.part[r][1];
  }
  return copy;
}

/// Weights of one input as float32: two vectors.
struct FloatPanel {
  static constexpr std::size_t words = kPanel;
  using Word = float;
  [[gnu::always_inline]] static void read(const float* p, Vec& low, Vec& high) {
    low = load(p);
    high = load(p + kLanes);
  }
};

/// Computes tile[r] = sum over i < k of rows[r][i] * panel[i * panel_stride .. + Panel::words].
template <int R, typename Panel = FloatPanel, typename Prefetch = NothingAhead>
[[gnu::always_inline]] inline Tile<R> multiply_tile(const float* const* rows,
                                                    const typename Panel::Word* panel,
                                                    std::size_t panel_stride, std::size_t k,
                                                    Prefetch ahead = {}) {
  Tile<R> tile;
  const float* x[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    x[r] = rows[r];
    tile.part[r][0] = zero();
    tile.part[r][1] = zero();
  }
  for (std::size_t i = 0; i < k; ++i, panel += panel_stride) {
    Vec low, high;
    Panel::read(panel, low, high);
    ahead.ask();
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec factor = fill(x[r][i]);
      tile.part[r][0] = fma(factor, low, tile.part[r][0]);
      tile.part[r][1] = fma(factor, high, tile.part[r][1]);
    }
  }
  return settled(tile);
}

template <typename Dot, int R>
struct DotTile {
  typename Dot::Sum part[R][2];
};

/// Computes tile[r] = start + sum over i < groups of dot(group i of rows[r], group i of the panel).
template <typename Dot, int R, typename Prefetch>
[[gnu::always_inline]] inline DotTile<Dot, R> dot_tile(const typename Dot::Input* const* rows,
                                                       const typename Dot::Sum (&start)[2],
                                                       const typename Dot::Weight* panel, std::size_t groups,
                                                       Prefetch ahead) {
  DotTile<Dot, R> tile;
  const typename Dot::Input* x[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    x[r] = rows[r];
    tile.part[r][0] = start[0];
    tile.part[r][1] = start[1];
  }
  for (std::size_t i = 0; i < groups; ++i, panel += kPanel * Dot::group) {
    const typename Dot::Weights weights = Dot::load(panel);
    ahead.ask();
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const auto factor = Dot::fill(x[r] + i * Dot::group);
      tile.part[r][0] = Dot::dot(tile.part[r][0], weights.low, factor);
      tile.part[r][1] = Dot::dot(tile.part[r][1], weights.high, factor);
    }
  }
  return settled(tile);
}

/// The same where products are summed in 16 bits before they are widened: Dot::chain groups at a time, to
/// which the panel is padded. The wide sums stay in memory meanwhile, because the narrow ones need all
/// registers.
template <typename Dot, int R, typename Prefetch>
[[gnu::always_inline]] inline DotTile<Dot, R> chain_tile(const typename Dot::Input* const* rows,
                                                         const typename Dot::Sum (&start)[2],
                                                         const typename Dot::Weight* panel,
                                                         std::size_t groups, Prefetch ahead) {
  DotTile<Dot, R> tile;
  const typename Dot::Input* x[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    x[r] = rows[r];
    tile.part[r][0] = start[0];
    tile.part[r][1] = start[1];
  }
  for (std::size_t i = 0; i < groups; i += Dot::chain) {
    asm volatile("" : "+m"(tile));
    typename Dot::Narrow part[R][2];
#pragma GCC unroll 16
    for (std::size_t c = 0; c < Dot::chain; ++c, panel += kPanel * Dot::group) {
      const typename Dot::Weights weights = Dot::load(panel);
      if (c % 2 == 0) ahead.ask();
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const auto factor = Dot::fill(x[r] + (i + c) * Dot::group);
        const auto low = Dot::multiply(weights.low, factor);
        const auto high = Dot::multiply(weights.high, factor);
        part[r][0] = c == 0 ? low : Dot::add(part[r][0], low);
        part[r][1] = c == 0 ? high : Dot::add(part[r][1], high);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      tile.part[r][0] = Dot::widen(tile.part[r][0], part[r][0]);
      tile.part[r][1] = Dot::widen(tile.part[r][1], part[r][1]);
    }
  }
  return settled(tile);
}

inline std::size_t tile_count(std::size_t rows) { return (rows + Vec::tile_rows - 1) / Vec::tile_rows; }

/// Returns the rows per tile that make all tiles of `rows` about equally tall.
inline std::size_t tile_height(std::size_t rows) {
  const std::size_t tiles = tile_count(rows);
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

/// Stores `n` <= kPanel floats of a row of a tile.
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
