#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace motorium {

struct MemoryRange {
  const void* begin = nullptr;
  std::size_t bytes = 0;
};

/// What the operating system granted; `note` says why the rest was refused (empty: nothing was).
struct RealtimeReport {
  bool fifo = false;
  bool memory_locked = false;
  bool pinned = false;
  std::string note;
};

struct RealtimeRequest {
  int priority = 60;
  int cpu = -1;  ///< -1: any.
};

/// Makes the calling thread as punctual as permitted: SCHED_FIFO at the given priority, one CPU, exact
/// timers, all signals blocked, and its own memory (`ranges`, its stack, this library's code) locked in RAM.
///
/// Not mlockall: in a Python process that would also pin the interpreter, every extension, models and frame
/// buffers. On a board with 8 GB this invites the out-of-memory killer, and under an RLIMIT_MEMLOCK later
/// allocations and stack growth of *other* threads fail. What the control thread touches is a few megabytes,
/// known in advance.
/// and known in advance.
RealtimeReport make_realtime(const RealtimeRequest& request, const std::vector<MemoryRange>& ranges);

}  // namespace motorium
