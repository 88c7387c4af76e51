#pragma once

#include "kernels/args.hpp"

namespace motorium::kernels {

/// One instruction set's kernels. Packed weights fit only the table whose `lanes` they were packed for.
struct KernelTable {
  const char* isa;
  std::size_t lanes;  ///< floats per vector
  std::size_t panel;  ///< outputs per packed panel: two vectors
  bool fused;         ///< multiply-add rounds once
#define MOTORIUM_KERNEL(name, Args) void (*name)(const Args&) noexcept;
#include "kernels/kernels.def"
#undef MOTORIUM_KERNEL
};

}  // namespace motorium::kernels
