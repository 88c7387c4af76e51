#pragma once

#include <cstddef>
#include <deque>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "engine/cpu/arena.hpp"
#include "engine/cpu/linear.hpp"
#include "kernels/table.hpp"

namespace motorium {

/// A named weight as in the checkpoint: row-major float32, owned by the caller.
struct TensorView {
  const float* data;
  std::vector<std::size_t> shape;
};
using Tensors = std::map<std::string, TensorView>;

/// Takes weights by name, checks their shapes and lays them out for the kernels in the arena.
///
/// A tensor that is missing or of another shape reads as zeros until finish(), which throws
/// std::invalid_argument that lists all of them: tensor, shape found, shape expected. Sizes without a tensor
/// take little memory: a long list ends early, and the arena is limited to a multiple of the tensors.
class Loader {
 public:
  using Shape = std::initializer_list<std::size_t>;

  /// Products of large weights use the precision and threads of `options`. Throws as ThreadPool does.
  Loader(const kernels::KernelTable& table, const Tensors& tensors, Arena& arena,
         const EngineOptions& options = {});

  const kernels::KernelTable& table() const noexcept { return table_; }
  Arena& arena() noexcept { return arena_; }
  Workspace& workspace() noexcept { return workspace_; }
  Precision precision() const noexcept { return precision_; }

  /// Returns the checkpoint's own memory; only valid while loading.
  const float* raw(const std::string& name, Shape shape);
  /// Returns a copy in the arena.
  float* copy(const std::string& name, Shape shape);

  /// Loads `name`.weight (n, k), and `name`.bias (n) when `bias`.
  Linear linear(const std::string& name, std::size_t n, std::size_t k, bool bias);
  /// The same in float32 whatever the options say: for routers and for the first and last layers.
  Linear exact(const std::string& name, std::size_t n, std::size_t k, bool bias);
  /// A weight `name`.weight (n, k) of stacked().
  struct Part {
    std::string name;
    std::size_t n;
  };
  /// Stacks several weights into one product, with their biases when `bias`.
  Linear stacked(std::initializer_list<Part> parts, std::size_t k, bool bias);
  /// Loads linear() with every output multiplied by its factor in the tensor `factors` (n).
  Linear scaled(const std::string& name, std::size_t n, std::size_t k, bool bias, const std::string& factors);
  /// Loads `name`.weight (out, in, kernel, kernel) and `name`.bias; always float32.
  Linear convolution(const std::string& name, std::size_t out, std::size_t in, std::size_t kernel);
  /// Packs gate and up weights (n, k) for Activation::silu_gate.
  Linear gated(const float* gate, const float* up, std::size_t n, std::size_t k);
  /// Packs weights that were computed rather than read; float32 unless `precision` says otherwise.
  Linear packed(const float* weights, const float* bias, std::size_t n, std::size_t k,
                Precision precision = Precision::float32);

  /// Throws when a tensor did not fit.
  void finish() const;

 private:
  Linear pack(const float* weights, const float* up, std::size_t n, std::size_t k, Precision precision);

  const kernels::KernelTable& table_;
  const Tensors& tensors_;
  Arena& arena_;
  Workspace& workspace_;
  Precision precision_;
  std::vector<std::string> problems_;
  std::deque<std::vector<float>> stand_ins_;
  std::size_t stand_in_floats_ = 0;
};

}  // namespace motorium
