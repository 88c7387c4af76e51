#pragma once

#include <string>
#include <vector>

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

/// The table asked for by `isa`, else by the environment variable MOTORIUM_ISA, else the best this CPU runs.
/// Throws std::runtime_error naming the available ones when the one asked for cannot run here.
const KernelTable& select_table(const std::string& isa = "");

/// Names of all tables that run here, best first.
std::vector<std::string> available_isas();

}  // namespace motorium::kernels
