#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "engine/denoiser/denoiser.hpp"
#include "engine/families/being_h05_config.hpp"

namespace motorium {

/// Being-H0.5: InternViT, connector and Qwen3 once per observation, then K Euler steps of the action expert
/// over their cached keys and values. The reference recomputes everything at every step; being causal, it
/// gets the same numbers.
///
/// All memory is taken by the constructor. encode() and denoise() allocate nothing without a probe, throw
/// nothing, and may be called from any thread; calls wait for one another.
class BeingH05Engine {
 public:
  /// Throws std::invalid_argument on a config or tensors that do not fit.
  BeingH05Engine(const BeingH05Config& config, const Tensors& tensors, const kernels::KernelTable& table,
                 const EngineOptions& options = {});
  ~BeingH05Engine();

  /// Entries of a prompt that are not token ids.
  static constexpr std::int32_t kImageToken = -1;  ///< the next token of the views
  static constexpr std::int32_t kStateToken = -2;

  struct Observation {
    std::span<const float> pixels;         ///< (views, 3, image, image), normalised
    std::span<const std::int32_t> prompt;  ///< tokens before the actions, in order
    std::span<const float> state;          ///< (slots), normalised
    std::span<const std::int32_t> behind;  ///< token ids behind the actions; only a probe ever sees them
    Probe* probe = nullptr;
  };
  DenoiseStatus encode(const Observation& observation) noexcept;

  /// Locked rows, noise, result: normalised, as the denoiser takes them.
  DenoiseStatus denoise(const Denoiser::Run& call) noexcept;

  const BeingH05Config& config() const noexcept;
  std::size_t arena_bytes() const noexcept;
  /// Bytes of weights that all products so far have read; waits for nobody.
  std::uint64_t weight_bytes_read() const noexcept;
  const char* isa() const noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace motorium
