// One chunk of a denoiser whose weights fit in no small cache, for a simulator of caches to watch.
// Arguments: steps, precision (0 float32, 1 bfloat16, 2 int8). Prints bytes of weights that one step reads,
// and of the prefix's keys and values.
#include <cstdio>
#include <cstdlib>

#include "engine/denoiser/denoiser.hpp"
#include "random_weights.hpp"

int main(int argc, char** argv) {
  using namespace motorium;
  if (argc != 3) return 2;
  const auto steps = static_cast<std::size_t>(std::atol(argv[1]));
  const kernels::KernelTable& table = kernels::select_table("");
  DenoiserConfig c;
  c.block = {.width = 128, .heads = 4, .kv_heads = 2, .head_dim = 32, .mlp = 384};
  c.layers = c.shared_layers = 3;
  c.rows = 4;
  c.channels = 8;
  c.prefix = 64;
  c.lead = 1;
  c.time.width = 128;
  const EngineOptions options{static_cast<Precision>(std::atoi(argv[2])), 1, {}};
  const checks::RandomWeights weights(
      [&](const Tensors& tensors) {
        Arena arena;
        Loader loader(table, tensors, arena, options);
        const Denoiser denoiser(c, {}, loader);
        loader.finish();
      },
      true);
  Arena arena;
  Loader loader(table, weights.tensors, arena, options);
  Denoiser denoiser(c, {}, loader);
  loader.finish();
  denoiser.set_prefix(c.prefix, c.prefix);
  const checks::Floats noise = checks::random_floats(c.rows * c.channels, 1);
  checks::Floats out(noise.size());
  const auto read = [&](std::size_t count) {
    const std::uint64_t before = loader.workspace().bytes_read.read();
    if (denoiser.run({noise, {}, count, out}) != DenoiseStatus::ok) std::abort();
    return loader.workspace().bytes_read.read() - before;
  };
  const std::uint64_t fewer = read(steps), more = read(3 * steps);
  const bool narrow = options.precision == Precision::int8;  // 16-bit integers and a scale per key and value
  const std::size_t row = narrow
                              ? c.block.key_width() * sizeof(std::int16_t) + c.block.kv_heads * sizeof(float)
                              : c.block.key_width() * sizeof(float);
  const std::size_t cache = 2 * c.layers * c.prefix * row;
  std::printf("%.0f %zu\n", static_cast<double>(more - fewer) / static_cast<double>(2 * steps), cache);
  return 0;
}
