#include "kernels/dispatch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "kernels/arch/cpu.hpp"

namespace motorium::kernels {

#define MOTORIUM_ISA(name, arch, options, supported) extern const KernelTable table_##name;
#include "kernels/arch/isa.def"
#undef MOTORIUM_ISA

namespace {

std::vector<const KernelTable*> available_tables() {
  std::vector<const KernelTable*> tables;
#define MOTORIUM_ISA(name, arch, options, supported) \
  if (supported) tables.push_back(&table_##name);
#include "kernels/arch/isa.def"
#undef MOTORIUM_ISA
  return tables;
}

/// Measures multiply-adds per second of bfloat16 products in the nearest cache; takes a millisecond.
double bf16_speed(const KernelTable& table) {
  using Clock = std::chrono::steady_clock;
  double best = 0.0;
  for (int turn = 0; turn < 5; ++turn) {
    float sink = 0.0f;
    std::uint64_t products = 0;
    const Clock::time_point begin = Clock::now();
    table.measure_peak({Precision::bfloat16, 64, 256, &sink, &products});
    best = std::max(
        best, static_cast<double>(products) / std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return best;
}

/// Picks the best unit, measured once per process where the name does not tell: some processors have a
/// bfloat16 dot product that is slower than widening the weights to float32, as the next unit does.
/// Everything else is the same in both.
const KernelTable& choose(const std::vector<const KernelTable*>& tables) {
  // A smaller margin would let the noise of a busy machine decide, and results differ by rounding.
  constexpr double kClearly = 1.15;
  static const KernelTable* const chosen = [&] {
    const KernelTable* best = tables.front();
    if (best->bf16.group == 1 || tables.size() < 2 || tables[1]->lanes != best->lanes) return best;
    return bf16_speed(*tables[1]) > kClearly * bf16_speed(*best) ? tables[1] : best;
  }();
  return *chosen;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const KernelTable* table : available_tables()) names.emplace_back(table->isa);
  return names;
}

const KernelTable& select_table(const std::string& isa) {
  const char* environment = std::getenv("MOTORIUM_ISA");
  const std::string wanted = !isa.empty() ? isa : environment != nullptr ? environment : "";
  const std::vector<const KernelTable*> tables = available_tables();
  if (wanted.empty()) return choose(tables);
  std::string names;
  for (const KernelTable* table : tables) {
    if (wanted == table->isa) return *table;
    names += names.empty() ? table->isa : std::string(", ") + table->isa;
  }
  throw std::runtime_error("instruction set '" + wanted + "' " + (isa.empty() ? "(from MOTORIUM_ISA) " : "") +
                           "is unknown or does not run on this machine; available: " + names);
}

}  // namespace motorium::kernels
