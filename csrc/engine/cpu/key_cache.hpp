#pragma once

#include "engine/cpu/loader.hpp"

namespace motorium {

/// A layer's cache of keys and values: 16-bit integers in an int8 engine, float32 otherwise.
inline kernels::KeyValues make_cache(std::size_t kv_heads, std::size_t head_dim, std::size_t capacity,
                                     Loader& loader) {
  Arena& arena = loader.arena();
  const std::size_t panel = loader.table().panel;
  if (loader.precision() != Precision::int8 || head_dim > kernels::kMaxHeadDim)
    return {arena.floats(kernels::key_floats(kv_heads, head_dim, capacity, panel)),
            arena.floats(kernels::value_floats(kv_heads, head_dim, capacity, panel)), kv_heads, head_dim,
            capacity};
  const std::size_t narrow = kernels::narrow_floats(kv_heads, head_dim, capacity, panel);
  const std::size_t scales = kv_heads * kernels::round_up(capacity, panel);
  return {
      nullptr,
      nullptr,
      kv_heads,
      head_dim,
      capacity,
      {reinterpret_cast<std::int16_t*>(arena.floats(narrow)),
       reinterpret_cast<std::int16_t*>(arena.floats(narrow)), arena.floats(scales), arena.floats(scales)}};
}

inline void store_keys(const kernels::KernelTable& table, const kernels::StoreKeys& call) noexcept {
  (call.cache.narrow.keys != nullptr ? table.i16_store_keys : table.f32_store_keys)(call);
}

/// Returns one head of a cache as a cache.
inline kernels::KeyValues head_of(const kernels::KernelTable& table, const kernels::KeyValues& cache,
                                  std::size_t head) noexcept {
  const std::size_t panel = table.panel, dim = cache.head_dim, capacity = cache.capacity;
  kernels::KeyValues one = cache;
  one.kv_heads = 1;
  if (cache.narrow.keys == nullptr) {
    one.keys += head * kernels::key_floats(1, dim, capacity, panel);
    one.values += head * kernels::value_floats(1, dim, capacity, panel);
    return one;
  }
  const std::size_t width = kernels::round_up(capacity, panel), group = table.i16_group;
  one.narrow.keys += head * width * kernels::round_up(dim, group);
  one.narrow.values += head * kernels::round_up(dim, panel) * kernels::round_up(capacity, group);
  one.narrow.key_scale += head * width;
  one.narrow.value_scale += head * width;
  return one;
}

}  // namespace motorium
