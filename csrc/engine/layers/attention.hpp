#pragma once

#include <span>

#include "engine/cpu/loader.hpp"
#include "engine/layers/block_config.hpp"
#include "engine/layers/probe.hpp"
#include "engine/layers/rope.hpp"

namespace motorium {

/// Consecutive rows whose keys are adjacent in the cache.
struct KeySegment {
  std::size_t row, key, count;
};

/// Locations of the rows of one call: places in the key cache, positions and visible keys.
struct TokenPlaces {
  std::span<const KeySegment> keys;
  const std::uint32_t* positions;       ///< one per row; unused without rotary embedding
  const kernels::VisibleKeys* visible;  ///< one per row
};

/// Attention of one stream in one layer; keys and values go to a cache that other streams may also read.
class Attention {
 public:
  /// `here`: name prefix such as "layers.0.prefix.".
  Attention(const std::string& here, const BlockConfig& config, Loader& loader);

  struct Scratch {
    float* projected;  ///< (rows, projected_width()): queries, keys, values
    float *mixed, *scores;
  };
  static Scratch make_scratch(std::size_t rows, const BlockConfig& config, std::size_t capacity,
                              Loader& loader);

  /// Computes queries of all rows into the scratch, keys and values into the cache. x: normalised rows,
  /// computed by `make` if given.
  void store(const ConstRows& x, const TokenPlaces& places, const RopeTable& rope,
             const kernels::KeyValues& cache, const Scratch& scratch,
             const RowMaker& make = {}) const noexcept;

  /// Does store() and attend() at once, for a cache that no other stream writes to meanwhile: the same thread
  /// stores and reads one head of the cache.
  void run(const ConstRows& x, std::size_t first, const TokenPlaces& places, const RopeTable& rope,
           const kernels::KeyValues& cache, const Scratch& scratch, const Rows& out, bool accumulate,
           const RowMaker& make) const noexcept;

  /// Computes out (+)= attention of as many rows as `out` has; `first`: index of the first of them in
  /// `places`.
  void attend(std::size_t first, const TokenPlaces& places, const kernels::KeyValues& cache,
              const Scratch& scratch, const Rows& out, bool accumulate) const noexcept;

  /// Whether run() has work for every thread.
  bool divides() const noexcept { return config_.kv_heads >= workspace_.pool.threads(); }

 private:
  kernels::AttendRows call_of(std::size_t first, std::size_t count, const TokenPlaces& places,
                              const kernels::KeyValues& cache, const Scratch& scratch) const noexcept;
  void place_head(std::size_t head, const Rows& projected, const TokenPlaces& places, const RopeTable& rope,
                  const kernels::KeyValues& cache) const noexcept;

  const kernels::KernelTable& table_;
  Workspace& workspace_;
  BlockConfig config_;
  const float *query_norm_ = nullptr, *key_norm_ = nullptr;
  Linear project_, out_;
};

}  // namespace motorium
