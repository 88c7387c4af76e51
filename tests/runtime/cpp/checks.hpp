#pragma once

#include <cstdio>
#include <cstring>
#include <iterator>

/// Ends the check that it stands in where `condition` does not hold, and says where.
#define CHECK(condition)                                       \
  if (!(condition)) {                                          \
    std::printf("FAILED line %d: %s\n", __LINE__, #condition); \
    return 1;                                                  \
  }

namespace motorium::test {

/// One check of a test program: 0 means that it passed.
struct NamedCheck {
  const char* name;
  int (*check)();
};

/// Runs the check that the program's one argument names; 2 where there is none of that name.
template <std::size_t N>
int run_named(int argc, char** argv, const NamedCheck (&checks)[N]) {
  for (const NamedCheck& entry : checks)
    if (argc == 2 && std::strcmp(argv[1], entry.name) == 0) return entry.check();
  std::printf("usage: %s CHECK\n", argc > 0 ? argv[0] : "checks");
  return 2;
}

}  // namespace motorium::test
