#pragma once

// What the run-time tests of isa.def need to know about the processor and the operating system.
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>

/// Leaf 7, part 1, EAX bit 4; not every compiler's __builtin_cpu_supports knows the name.
inline bool has_avxvnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1) != 0;
}
#endif
