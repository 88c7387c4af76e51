#pragma once

#include <span>

#include "engine/cpu/loader.hpp"
#include "engine/denoiser/denoiser_config.hpp"
#include "engine/denoiser/schedule.hpp"

namespace motorium {

/// Turns actions into tokens. Every embedding reduces to
///   token = [out] activation(in x + time tau(t) + context c + bias) + position,
/// where the part that does not depend on x is computed once per run.
class ActionEmbedding {
 public:
  /// `slots`: columns of w1 for the channels; empty: w1 has one column per channel.
  ActionEmbedding(const DenoiserConfig& config, std::span<const std::uint32_t> slots, std::size_t slot_count,
                  Loader& loader);

  /// Call before the steps of a run. `domain` picks the domain or the adapter; context: config.context
  /// floats.
  void prepare(const Schedule& schedule, std::size_t domain, std::span<const float> context) noexcept;

  /// Embeds rows first .. T-1 of x (T, channels) into `tokens` (T, width); row i has time row times[i].
  void run(const float* x, std::size_t first, const std::uint32_t* times, float* tokens) noexcept;

 private:
  struct Domain {
    Linear in, time, context;
  };
  void read_shared(std::span<const std::uint32_t> slots, std::size_t slot_count, Loader& loader);
  void read_domains(Loader& loader);
  void time_term(double t, float* out) noexcept;

  const kernels::KernelTable& table_;
  DenoiserConfig config_;
  std::size_t width_, inner_;  // of a token; before `out`
  std::vector<Domain> domains_;
  Linear out_{};  // packed null: none
  const float* position_ = nullptr;
  float *sinusoid_, *terms_, *context_, *hidden_;
  Schedule prepared_{0, false};
  std::size_t domain_ = 0;
};

}  // namespace motorium
