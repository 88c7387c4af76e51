// Every kernel of every instruction set of this machine against its twin. Exit status 0 and "kernels ok" on
// success.
#include "kernel_checks.hpp"

int main() {
  for (const std::string& isa : motorium::kernels::available_isas()) {
    const motorium::kernels::KernelTable& table = motorium::kernels::select_table(isa);
    motorium::checks::test_kernels(table);
    std::printf("%s: %zu lanes\n", table.isa, table.lanes);
  }
  if (motorium::checks::failures == 0) std::puts("kernels ok");
  return motorium::checks::failures == 0 ? 0 : 1;
}
