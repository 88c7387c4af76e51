#pragma once

/// How fast memory can be read: what bounds a product whose weights do not stay in cache.

namespace motorium::kernels {
namespace {

void measure_stream(const MeasureStream& a) noexcept {
  const float* p = static_cast<const float*>(a.data);
  const float* end = p + a.bytes / sizeof(float);
  Vec total[4] = {zero(), zero(), zero(), zero()};
  for (; p < end; p += 64) {
    __builtin_prefetch(p + 1024, 0, 2);
    __builtin_prefetch(p + 1040, 0, 2);
    __builtin_prefetch(p + 1056, 0, 2);
    __builtin_prefetch(p + 1072, 0, 2);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 64 / kLanes; ++i) total[i % 4] = add(total[i % 4], load(p + i * kLanes));
  }
  *a.sink = sum(add(add(total[0], total[1]), add(total[2], total[3])));
}

}  // namespace
}  // namespace motorium::kernels
