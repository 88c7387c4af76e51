#include "engine/rope.hpp"

#include <cmath>

namespace motorium {

RopeTable make_rope(float theta, std::size_t head_dim, std::size_t positions, Arena& arena) {
  const std::size_t half = head_dim / 2;
  const RopeTable rope{arena.floats(positions * half), arena.floats(positions * half), positions};
  for (std::size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    const float frequency = 1.0f / std::pow(theta, exponent);
    for (std::size_t position = 0; position < positions; ++position) {
      const float angle = static_cast<float>(position) * frequency;
      rope.cosine[position * half + i] = std::cos(angle);
      rope.sine[position * half + i] = std::sin(angle);
    }
  }
  return rope;
}

}  // namespace motorium
