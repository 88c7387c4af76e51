#pragma once

/// AVX-512 with the integer dot product: the compiler option chooses it in the header of the plain one.
#include "kernels/arch/vec_avx512.hpp"
