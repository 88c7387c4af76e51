#include "engine/layers/rope.hpp"

#include <cmath>

namespace motorium {

namespace {

float frequency_of(float theta, std::size_t head_dim, std::size_t pair) noexcept {
  return 1.0f / std::pow(theta, static_cast<float>(2 * pair) / static_cast<float>(head_dim));
}

}  // namespace

RopeTable make_rope(float theta, std::size_t head_dim, std::size_t positions, Arena& arena) {
  const std::size_t half = head_dim / 2;
  const RopeTable rope{arena.floats(positions * half), arena.floats(positions * half), positions};
  for (std::size_t i = 0; i < half; ++i) {
    const float frequency = frequency_of(theta, head_dim, i);
    for (std::size_t position = 0; position < positions; ++position) {
      const float angle = static_cast<float>(position) * frequency;
      rope.cosine[position * half + i] = std::cos(angle);
      rope.sine[position * half + i] = std::sin(angle);
    }
  }
  return rope;
}

void turn_from(const std::array<std::size_t, 3>& starts, const RopeAxes& axes, float theta,
               std::size_t head_dim, const RopeTable& rope) noexcept {
  const std::size_t half = head_dim / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const float frequency = frequency_of(theta, head_dim, i);
    const std::size_t start = starts[axes.axis_of(i)];
    for (std::size_t row = 0; row < rope.positions; ++row) {
      const float angle = static_cast<float>(start + row) * frequency;
      rope.cosine[row * half + i] = std::cos(angle);
      rope.sine[row * half + i] = std::sin(angle);
    }
  }
}

}  // namespace motorium
