#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/denoiser/denoiser.hpp"

namespace motorium::fuzz {

/// Reads the input byte by byte; zeros after its end.
class Source {
 public:
  Source(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  bool flag() { return (byte() & 1) != 0; }
  template <typename T>
  T choice(std::initializer_list<T> of) {
    return of.begin()[byte() % of.size()];
  }
  /// Returns low .. high, or now and then a size that no network has.
  std::size_t size(std::size_t low, std::size_t high) {
    const std::uint8_t b = byte();
    if (b < 0xf4) return low + b % (high - low + 1);
    constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
    return choice<std::size_t>({0, 64, 1024, 8192, 65536, 1u << 31, kMax / 4, kMax});
  }
  float real(float usual) {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    if (byte() < 0xe0) return usual;
    return choice<float>({0.0f, -1.0f, 1e-30f, 1e30f, kInf, -kInf, std::nanf(""), 1e9f});
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

BlockConfig read_block(Source& s);
DenoiserConfig read_denoiser(Source& s);

/// The tensors that an engine lists when opened without any; some are then left out, reshaped or damaged.
class Weights {
 public:
  template <typename Open>
  void fill(const Open& open, Source& s) {
    std::string list;
    try {
      open({});
    } catch (const std::invalid_argument& missing) {
      list = missing.what();
    }
    std::size_t total = 0;
    for (std::size_t at = 0; (at = list.find("tensor ", at)) != std::string::npos; ++at)
      if (!add(list, at, total, s)) return;
  }

  Tensors tensors;

 private:
  bool add(const std::string& list, std::size_t at, std::size_t& total, Source& s);

  static constexpr std::size_t kMax = std::size_t{1} << 14;
  std::deque<std::vector<float>> storage_;
};

/// Reads `usual` floats, or another number of them.
std::vector<float> read_floats(Source& s, std::size_t usual);

std::vector<std::int32_t> read_ids(Source& s, std::size_t usual);

/// Makes a call of any denoiser, and passes it to `denoise`.
template <typename Denoise>
void call_denoiser(Source& s, const DenoiserConfig& c, const Denoise& denoise) {
  const std::size_t values = c.rows * c.channels;
  Denoiser::Run run{};
  run.refinements = c.gate.width != 0 ? s.byte() % 3 : 0;
  if (s.byte() > 0xf0) run.refinements = s.size(0, 3);
  run.steps = s.size(0, 5);
  const auto noise = read_floats(s, (1 + std::min<std::size_t>(run.refinements, 4)) * values);
  const auto committed = read_floats(s, s.byte() % (c.rows + 2) * c.channels);
  const auto context = read_floats(s, c.context);
  const std::size_t turns = std::min<std::size_t>(run.refinements, 4) * std::min<std::size_t>(run.steps, 64);
  const auto directions =
      s.flag() ? read_floats(s, turns * c.gate.directions * c.gate.width) : std::vector<float>{};
  std::vector<float> out(values);
  const std::size_t guided = s.flag() ? s.byte() % (c.rows + 2) : 0;
  const auto previous = read_floats(s, guided * c.channels), pull = read_floats(s, guided);
  const auto mask = s.flag() ? read_floats(s, values) : std::vector<float>{};
  run.noise = noise, run.committed = committed, run.context = context, run.directions = directions,
  run.out = out;
  run.mask = mask, run.guidance = {previous, pull, 5.0f}, run.domain = s.size(0, 2);
  denoise(run);
}

EngineOptions read_options(Source& s);

}  // namespace motorium::fuzz
