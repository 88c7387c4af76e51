#pragma once

/// NEON with the integer dot product, chosen by a compiler option.
#include "kernels/arch/vec_neon.hpp"
