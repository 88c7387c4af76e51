#include "engine/denoiser/action_embedding.hpp"

#include <algorithm>

#include "engine/denoiser/sinusoid.hpp"
#include "engine/denoiser/slot_adapters.hpp"

namespace motorium {
namespace {

/// Returns left (n, m) * right (m, k), summed in double: weights are multiplied once, at load.
std::vector<float> product(const std::vector<float>& left, const std::vector<float>& right, std::size_t n,
                           std::size_t m, std::size_t k) {
  std::vector<float> y(n * k);
  std::vector<double> sums(k);
  for (std::size_t row = 0; row < n; ++row) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t i = 0; i < m; ++i) {
      const double factor = left[row * m + i];
      for (std::size_t c = 0; c < k; ++c) sums[c] += factor * right[i * k + c];
    }
    for (std::size_t c = 0; c < k; ++c) y[row * k + c] = static_cast<float>(sums[c]);
  }
  return y;
}

std::vector<float> columns(const float* weights, std::size_t n, std::size_t stride, std::size_t first,
                           std::size_t count) {
  std::vector<float> picked;
  for (std::size_t row = 0; row < n; ++row) {
    const float* from = weights + row * stride + first;
    picked.insert(picked.end(), from, from + count);
  }
  return picked;
}

std::vector<float> pick(const float* weights, std::size_t n, std::size_t stride,
                        std::span<const std::uint32_t> chosen) {
  std::vector<float> picked;
  for (std::size_t row = 0; row < n; ++row)
    for (const std::uint32_t column : chosen) picked.push_back(weights[row * stride + column]);
  return picked;
}

/// Transposes (in, out), as domain-aware layers store it, to (out, in).
std::vector<float> transposed(const float* weights, std::size_t in, std::size_t out) {
  std::vector<float> y(in * out);
  for (std::size_t i = 0; i < in; ++i)
    for (std::size_t o = 0; o < out; ++o) y[o * in + i] = weights[i * out + o];
  return y;
}

kernels::Unary unary_of(kernels::Activation activation) {
  switch (activation) {
    case kernels::Activation::relu:
      return kernels::Unary::relu;
    case kernels::Activation::gelu:
      return kernels::Unary::gelu;
    case kernels::Activation::gelu_tanh:
      return kernels::Unary::gelu_tanh;
    default:
      return kernels::Unary::silu;
  }
}

void add(std::vector<float>& to, const float* from) {
  for (float& value : to) value += *from++;
}

}  // namespace

ActionEmbedding::ActionEmbedding(const DenoiserConfig& config, std::span<const std::uint32_t> slots,
                                 std::size_t slot_count, Loader& loader)
    : table_(loader.table()), config_(config), width_(config.block.width), inner_(config.block.width) {
  if (config.embedding == Embedding::domain) {
    read_domains(loader);
  } else {
    read_shared(slots, slot_count, loader);
    out_ = loader.exact("action.w3", width_, inner_, config.embed_bias);
  }
  if (config.learnt_positions) position_ = loader.copy("action.position", {config.rows, width_});
  Arena& arena = loader.arena();
  sinusoid_ = arena.floats(std::max<std::size_t>(config.time.width, 1));
  terms_ = arena.floats((Schedule::kMaxSteps + Schedule::kExtra) * inner_);
  context_ = arena.floats(inner_);
  hidden_ = arena.floats(config.rows * inner_);
}

