#pragma once

#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace motorium::kernels {

/// Returns the table named by `isa`, else by the environment variable MOTORIUM_ISA, else the best for this
/// CPU; where two differ only in their bfloat16 products, the first call measures which is faster. Throws
/// std::runtime_error naming the available ones when the requested one cannot run here.
const KernelTable& select_table(const std::string& isa = "");

/// Returns the names of all tables that run here, best first.
std::vector<std::string> available_isas();

}  // namespace motorium::kernels
