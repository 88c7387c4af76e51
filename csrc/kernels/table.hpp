#pragma once

#include "kernels/args.hpp"

namespace motorium::kernels {

/// Format that a unit wants for weights and rows of one precision.
struct DotFormat {
  std::size_t group;        ///< consecutive inputs that are adjacent for each output
  std::size_t input_bytes;  ///< of a converted input; 0: the product reads float32 rows directly
  int offset = 0;           ///< added to converted inputs
  std::size_t block = 1;    ///< inputs are padded to a multiple of this
  /// int8: rows are rounded to -levels..levels. Where weight_sum is not 0, it bounds the weights of one sign
  /// in one 16-bit sum (inputs i with equal i / kChain and i / 2 % 2).
  int levels = 127, weight_sum = 0;
};

/// One instruction set's kernels. Packed weights fit only the table they were packed for.
struct KernelTable {
  const char* isa;
  std::size_t lanes;  ///< floats per vector
  std::size_t panel;  ///< outputs per packed panel: two vectors
  bool fused;         ///< multiply-add rounds once
  DotFormat bf16, i8;
  std::size_t i16_group;  ///< neighbours that are adjacent in a narrow cache
#define MOTORIUM_KERNEL(name, Args) void (*name)(const Args&) noexcept;
#include "kernels/kernels.def"
#undef MOTORIUM_KERNEL
};

}  // namespace motorium::kernels
