#pragma once

/// AVX-512 with the dot products of integers and of bfloat16, chosen by compiler options.
#include "kernels/arch/vec_avx512.hpp"
