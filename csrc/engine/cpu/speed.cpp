#include "engine/cpu/speed.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "engine/cpu/loader.hpp"

namespace motorium {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Returns the same numbers in -1..1 every time; quick, and random enough for a benchmark.
std::vector<float> scattered(std::size_t count) {
  std::vector<float> values(count);
  std::uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31f;
  }
  return values;
}

}  // namespace

double peak_flops(const kernels::KernelTable& table, Precision precision, std::size_t threads,
                  double seconds) {
  ThreadPool pool(threads);
  std::vector<float> sinks(threads * 16);  // a cache line each
  std::vector<std::uint64_t> products(threads * 8);
  double best = 0.0;
  const Clock::time_point start = Clock::now();
  do {
    for (const std::size_t inputs : {0u, 256u, 512u, 1024u}) {
      const Clock::time_point begin = Clock::now();
      pool.run(threads, [&](std::size_t part, std::size_t) noexcept {
        table.measure_peak({precision, 512, inputs, &sinks[part * 16], &products[part * 8]});
      });
      best = std::max(best, 2.0 * static_cast<double>(threads * products[0]) / seconds_since(begin));
    }
  } while (seconds_since(start) < seconds);
  return best;
}

double stream_bytes_per_s(const kernels::KernelTable& table, std::size_t bytes, std::size_t threads) {
  constexpr std::size_t kPart = std::size_t{1} << 20;
  const std::size_t parts = std::max<std::size_t>(1, bytes / kPart);
  ThreadPool pool(threads);
  Arena arena;
  const std::byte* data = arena.raw(parts * kPart);
  std::vector<float> sinks(threads * 16);
  double best = 0.0;
  for (int pass = 0; pass < 5; ++pass) {
    const Clock::time_point begin = Clock::now();
    pool.run(parts, [&](std::size_t part, std::size_t thread) noexcept {
      table.measure_stream({data + part * kPart, kPart, &sinks[thread * 16]});
    });
    best = std::max(best, static_cast<double>(parts * kPart) / seconds_since(begin));
  }
  return best;
}

ProductTimes time_product(const kernels::KernelTable& table, const ProductShape& shape,
                          const EngineOptions& options, std::size_t repeats) {
  if (shape.rows * shape.n * shape.k * shape.copies * repeats == 0)
    throw std::invalid_argument("rows, n, k, copies and repeats must be at least 1");
  Arena arena;
  const Tensors none;
  Loader loader(table, none, arena, options);
  const std::vector<float> weights = scattered(2 * shape.n * shape.k);
  std::vector<Linear> linears;
  for (std::size_t i = 0; i < shape.copies; ++i) {
    linears.push_back(shape.gated
                          ? loader.gated(weights.data(), weights.data() + shape.n * shape.k, shape.n, shape.k)
                          : loader.packed(weights.data(), nullptr, shape.n, shape.k, options.precision));
  }
  std::vector<float> x = scattered(shape.rows * shape.k);
  std::vector<float> y(shape.rows * shape.n);
  const auto activation = shape.gated ? kernels::Activation::silu_gate : kernels::Activation::none;
  ProductTimes times;
  for (std::size_t repeat = 0; repeat <= repeats; ++repeat) {
    const Clock::time_point begin = Clock::now();
    for (const Linear& linear : linears)
      multiply(table, linear, {x.data(), shape.k, shape.rows}, {y.data(), shape.n, shape.rows}, activation);
    // The first turn is a warm-up.
    if (repeat > 0) times.seconds.push_back(seconds_since(begin) / static_cast<double>(shape.copies));
  }
  times.weight_bytes = loader.workspace().bytes_read.read() / shape.copies / (repeats + 1);
  return times;
}

}  // namespace motorium
