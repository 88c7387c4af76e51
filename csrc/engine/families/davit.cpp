#include "engine/families/davit.hpp"

#include <algorithm>
#include <string>

namespace motorium {
namespace {

constexpr std::size_t kColours = 3;

}  // namespace

Davit::Davit(const FlorenceConfig& config, Loader& loader) : table_(loader.table()), config_(config) {
  std::size_t in = kColours, map = kColours * config.image * config.image, patch = 0;
  for (std::size_t s = 0; s < config.stages.size(); ++s) {
    const DavitStage& stage = config.stages[s];
    const std::string number = std::to_string(s);
    Stage built;
    built.convolution = loader.convolution("davit.convs." + number, stage.width, in, stage.patch);
    built.norm = NormLayer("davit.norms." + number, Norm::layer, stage.norm_first ? in : stage.width,
                           kLayerNormEps, loader);
    for (std::size_t j = 0; j < stage.depth; ++j) {
      const std::string here = "davit.blocks." + number + "." + std::to_string(j) + ".";
      built.blocks.emplace_back(here + "spatial.", stage, config.window, true, loader);
      built.blocks.emplace_back(here + "channel.", stage, config.window, false, loader);
    }
    stages_.push_back(std::move(built));
    map = std::max(map, config.side(s) * config.side(s) * stage.width);
    patch = std::max(patch, stage.patch * stage.patch * in);
    in = stage.width;
  }
  scratch_ = DavitBlock::make_scratch(config, loader);
  Arena& arena = loader.arena();
  for (float*& buffer : maps_) buffer = arena.floats(map);
  patches_ = arena.floats(kernels::kConvolveRows * patch);
}

TokenMap Davit::shrink(const Stage& stage, std::size_t index, const TokenMap& x) noexcept {
  const DavitStage& sizes = config_.stages[index];
  const TokenMap y{maps_[index % 2], config_.side(index), sizes.width};
  if (sizes.norm_first) stage.norm.run(table_, x.rows(), x.rows());
  table_.f32_convolve_image({x.data, x.side, x.side, x.width, sizes.patch, sizes.stride, sizes.padding,
                             static_cast<const float*>(stage.convolution.packed), stage.convolution.bias,
                             sizes.width, y.data, patches_});
  if (!sizes.norm_first) stage.norm.run(table_, y.rows(), y.rows());
  return y;
}

TokenMap Davit::run(const float* pixels, std::size_t view, Probe* probe) noexcept {
  TokenMap x{maps_[1], config_.image, kColours};
  for (std::size_t i = 0; i < x.count(); ++i)
    for (std::size_t c = 0; c < kColours; ++c) x.data[i * kColours + c] = pixels[c * x.count() + i];
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    x = shrink(stages_[s], s, x);
    for (const DavitBlock& block : stages_[s].blocks) block.run(x, scratch_);
    if (probe != nullptr) probe->see("davit", ("stage" + std::to_string(s)).c_str(), view, x.rows(), x.width);
  }
  return x;
}

}  // namespace motorium
