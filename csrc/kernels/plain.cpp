// The twin of every kernel in plain loops: the reference of the tests, written from the definitions in
// args.hpp, not from the vector code. One lane, panels of two.
#include <cmath>

#include "kernels/plain.hpp"
#include "kernels/table.hpp"

namespace motorium::kernels {
namespace {

using namespace plain;

float pixel_at(const ConvolveImage& a, std::size_t y, std::size_t x, std::size_t channel) {
  if (y < a.padding || x < a.padding || y >= a.height + a.padding || x >= a.width + a.padding) return 0.0f;
  return a.x[((y - a.padding) * a.width + x - a.padding) * a.channels + channel];
}

float convolve(const ConvolveImage& a, std::size_t row, std::size_t column, std::size_t out) {
  float total = a.packed_bias != nullptr ? a.packed_bias[out] : 0.0f;
  std::size_t i = 0;
  for (std::size_t ky = 0; ky < a.kernel; ++ky) {
    for (std::size_t kx = 0; kx < a.kernel; ++kx) {
      for (std::size_t c = 0; c < a.channels; ++c, ++i) {
        total += pixel_at(a, row * a.stride + ky, column * a.stride + kx, c) *
                 a.packed[place_of(out, i, a.kernel * a.kernel * a.channels)];
      }
    }
  }
  return total;
}

void f32_convolve_image(const ConvolveImage& a) noexcept {
  const std::size_t out_height = (a.height + 2 * a.padding - a.kernel) / a.stride + 1;
  const std::size_t out_width = (a.width + 2 * a.padding - a.kernel) / a.stride + 1;
  for (std::size_t row = 0; row < out_height; ++row) {
    for (std::size_t column = 0; column < out_width; ++column) {
      for (std::size_t out = 0; out < a.out_channels; ++out) {
        a.y[(row * out_width + column) * a.out_channels + out] = convolve(a, row, column, out);
      }
    }
  }
}

void f32_normalise_rms(const NormaliseRms& a) noexcept {
  for (std::size_t row = 0; row < a.rows; ++row) {
    for (std::size_t segment = 0; segment < a.segments; ++segment) {
      const float* x = a.x + row * a.x_stride + segment * a.width;
      float* y = a.y + row * a.y_stride + segment * a.width;
      float squares = 0.0f;
      for (std::size_t i = 0; i < a.width; ++i) squares += x[i] * x[i];
      const float root = std::sqrt(squares / static_cast<float>(a.width) + a.eps);
      for (std::size_t i = 0; i < a.width; ++i) y[i] = x[i] / root * a.weight[i];
    }
  }
}

void f32_normalise_layer(const NormaliseLayer& a) noexcept {
  for (std::size_t row = 0; row < a.rows; ++row) {
    const float* x = a.x + row * a.x_stride;
    float* y = a.y + row * a.y_stride;
    const float count = static_cast<float>(a.width);
    float mean = 0.0f;
    float variance = 0.0f;
    for (std::size_t i = 0; i < a.width; ++i) mean += x[i] / count;
    for (std::size_t i = 0; i < a.width; ++i) variance += (x[i] - mean) * (x[i] - mean) / count;
    for (std::size_t i = 0; i < a.width; ++i) {
      const float value = (x[i] - mean) / std::sqrt(variance + a.eps);
      y[i] = value * (a.weight != nullptr ? a.weight[i] : 1.0f) + (a.bias != nullptr ? a.bias[i] : 0.0f);
    }
  }
}

void f32_modulate_rows(const ModulateRows& a) noexcept {
  for (std::size_t row = 0; row < a.rows; ++row) {
    const std::size_t which = (a.index != nullptr ? a.index[row] : 0) * a.stride;
    for (std::size_t i = 0; i < a.width; ++i) {
      const std::size_t at = row * a.y_stride + i;
      a.y[at] = a.x[row * a.x_stride + i] * (a.offset + a.scale[which + i]) +
                (a.shift != nullptr ? a.shift[which + i] : 0.0f) +
                (a.residual != nullptr ? a.residual[at] : 0.0f);
    }
  }
}

void f32_rotate_halves(const RotateHalves& a) noexcept {
  const std::size_t half = a.width / 2;
  for (std::size_t row = 0; row < a.rows; ++row) {
    for (std::size_t i = 0; i < a.segments * half; ++i) {
      float& x = a.x[row * a.stride + i / half * a.width + i % half];
      float& y = a.x[row * a.stride + i / half * a.width + i % half + half];
      const float c = a.cosine[a.positions[row] * half + i % half];
      const float s = a.sine[a.positions[row] * half + i % half];
      const float turned = x * c - y * s;
      y = y * c + x * s;
      x = turned;
    }
  }
}

void normalise_group(const NormaliseGroups& a, std::size_t first, std::size_t width) {
  float mean = 0.0f;
  float variance = 0.0f;
  const float count = static_cast<float>(width * a.pixels);
  for (std::size_t pixel = 0; pixel < a.pixels; ++pixel)
    for (std::size_t c = first; c < first + width; ++c) mean += a.x[pixel * a.channels + c] / count;
  for (std::size_t pixel = 0; pixel < a.pixels; ++pixel)
    for (std::size_t c = first; c < first + width; ++c)
      variance += (a.x[pixel * a.channels + c] - mean) * (a.x[pixel * a.channels + c] - mean) / count;
  for (std::size_t pixel = 0; pixel < a.pixels; ++pixel) {
    for (std::size_t c = first; c < first + width; ++c) {
      const std::size_t at = pixel * a.channels + c;
      float value = (a.x[at] - mean) / std::sqrt(variance + a.eps) * a.gamma[c] + a.beta[c];
      if (a.film_scale != nullptr) value = value * (1.0f + a.film_scale[c]) + a.film_shift[c];
      if (a.silu) value = silu_of(value);
      a.y[at] = value + (a.residual != nullptr ? a.residual[at] : 0.0f);
    }
  }
}

void f32_normalise_groups(const NormaliseGroups& a) noexcept {
  const std::size_t width = a.channels / a.groups;
  for (std::size_t group = 0; group < a.groups; ++group) normalise_group(a, group * width, width);
}

std::size_t key_at(const KeyValues& cache, std::size_t head, std::size_t key, std::size_t d) {
  const std::size_t panels = round_up(cache.capacity, kPanel) / kPanel;
  return ((head * panels + key / kPanel) * cache.head_dim + d) * kPanel + key % kPanel;
}

std::size_t value_at(const KeyValues& cache, std::size_t head, std::size_t key, std::size_t d) {
  const std::size_t panels = round_up(cache.head_dim, kPanel) / kPanel;
  return ((head * panels + d / kPanel) * cache.capacity + key) * kPanel + d % kPanel;
}

void f32_store_keys(const StoreKeys& a) noexcept {
  for (std::size_t i = 0; i < a.count; ++i) {
    for (std::size_t head = 0; head < a.cache.kv_heads; ++head) {
      for (std::size_t d = 0; d < a.cache.head_dim; ++d) {
        const std::size_t from = i * a.stride + head * a.cache.head_dim + d;
        a.cache.keys[key_at(a.cache, head, a.first + i, d)] = a.k[from];
        a.cache.values[value_at(a.cache, head, a.first + i, d)] = a.v[from];
      }
    }
  }
}

void softmax(const float* x, float* y, std::size_t n) {
  float top = n > 0 ? x[0] : 0.0f;
  for (std::size_t i = 1; i < n; ++i) top = std::fmax(top, x[i]);
  float total = 0.0f;
  for (std::size_t i = 0; i < n; ++i) total += y[i] = std::exp(x[i] - top);
  for (std::size_t i = 0; i < n; ++i) y[i] /= total;
}

void f32_softmax_rows(const SoftmaxRows& a) noexcept {
  for (std::size_t row = 0; row < a.rows && a.width > 0; ++row)
    softmax(a.x + row * a.width, a.y + row * a.width, a.width);
}

void attend(const AttendRows& a, std::size_t row, std::size_t head) {
  const KeyValues& cache = a.cache;
  const std::size_t kv_head = head / (a.heads / cache.kv_heads);
  const std::size_t last =
      a.visible != nullptr ? a.visible[row].last : a.visible_first + row * a.visible_step;
  std::size_t count = 0;  // scratch: scores of the visible keys, without gaps
  const auto hidden = [&](std::size_t key) {
    return a.visible != nullptr && key >= a.visible[row].gap_first && key < a.visible[row].gap_last;
  };
  for (std::size_t key = 0; key < last; ++key) {
    if (hidden(key)) continue;
    float score = 0.0f;
    for (std::size_t d = 0; d < cache.head_dim; ++d)
      score += a.q[row * a.q_stride + head * cache.head_dim + d] * cache.keys[key_at(cache, kv_head, key, d)];
    a.scratch[count++] = score / std::sqrt(static_cast<float>(cache.head_dim));
  }
  softmax(a.scratch, a.scratch, count);
  for (std::size_t d = 0; d < cache.head_dim; ++d) {
    float total = 0.0f;
    count = 0;
    for (std::size_t key = 0; key < last; ++key)
      if (!hidden(key)) total += a.scratch[count++] * cache.values[value_at(cache, kv_head, key, d)];
    a.y[row * a.y_stride + head * cache.head_dim + d] = total;
  }
}

void f32_attend_rows(const AttendRows& a) noexcept {
  const std::size_t last = a.last_head > 0 ? a.last_head : a.heads;
  for (std::size_t row = 0; row < a.rows; ++row)
    for (std::size_t head = a.first_head; head < last; ++head) attend(a, row, head);
}

float apply(Unary op, float x) {
  switch (op) {
    case Unary::exp:
      return std::exp(x);
    case Unary::silu:
      return silu_of(x);
    case Unary::relu:
      return x < 0.0f ? 0.0f : x;
    case Unary::gelu:
      return gelu_of(x);
    case Unary::gelu_tanh:
      return gelu_tanh_of(x);
  }
  return x;
}

void f32_apply_unary(const ApplyUnary& a) noexcept {
  for (std::size_t i = 0; i < a.n; ++i) a.y[i] = apply(a.op, a.x[i]);
}

void f32_add_scaled(const AddScaled& a) noexcept {
  for (std::size_t i = 0; i < a.n; ++i) a.y[i] = a.x[i] + a.scale * a.z[i];
}

void f32_step_euler(const StepEuler& a) noexcept {
  for (std::size_t i = 0; i < a.rows * a.width; ++i)
    a.x[i] = i < a.committed_rows * a.width ? a.committed[i] : a.x[i] + a.dt * a.v[i];
}

void u8_normalise_image(const NormaliseImage& a) noexcept {
  for (std::size_t i = 0; i < 3 * a.pixels; ++i)
    a.y[i] = static_cast<float>(a.x[i]) * a.scale[i % 3] + a.shift[i % 3];
}

}  // namespace

extern const KernelTable table_plain;
const KernelTable table_plain = {
    "plain", 1, kPanel, false, {1, 0}, {1, sizeof(std::int8_t)}, 1,
#define MOTORIUM_KERNEL(name, Args) name,
#include "kernels/kernels.def"
#undef MOTORIUM_KERNEL
};

}  // namespace motorium::kernels
