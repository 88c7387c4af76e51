// Run by kernels.cmake for MOTORIUM_ISAS=native: prints the name of the best unit that this machine can run.
#include <cstdio>

#include "kernels/arch/cpu.hpp"

int main() {
#define MOTORIUM_ISA(name, arch, options, supported) \
  if (supported) return std::puts(#name) < 0;
#include "kernels/arch/isa.def"
#undef MOTORIUM_ISA
}
