#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/cpu/loader.hpp"
#include "engine/families/nano_config.hpp"

namespace motorium {

enum class EngineStatus { ok, wrong_sizes, token_out_of_range, embodiment_out_of_range, not_encoded };

/// What the status means, for people.
const char* describe(EngineStatus status) noexcept;

/// The motorium nano network: pixels, words and joint state in, a chunk of actions out, K Euler steps in one
/// call.
///
/// All memory is taken by the constructor. encode() and denoise() allocate nothing, throw nothing, and may be
/// called from any thread; calls wait for one another.
class NanoEngine {
 public:
  /// Copies what it needs of `tensors`. Throws std::invalid_argument on a config, tensor or option that does
  /// not fit.
  NanoEngine(const NanoConfig& config, const Tensors& tensors, const kernels::KernelTable& table,
             const EngineOptions& options = {});
  ~NanoEngine();

  /// Once per observation. images: one (height, width, 3) uint8 per view in config order; tokens: max_tokens
  /// ids.
  EngineStatus encode(std::span<const std::uint8_t* const> images, std::span<const std::int32_t> tokens,
                      std::size_t embodiment) noexcept;

  struct Denoise {
    std::span<const float> state;          ///< (200) raw slots
    std::span<const float> noise;          ///< (T, 200)
    std::span<const float> committed;      ///< (d, 200) raw slots, d <= T
    std::size_t steps;                     ///< K, 1..64
    std::span<float> out;                  ///< (T, 200) raw slots, zeros on unmapped ones
    std::span<const float> previous = {};  ///< (p, 200) raw slots, p <= T: an earlier plan to be drawn to
    std::span<const float> pull = {};      ///< (p): how much, 0..1 per row
    float pull_limit = 5.0f;               ///< Guidance::limit
  };
  EngineStatus denoise(const Denoise& call) noexcept;

  /// The S normalised values that the last encode() read out of the scene.
  void read_scene(std::span<float> out) const noexcept;
  std::size_t arena_bytes() const noexcept;
  /// Bytes of weights that all products so far have read; waits for nobody.
  std::uint64_t weight_bytes_read() const noexcept;
  const char* isa() const noexcept;
  const NanoConfig& config() const noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace motorium