/// Folds two linear maps in a row into one: W2 [W1 x + b1 ; tau] + b2 = (W2a W1) x + (W2a b1 + b2) + W2b tau.
void ActionEmbedding::read_shared(std::span<const std::uint32_t> slots, std::size_t slot_count,
                                  Loader& loader) {
  const std::size_t a = width_;
  const std::size_t columns_in = slots.empty() ? config_.channels : slot_count;
  const bool timed = config_.embedding == Embedding::timed;
  const std::size_t t = config_.time.width;
  const float* w1 = loader.raw("action.w1.weight", {a, columns_in});
  const float* b1 = config_.embed_bias ? loader.raw("action.w1.bias", {a}) : nullptr;
  const float* w2 = timed ? loader.raw("action.w2.weight", {a, a + t}) : nullptr;
  const float* b2 = timed && config_.embed_bias ? loader.raw("action.w2.bias", {a}) : nullptr;
  const SlotAdapters slot_wise(config_, {"slot.in.weight", columns_in, a, 1}, loader);
  const std::size_t variants = std::max({config_.adapters, slot_wise.embodiments(), std::size_t{1}});
  const float* dw =
      config_.adapters != 0 ? loader.raw("adapter.in.weight", {variants, a, columns_in}) : nullptr;
  const float* db = config_.adapters != 0 ? loader.raw("adapter.in.bias", {variants, a}) : nullptr;
  for (std::size_t e = 0; e < variants; ++e) {
    std::vector<float> in(w1, w1 + a * columns_in);
    std::vector<float> bias(a, 0.0f);
    if (b1 != nullptr) add(bias, b1);
    if (dw != nullptr) add(in, dw + e * in.size());
    if (db != nullptr) add(bias, db + e * a);
    if (!slots.empty()) in = pick(in.data(), a, columns_in, slots);
    for (std::size_t c = 0; c < config_.channels; ++c) {
      const float* matrix = slot_wise.find(e, c, slots.empty() ? c : slots[c]);
      for (std::size_t row = 0; matrix != nullptr && row < a; ++row)
        in[row * config_.channels + c] += matrix[row];
    }
    Domain domain{};
    if (timed) {
      const std::vector<float> first = columns(w2, a, a + t, 0, a);
      in = product(first, in, a, a, config_.channels);
      bias = product(first, bias, a, a, 1);
      if (b2 != nullptr) add(bias, b2);
      domain.time = loader.packed(columns(w2, a, a + t, a, t).data(), bias.data(), a, t);
      domain.in = loader.packed(in.data(), nullptr, a, config_.channels);
    } else {
      domain.in = loader.packed(in.data(), bias.data(), a, config_.channels);
    }
    domains_.push_back(domain);
  }
}

void ActionEmbedding::read_domains(Loader& loader) {
  const std::size_t a = width_, c = config_.channels, p = config_.context, t = config_.time.width;
  const float* fc = loader.raw("action.fc.weight", {config_.domains, (c + p + t) * a});
  const float* bias = loader.raw("action.bias.weight", {config_.domains, a});
  for (std::size_t d = 0; d < config_.domains; ++d) {
    const float* here = fc + d * (c + p + t) * a;
    Domain domain{};
    domain.in = loader.packed(transposed(here, c, a).data(), nullptr, a, c);
    if (p != 0) domain.context = loader.packed(transposed(here + c * a, p, a).data(), nullptr, a, p);
    domain.time = loader.packed(transposed(here + (c + p) * a, t, a).data(), bias + d * a, a, t);
    domains_.push_back(domain);
  }
}

void ActionEmbedding::time_term(double t, float* out) noexcept {
  embed_time(config_.time, t, sinusoid_);
  multiply(table_, domains_[domain_].time, {sinusoid_, config_.time.width, 1}, {out, inner_, 1});
}

void ActionEmbedding::prepare(const Schedule& schedule, std::size_t domain,
                              std::span<const float> context) noexcept {
  const bool same = prepared_.steps == schedule.steps && domain_ == domain;
  domain_ = std::min(domain, domains_.size() - 1);
  if (!same && config_.embedding != Embedding::untimed) {
    for (std::size_t k = 0; k < schedule.steps; ++k) time_term(schedule.at(k), terms_ + k * inner_);
    time_term(schedule.done(), terms_ + schedule.done_row() * inner_);
    time_term(schedule.at(0), terms_ + schedule.clean_row() * inner_);
  }
  prepared_ = schedule;
  if (config_.context == 0) return;
  multiply(table_, domains_[domain_].context, {context.data(), config_.context, 1}, {context_, inner_, 1});
}

void ActionEmbedding::run(const float* x, std::size_t first, const std::uint32_t* times,
                          float* tokens) noexcept {
  const std::size_t count = config_.rows - first;
  float* hidden = out_.packed != nullptr ? hidden_ : tokens + first * width_;
  const bool timed = config_.embedding != Embedding::untimed;
  for (std::size_t row = 0; timed && row < count; ++row) {
    const float* term = terms_ + times[first + row] * inner_;
    table_.f32_add_scaled({term, context_, hidden + row * inner_, inner_, 1.0f});
  }
  multiply(table_, domains_[domain_].in, {x + first * config_.channels, config_.channels, count},
           {hidden, inner_, count}, timed ? kernels::Activation::none : config_.embed_activation, timed);
  if (out_.packed != nullptr) {
    if (timed) table_.f32_apply_unary({hidden, hidden, count * inner_, unary_of(config_.embed_activation)});
    multiply(table_, out_, {hidden, inner_, count}, {tokens + first * width_, width_, count});
  }
  if (position_ == nullptr) return;
  float* rows = tokens + first * width_;
  table_.f32_add_scaled({rows, position_ + first * width_, rows, count * width_, 1.0f});
}

}  // namespace motorium
