#pragma once

/// AVX2 with the 256-bit integer dot product, chosen by a compiler option.
#include "kernels/arch/vec_avx2.hpp"
