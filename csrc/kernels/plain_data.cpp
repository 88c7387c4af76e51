// Twins in plain loops: images and slots in, slots out, and the probes.
#include <cmath>

#include "kernels/plain.hpp"

namespace motorium::kernels::plain {
namespace {

float pixel_between(const ResizeImage& a, double y, double x, std::size_t c) {
  const auto inside = [](double at, std::size_t size) {
    return std::fmin(std::fmax(at, 0.0), static_cast<double>(size - 1));
  };
  const auto at = [&](double row, double column) {
    const auto pixel = static_cast<std::size_t>(inside(row, a.height)) * a.width +
                       static_cast<std::size_t>(inside(column, a.width));
    return static_cast<double>(a.x[3 * pixel + c]);
  };
  const double top = std::floor(y), left = std::floor(x);
  const double upper = at(top, left) * (left + 1 - x) + at(top, left + 1) * (x - left);
  const double lower = at(top + 1, left) * (left + 1 - x) + at(top + 1, left + 1) * (x - left);
  return static_cast<float>(upper * (top + 1 - y) + lower * (y - top));
}

}  // namespace

void u8_resize_image(const ResizeImage& a) noexcept {
  const auto source = [](std::size_t i, std::size_t in, std::size_t out) {
    return (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  };
  const std::size_t pixels = a.out_height * a.out_width;
  for (std::size_t i = 0; i < 3 * pixels; ++i) {
    const std::size_t pixel = i / 3, c = i % 3;
    const float value = pixel_between(a, source(pixel / a.out_width, a.height, a.out_height),
                                      source(pixel % a.out_width, a.width, a.out_width), c);
    a.y[a.channels_first ? c * pixels + pixel : i] = value * a.scale[c] + a.shift[c];
  }
}

void f32_gather_slots(const GatherSlots& a) noexcept {
  const SlotScale& by = a.by;
  for (std::size_t i = 0; i < by.rows * by.channels; ++i) {
    const std::size_t c = i % by.channels;
    const float raw = a.chunk[i / by.channels * by.slot_count + by.slots[c]];
    a.x[i] = (raw - by.base[c] - by.mean[i]) / by.scale[i];
  }
}

void f32_scatter_slots(const ScatterSlots& a) noexcept {
  const SlotScale& by = a.by;
  for (std::size_t i = 0; i < by.rows * by.slot_count; ++i) a.chunk[i] = 0.0f;
  for (std::size_t i = 0; i < by.rows * by.channels; ++i) {
    const std::size_t c = i % by.channels;
    a.chunk[i / by.channels * by.slot_count + by.slots[c]] = a.x[i] * by.scale[i] + by.mean[i] + by.base[c];
  }
}

void measure_peak(const MeasurePeak& a) noexcept {
  volatile float x = 1.0f;  // volatile, or the compiler would compute the sum itself
  float total = 0.0f;
  for (std::size_t i = 0; i < a.rounds; ++i) total += x * 0.5f;
  *a.sink = total;
  *a.products = a.rounds;
}

void measure_stream(const MeasureStream& a) noexcept {
  const auto* data = static_cast<const float*>(a.data);
  float total = 0.0f;
  for (std::size_t i = 0; i < a.bytes / sizeof(float); ++i) total += data[i];
  *a.sink = total;
}

}  // namespace motorium::kernels::plain
