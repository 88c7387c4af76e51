#include "engine/layers/block.hpp"

#include <algorithm>

namespace motorium {
namespace {

constexpr std::size_t kAttentionPart = 0, kMlpPart = 3;  // of the six modulation vectors

Rows part_of(const Rows& rows, std::size_t first, std::size_t last) {
  return {rows.data + first * rows.stride, rows.stride, last - first};
}

Modulation from_row(const Modulation& modulation, std::size_t row) {
  if (modulation.vectors == nullptr) return {};
  return {modulation.vectors, modulation.index + row};
}

}  // namespace

Block::Block(const std::string& here, const BlockConfig& config, Loader& loader)
    : table_(loader.table()),
      config_(config),
      norm1_(here + "norm1", config.norm, config.width, config.eps, loader),
      norm2_(here + "norm2", config.norm, config.width, config.eps, loader),
      attention_(here, config, loader) {
  if (config.order == NormOrder::sandwich) {
    norm3_ = NormLayer(here + "norm3", config.norm, config.width, config.eps, loader);
    norm4_ = NormLayer(here + "norm4", config.norm, config.width, config.eps, loader);
  }
  if (config.mlp != 0) mlp_.emplace(here, config, loader);
}

Block::Block(const std::string& here, const BlockConfig& config, const RoutedMlp::Sizes& routed,
             std::size_t most_rows, Loader& loader)
    : Block(
          here,
          [&] {
            BlockConfig without = config;
            without.mlp = 0;
            return without;
          }(),
          loader) {
  routed_.emplace(here, routed, most_rows, loader);
}

Block::Scratch Block::make_scratch(std::size_t rows, const BlockConfig& config, std::size_t capacity,
                                   std::size_t hidden, const RopeTable* rope, const char* stream,
                                   Loader& loader) {
  Arena& arena = loader.arena();
  return {Attention::make_scratch(rows, config, capacity, loader),
          arena.floats(rows * config.width),
          arena.floats(rows * config.width),
          arena.floats(rows * hidden),
          rope,
          stream,
          nullptr};
}

void Block::normalise(const NormLayer& norm, const ConstRows& x, float* into, const Modulation& modulation,
                      std::size_t part) const noexcept {
  const std::size_t width = config_.width;
  const Rows y{into, width, x.count};
  norm.run(table_, x, y);
  if (modulation.vectors == nullptr) return;
  const float* shift = modulation.vectors + part * width;
  table_.f32_modulate_rows({y.data, width, y.data, width, x.count, width, nullptr, shift + width, shift,
                            6 * width, modulation.index, 1.0f});
}

void Block::add_branch(const ConstRows& branch, const Rows& x, const Modulation& modulation,
                       std::size_t part) const noexcept {
  const float* gate = modulation.vectors + (part + 2) * config_.width;
  table_.f32_modulate_rows({branch.data, branch.stride, x.data, x.stride, x.count, config_.width, x.data,
                            gate, nullptr, 6 * config_.width, modulation.index, 0.0f});
}

void Block::run(const Call& call, std::size_t first, std::size_t last, const Scratch& scratch) noexcept {
  const bool plain = config_.order == NormOrder::after || scratch.probe != nullptr || first == last;
  if (plain || !attention_.divides()) {
    store(call, scratch);
    return finish(call, first, last, scratch);
  }
  const std::size_t width = config_.width;
  const auto make = [&](std::size_t from, std::size_t to) noexcept {
    normalise(norm1_, part_of(call.x, from, to), scratch.normed + from * width,
              from_row(call.modulation, from), kAttentionPart);
  };
  const Rows x = part_of(call.x, first, last);
  const bool gated = call.modulation.vectors != nullptr;
  attention_.run({scratch.normed, width, call.x.count}, first, call.places, *scratch.rope, call.cache,
                 scratch.attention, gated ? Rows{scratch.branch, width, x.count} : x, !gated, make);
  finish_attended(x, from_row(call.modulation, first), scratch);
}

void Block::store(const Call& call, const Scratch& scratch) const noexcept {
  const std::size_t width = config_.width;
  const Rows normed{scratch.normed, width, call.x.count};
  const auto make = [&](std::size_t first, std::size_t last) noexcept {
    normalise(norm1_, part_of(call.x, first, last), normed.data + first * width,
              from_row(call.modulation, first), kAttentionPart);
  };
  if (config_.order == NormOrder::after) {
    attention_.store(call.x, call.places, *scratch.rope, call.cache, scratch.attention);
  } else {
    attention_.store(normed, call.places, *scratch.rope, call.cache, scratch.attention, make);
  }
  if (scratch.probe == nullptr) return;
  const std::size_t inner = config_.key_width(), stride = config_.projected_width();
  float* k = scratch.attention.projected + config_.query_width();
  scratch.probe->see(scratch.stream, "key", call.layer, {k, stride, call.x.count}, inner);
  scratch.probe->see(scratch.stream, "value", call.layer, {k + inner, stride, call.x.count}, inner);
}

void Block::finish(const Call& call, std::size_t first, std::size_t last, const Scratch& scratch) noexcept {
  if (first == last) return;
  const Rows x = part_of(call.x, first, last);
  const Modulation modulation = from_row(call.modulation, first);
  const bool gated = modulation.vectors != nullptr;
  attention_.attend(first, call.places, call.cache, scratch.attention,
                    gated ? Rows{scratch.branch, config_.width, x.count} : x, !gated);
  finish_attended(x, modulation, scratch);
  if (scratch.probe != nullptr) show(call, first, x.count, scratch);
}

/// Starts from the attention's result, which is already in `x` or, where the time gates it, in
/// scratch.branch.
void Block::finish_attended(const Rows& x, const Modulation& modulation, const Scratch& scratch) noexcept {
  const bool after = config_.order == NormOrder::after, gated = modulation.vectors != nullptr;
  const Rows branch = gated ? Rows{scratch.branch, config_.width, x.count} : x;
  if (gated) add_branch(branch, x, modulation, kAttentionPart);
  if (config_.order == NormOrder::sandwich) norm3_.run(table_, x, x);
  if (after) norm1_.run(table_, x, x);

  const auto normalise_rows = [&](std::size_t from, std::size_t to) noexcept {
    normalise(norm2_, part_of(x, from, to), scratch.normed + from * config_.width, from_row(modulation, from),
              kMlpPart);
  };
  const Rows input = after ? x : Rows{scratch.normed, config_.width, x.count};
  const RowMaker make = after ? RowMaker{} : RowMaker{normalise_rows};
  if (routed_) {
    if (gated) std::fill_n(branch.data, x.count * config_.width, 0.0f);
    routed_->run(input, scratch.hidden, branch, make);
  } else {
    mlp_->run(input, scratch.hidden, branch, !gated, make);
  }
  if (gated) add_branch(branch, x, modulation, kMlpPart);
  if (config_.order == NormOrder::sandwich) norm4_.run(table_, x, x);
  if (after) norm2_.run(table_, x, x);
}

void Block::show(const Call& call, std::size_t first, std::size_t count,
                 const Scratch& scratch) const noexcept {
  const std::size_t inner = config_.query_width(), stride = config_.projected_width();
  float* queries = scratch.attention.projected + first * stride;
  scratch.probe->see(scratch.stream, "query", call.layer, {queries, stride, count}, inner);
  scratch.probe->see(scratch.stream, "hidden", call.layer, part_of(call.x, first, first + count),
                     config_.width);
}

}  // namespace motorium
