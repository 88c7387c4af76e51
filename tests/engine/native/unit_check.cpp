// The kernels of one unit, asked of the processor or not: under an emulator or with operations by hand. Built
// with UNIT set to the unit's name.
#include "kernel_checks.hpp"

#define TABLE_OF(unit) table_##unit
#define TABLE(unit) TABLE_OF(unit)

namespace motorium::kernels {
extern const KernelTable TABLE(UNIT);
}

int main() {
  const motorium::kernels::KernelTable& table = motorium::kernels::TABLE(UNIT);
  motorium::checks::test_kernels(table);
  std::printf("%s: %zu lanes, groups of %zu and %zu\n", table.isa, table.lanes, table.bf16.group,
              table.i8.group);
  if (motorium::checks::failures == 0) std::puts("unit ok");
  return motorium::checks::failures == 0 ? 0 : 1;
}
