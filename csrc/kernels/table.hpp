#pragma once

#include "kernels/args.hpp"

namespace motorium::kernels {

/// How a unit wants the weights and rows of one precision.
struct DotFormat {
  std::size_t group;        ///< consecutive inputs that lie together for each output
  std::size_t input_bytes;  ///< of a converted input; 0: the product reads float32 rows as they are
  int offset;               ///< added to converted inputs
};

/// One instruction set's kernels. Packed weights fit only the table they were packed for.
struct KernelTable {
  const char* isa;
  std::size_t lanes;  ///< floats per vector
  std::size_t panel;  ///< outputs per packed panel: two vectors
  bool fused;         ///< multiply-add rounds once
  DotFormat bf16, i8;
#define MOTORIUM_KERNEL(name, Args) void (*name)(const Args&) noexcept;
#include "kernels/kernels.def"
#undef MOTORIUM_KERNEL
};

}  // namespace motorium::kernels
