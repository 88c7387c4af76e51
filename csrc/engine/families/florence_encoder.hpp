#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "engine/denoiser/denoiser.hpp"
#include "engine/families/florence_config.hpp"

namespace motorium {

/// The vision-language encoder of X-VLA: DaViT per view, BART over the first view and the text.
class FlorenceEncoder {
 public:
  FlorenceEncoder(const FlorenceConfig& config, const Tensors& tensors, const kernels::KernelTable& table,
                  const EngineOptions& options = {});
  ~FlorenceEncoder();

  struct Observation {
    std::span<const float> pixels;        ///< (views, 3, image, image), normalised
    std::span<const std::uint8_t> valid;  ///< (views): 0 leaves zeros in place of a view's tokens
    std::span<const std::int32_t> ids;    ///< (n) text, padding included: it is attended to
    std::span<float> features;            ///< out: (view_tokens + n, text width)
    std::span<float> views;               ///< out: ((views - 1) * view_tokens, text width)
    Probe* probe = nullptr;
  };
  /// Allocates nothing without a probe.
  DenoiseStatus encode(const Observation& observation) noexcept;

  const FlorenceConfig& config() const noexcept;
  const char* isa() const noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace motorium
