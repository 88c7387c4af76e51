#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "engine/denoiser/denoiser.hpp"

namespace motorium {

/// Sizes of an X-VLA checkpoint.
struct XvlaConfig {
  DenoiserConfig head;  ///< domain embedding, full mask; its tail holds all features and soft prompts
  std::size_t feature_width = 1;  ///< of the vision-language features
  std::size_t soft_prompts = 0;   ///< tokens per domain
  std::size_t positions = 1;      ///< rows of the position table

  void check() const;
};

/// The soft-prompted transformer of X-VLA from the features of its vision-language encoder on.
///
/// Tokens are [T actions | features | views 1.. | soft prompts]; attention is bidirectional, so nothing is
/// cached between steps, but projections and positions of everything that is not an action are.
class XvlaEngine {
 public:
  XvlaEngine(const XvlaConfig& config, const Tensors& tensors, const kernels::KernelTable& table,
             const EngineOptions& options = {});
  ~XvlaEngine();

  /// features: (n, feature_width) of the language encoder; views: (m, feature_width) of the other views.
  DenoiseStatus encode(std::span<const float> features, std::span<const float> views, std::size_t domain,
                       Probe* probe) noexcept;

  /// call.context is proprio; call.domain is the one given to encode().
  DenoiseStatus denoise(Denoiser::Run call) noexcept;

  const XvlaConfig& config() const noexcept;
  std::size_t arena_bytes() const noexcept;
  /// Bytes of weights that all products so far have read; waits for nobody.
  std::uint64_t weight_bytes_read() const noexcept;
  const char* isa() const noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace motorium
