#include "runtime/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <new>
#include <system_error>
#include <vector>

#include "io/monotonic.hpp"

namespace motorium {
namespace {

constexpr std::int64_t kResting = 0, kTaken = -1;  // instead of a deadline
constexpr std::int64_t kLookNs = 10'000'000;
constexpr std::int64_t kSilentNs = kNsPerS;         // even an idle process at normal priority wakes sooner
constexpr std::int64_t kMaxPerLookNs = 50'000'000;  // after a pause of the whole machine both are late
constexpr int kWriteTimeoutMs = 100;
constexpr int kPriority = 59;  // just below the control thread's own
constexpr int kFirstPortFd = 3;
constexpr std::size_t kMaxPorts = 8;

// Everything below runs in a child forked from a process with threads: system calls only, no allocation.

void sleep_ns(std::int64_t ns) noexcept {
  timespec left{static_cast<std::time_t>(ns / kNsPerS), static_cast<long>(ns % kNsPerS)};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

void write_packet(const ShutdownSequence::Packet& packet) noexcept {
  const int port = kFirstPortFd + static_cast<int>(packet.line);
  std::size_t done = 0;
  while (done < packet.size) {
    pollfd ready{port, POLLOUT, 0};
    if (::poll(&ready, 1, kWriteTimeoutMs) <= 0) return;
    const ssize_t n = ::write(port, packet.bytes.data() + done, packet.size - done);
    if (n < 0 && errno != EINTR && errno != EAGAIN) return;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
}

/// Asks the kernel to kill the program first when memory runs out, so that this process can lower its arm.
/// Needs a permission that not every user has.
void be_spared() noexcept {
  const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(score, "-1000", 5);
  ::close(score);
}

/// Detaches from the terminal: Ctrl-C, a closed terminal and SIGTERM are for the parent to handle, which
/// still has to bring its arm to rest. Every signal that can be blocked has been blocked since before the
/// fork.
void stand_apart(const std::vector<int>& ports) noexcept {
  ::setsid();
  ::prctl(PR_SET_NAME, "motorium-guard", 0, 0, 0);
  be_spared();
  const sched_param priority{kPriority};
  ::sched_setscheduler(0, SCHED_FIFO, &priority);  // where permitted
  // Copy each port above all open descriptors first, then down: no copy may overwrite a port not yet copied.
  const int n = static_cast<int>(std::min(ports.size(), kMaxPorts));
  std::array<int, kMaxPorts> parked{};
  for (int i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    parked[at] = ::fcntl(ports[at], F_DUPFD, kFirstPortFd + n);
  }
  for (int i = 0; i < n; ++i) ::dup2(parked[static_cast<std::size_t>(i)], kFirstPortFd + i);
  for (int fd = 0; fd < kFirstPortFd; ++fd) ::close(fd);
  if (::syscall(SYS_close_range, kFirstPortFd + n, ~0U, 0) != 0) {  // Linux before 5.9 has no close_range
    const long most = ::sysconf(_SC_OPEN_MAX);
    for (int fd = kFirstPortFd + n; fd < (most > 0 ? most : 1024); ++fd) ::close(fd);
  }
}

/// Forks with every signal blocked in the child from its first instruction on.
pid_t fork_deaf() noexcept {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t child = ::fork();
  const int error = errno;
  if (child != 0) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return child;
}

}  // namespace

void Supervisor::sleep_and_beat(Page& page, std::int64_t ns) noexcept {
  for (; ns > 0; ns -= kLookNs) {
    page.beats.fetch_add(1, std::memory_order_release);
    sleep_ns(std::min(ns, kLookNs));
  }
}

void Supervisor::watch(Page& page, const ShutdownSequence& sequence, pid_t parent) noexcept {
  stand_apart(sequence.fds);
  for (;;) {
    sleep_and_beat(page, kLookNs);
    if (page.leave.load(std::memory_order_acquire)) ::_exit(0);
    const bool orphaned = ::getppid() != parent;
    std::int64_t due_ns = page.deadline_ns.load(std::memory_order_acquire);
    if (due_ns > kResting && (orphaned || monotonic_ns() > due_ns)) {
      page.busy.store(true, std::memory_order_release);
      if (page.deadline_ns.compare_exchange_strong(due_ns, kTaken)) {
        for (const ShutdownSequence::Packet& packet : sequence.packets) {
          write_packet(packet);
          sleep_and_beat(page, packet.pause_ns);
        }
      }
      page.busy.store(false, std::memory_order_release);
    } else if (orphaned) {
      ::_exit(0);
    }
  }
}

Supervisor::Supervisor(const ShutdownSequence& sequence) : parent_(::getpid()) {
  void* shared = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "supervisor: mmap");
  page_ = new (shared) Page;
  child_ = fork_deaf();
  if (child_ == 0) watch(*page_, sequence, parent_);
  if (child_ < 0) {
    const int error = errno;
    ::munmap(shared, sizeof(Page));
    throw std::system_error(error, std::generic_category(), "supervisor: fork");
  }
}

Supervisor::~Supervisor() {
  if (::getpid() == parent_) {  // a forked copy of the owner has no child to end
    page_->leave.store(true, std::memory_order_release);
    std::int64_t heard_ns = monotonic_ns();
    for (std::uint64_t beat = 0; !ended() && monotonic_ns() - heard_ns < kSilentNs;) {
      // Any heartbeat renews the wait: the child may still be taking torque.
      if (const std::uint64_t newest = page_->beats.load(); newest != beat) {
        beat = newest;
        heard_ns = monotonic_ns();
      }
      sleep_ns(kNsPerS / 1000);
    }
    if (!ended()) ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::munmap(page_, sizeof(Page));
}

/// Leaves the child to be waited for. A program that waits for any child may already have reaped it.
bool Supervisor::ended() const noexcept {
  siginfo_t end{};
  return ::waitid(P_PID, static_cast<id_t>(child_), &end, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         end.si_pid != 0;
}

bool Supervisor::lost(std::int64_t now_ns) noexcept {
  if (lost_) return true;
  const std::uint64_t beat = page_->beats.load(std::memory_order_acquire);
  const std::int64_t passed_ns = looked_ns_ > 0 ? std::min(now_ns - looked_ns_, kMaxPerLookNs) : 0;
  silent_ns_ = beat != last_beat_ ? 0 : silent_ns_ + passed_ns;
  last_beat_ = beat;
  looked_ns_ = now_ns;
  lost_ = ended() || silent_ns_ > kSilentNs;
  return lost_;
}

bool Supervisor::arm_deadline(std::int64_t deadline_ns) noexcept {
  std::int64_t before = page_->deadline_ns.load(std::memory_order_acquire);
  return before != kTaken && page_->deadline_ns.compare_exchange_strong(before, deadline_ns);
}

void Supervisor::disarm() noexcept { page_->deadline_ns.store(kResting, std::memory_order_release); }

}  // namespace motorium
