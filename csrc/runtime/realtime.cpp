#include "runtime/realtime.hpp"

#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace motorium {
namespace {

constexpr std::size_t kStackBytes = 256 * 1024;  // more than the control thread ever uses

struct CodeSearch {
  std::uintptr_t inside = 0;
  std::vector<MemoryRange>* found = nullptr;
};

/// Collects the loaded segments of the library that holds `inside`.
int collect_segments(dl_phdr_info* info, std::size_t, void* data) {
  const auto* search = static_cast<CodeSearch*>(data);
  std::vector<MemoryRange> segments;
  bool ours = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    ours = ours || (search->inside >= begin && search->inside < begin + header.p_memsz);
    segments.push_back({reinterpret_cast<const void*>(begin), header.p_memsz});
  }
  if (ours) *search->found = std::move(segments);
  return ours ? 1 : 0;
}

std::vector<MemoryRange> own_code() {
  std::vector<MemoryRange> found;
  CodeSearch search{reinterpret_cast<std::uintptr_t>(&make_realtime), &found};
  dl_iterate_phdr(&collect_segments, &search);
  return found;
}

/// Returns the top of this thread's stack, where it is used first. Locking it also creates its pages.
MemoryRange own_stack() {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  std::size_t bytes = 0;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return {};
  ::pthread_attr_getstack(&attributes, &lowest, &bytes);
  ::pthread_attr_destroy(&attributes);
  const std::size_t wanted = std::min(bytes, kStackBytes);
  return {static_cast<const unsigned char*>(lowest) + (bytes - wanted), wanted};
}

void add_note(std::string& note, const std::string& what, int error) {
  if (!note.empty()) note.append("; ");
  note.append(what).append(": ").append(std::strerror(error));
}

/// Returns 0, or why the thread was not pinned.
int pin_to(int cpu) {
  if (cpu >= CPU_SETSIZE) return EINVAL;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  return ::pthread_setaffinity_np(::pthread_self(), sizeof(one), &one);
}

bool lock_all(const std::vector<MemoryRange>& ranges) {
  return std::all_of(ranges.begin(), ranges.end(),
                     [](const MemoryRange& range) { return ::mlock(range.begin, range.bytes) == 0; });
}

}  // namespace

RealtimeReport make_realtime(const RealtimeRequest& request, const std::vector<MemoryRange>& ranges) {
  RealtimeReport report;
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);   // signals are for the main thread
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // 1 ns instead of 50 us where SCHED_FIFO is refused
  sched_param param{};
  param.sched_priority = request.priority;
  const int error = ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &param);
  report.fifo = error == 0;
  if (error != 0) add_note(report.note, "SCHED_FIFO refused (needs CAP_SYS_NICE or an rtprio limit)", error);
  if (request.cpu >= 0) {
    const int refused = pin_to(request.cpu);
    report.pinned = refused == 0;
    if (refused != 0)
      add_note(report.note,
               "cpu " + std::to_string(request.cpu) + " refused (absent, or outside taskset or cgroup)",
               refused);
  }
  std::vector<MemoryRange> wanted = ranges;
  wanted.push_back(own_stack());
  for (const MemoryRange& range : own_code()) wanted.push_back(range);
  report.memory_locked = lock_all(wanted);
  if (!report.memory_locked)
    add_note(report.note, "mlock refused (needs CAP_IPC_LOCK or a memlock limit)", errno);
  return report;
}

}  // namespace motorium
