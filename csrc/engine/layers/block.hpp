#pragma once

#include <optional>

#include "engine/layers/attention.hpp"
#include "engine/layers/mlp.hpp"
#include "engine/layers/norm.hpp"

namespace motorium {

/// Modulation vectors of the time: (times, 6, width) in the order shift, scale, gate of the attention, then
/// of the MLP; `index` gives each row's time.
struct Modulation {
  const float* vectors = nullptr;  ///< null: none
  const std::uint32_t* index = nullptr;
};

/// One transformer block of one stream.
///
/// Two streams that share attention call store() on both before finish() on both.
class Block {
 public:
  /// Names under `here`: norm1, q, k, v, q_norm, k_norm, o, norm2, gate, up, down (or fc1, fc2), ls1, ls2,
  /// norm3 and norm4 (sandwich); router and experts.* when `routed` is given.
  Block(const std::string& here, const BlockConfig& config, Loader& loader);
  Block(const std::string& here, const BlockConfig& config, const RoutedMlp::Sizes& routed,
        std::size_t most_rows, Loader& loader);

  /// Shared by the blocks of a stream.
  struct Scratch {
    Attention::Scratch attention;
    float *normed, *branch, *hidden;
    const RopeTable* rope;
    const char* stream;  ///< for the probe
    Probe* probe = nullptr;
  };
  /// `hidden`: floats per row of the widest MLP.
  static Scratch make_scratch(std::size_t rows, const BlockConfig& config, std::size_t capacity,
                              std::size_t hidden, const RopeTable* rope, const char* stream, Loader& loader);

  struct Call {
    Rows x;  ///< (rows, width), updated in place
    TokenPlaces places;
    kernels::KeyValues cache;
    std::size_t layer;  ///< for the probe
    Modulation modulation = {};
  };
  /// Stores keys and values of all rows; their queries stay in the scratch for finish().
  void store(const Call& call, const Scratch& scratch) const noexcept;
  /// Computes attention and MLP of rows first .. last - 1; other rows stay unchanged.
  void finish(const Call& call, std::size_t first, std::size_t last, const Scratch& scratch) noexcept;

  /// Does store() and finish() for a stream whose cache no other stream writes to meanwhile: the threads
  /// synchronise less often.
  void run(const Call& call, std::size_t first, std::size_t last, const Scratch& scratch) noexcept;
  void run(const Call& call, const Scratch& scratch) noexcept { run(call, 0, call.x.count, scratch); }

 private:
  void normalise(const NormLayer& norm, const ConstRows& x, float* into, const Modulation& modulation,
                 std::size_t part) const noexcept;
  void add_branch(const ConstRows& branch, const Rows& x, const Modulation& modulation,
                  std::size_t part) const noexcept;
  void finish_attended(const Rows& x, const Modulation& modulation, const Scratch& scratch) noexcept;
  void show(const Call& call, std::size_t first, std::size_t count, const Scratch& scratch) const noexcept;

  const kernels::KernelTable& table_;
  BlockConfig config_;
  NormLayer norm1_, norm2_, norm3_, norm4_;
  Attention attention_;
  std::optional<Mlp> mlp_;
  std::optional<RoutedMlp> routed_;
};

}  // namespace motorium
