#include "engine/denoiser/time_modulation.hpp"

#include <algorithm>
#include <string>

#include "engine/denoiser/sinusoid.hpp"

namespace motorium {

TimeModulation::TimeModulation(const DenoiserConfig& config, Loader& loader)
    : table_(loader.table()), width_(config.block.width), sinusoid_width_(config.modulation_width) {
  fc1_ = loader.exact("time.fc1", width_, sinusoid_width_, false);
  fc2_ = loader.exact("time.fc2", width_, width_, false);
  fc3_ = loader.exact("time.fc3", 6 * width_, width_, true);
  for (std::size_t layer = 0; layer < config.layers; ++layer) {
    const std::string here = "layers." + std::to_string(layer) + ".expert.";
    tables_.push_back(loader.copy(here + "adaln_table", {6, width_}));
  }
  Arena& arena = loader.arena();
  sinusoid_ = arena.floats(sinusoid_width_);
  hidden_ = arena.floats(width_);
  second_ = arena.floats(width_);
  times_ = arena.floats((Schedule::kMaxSteps + Schedule::kExtra) * 6 * width_);
  both_ = arena.floats(2 * 6 * width_);
  index_ = arena.indices(config.tokens());
}

void TimeModulation::vectors(double t, float* out) noexcept {
  const TimeConfig config{sinusoid_width_, 1000.0f, 10000.0f, true, false};
  embed_time(config, t, sinusoid_);
  multiply(table_, fc1_, {sinusoid_, sinusoid_width_, 1}, {hidden_, width_, 1}, kernels::Activation::silu);
  multiply(table_, fc2_, {hidden_, width_, 1}, {second_, width_, 1});
  multiply(table_, fc3_, {second_, width_, 1}, {out, 6 * width_, 1});
}

void TimeModulation::prepare(const Schedule& schedule) noexcept {
  if (steps_ == schedule.steps) return;
  for (std::size_t k = 0; k < schedule.steps; ++k) vectors(schedule.at(k), times_ + k * 6 * width_);
  vectors(schedule.done(), times_ + schedule.done_row() * 6 * width_);
  steps_ = schedule.steps;
}

void TimeModulation::lay_out(std::size_t lead, std::size_t committed, std::size_t count) noexcept {
  for (std::size_t token = 0; token < count; ++token)
    index_[token] = token >= lead && token < lead + committed ? 1 : 0;
}

Modulation TimeModulation::at(const Schedule& schedule, std::size_t k, std::size_t layer) noexcept {
  const std::size_t n = 6 * width_;
  table_.f32_add_scaled({times_ + k * n, tables_[layer], both_, n, 1.0f});
  table_.f32_add_scaled({times_ + schedule.done_row() * n, tables_[layer], both_ + n, n, 1.0f});
  return {both_, index_};
}

}  // namespace motorium
