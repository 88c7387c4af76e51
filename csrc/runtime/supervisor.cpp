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

#include "bus/monotonic.hpp"

namespace motorium {
namespace {

constexpr std::int64_t kResting = 0, kTaken = -1;  // instead of a deadline
constexpr std::int64_t kLookNs = 10'000'000;
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

void write_packet(const Farewell::Packet& packet) noexcept {
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

/// Ctrl-C, a closed terminal and a polite end are the parent's business: it still has an arm to bring to
/// rest.
void stand_apart(const std::vector<int>& ports) noexcept {
  ::setpgid(0, 0);
  for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGPIPE}) ::signal(number, SIG_IGN);
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  ::prctl(PR_SET_NAME, "motorium-guard", 0, 0, 0);
  const sched_param priority{kPriority};
  ::sched_setscheduler(0, SCHED_FIFO, &priority);  // where permitted
  // First above everything that is open here, then down: no copy may land on one that is still needed.
  const int n = static_cast<int>(std::min(ports.size(), kMaxPorts));
  std::array<int, kMaxPorts> parked{};
  for (int i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    parked[at] = ::fcntl(ports[at], F_DUPFD, kFirstPortFd + n);
  }
  for (int i = 0; i < n; ++i) ::dup2(parked[static_cast<std::size_t>(i)], kFirstPortFd + i);
  for (int fd = 0; fd < kFirstPortFd; ++fd) ::close(fd);
  if (::syscall(SYS_close_range, kFirstPortFd + n, ~0U, 0) != 0) {  // before Linux 5.9
    const long most = ::sysconf(_SC_OPEN_MAX);
    for (int fd = kFirstPortFd + n; fd < (most > 0 ? most : 1024); ++fd) ::close(fd);
  }
}

}  // namespace

void Supervisor::watch(Page& page, const Farewell& farewell, pid_t parent) noexcept {
  stand_apart(farewell.fds);
  for (;;) {
    sleep_ns(kLookNs);
    if (page.leave.load(std::memory_order_acquire)) ::_exit(0);
    const bool orphaned = ::getppid() != parent;
    std::int64_t due_ns = page.deadline_ns.load(std::memory_order_acquire);
    if (due_ns > kResting && (orphaned || monotonic_ns() > due_ns)) {
      page.busy.store(true, std::memory_order_release);
      if (page.deadline_ns.compare_exchange_strong(due_ns, kTaken)) {
        for (const Farewell::Packet& packet : farewell.packets) {
          write_packet(packet);
          sleep_ns(packet.pause_ns);
        }
      }
      page.busy.store(false, std::memory_order_release);
    } else if (orphaned) {
      ::_exit(0);
    }
  }
}

Supervisor::Supervisor(const Farewell& farewell) : parent_(::getpid()) {
  void* shared = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "supervisor: mmap");
  page_ = new (shared) Page;
  child_ = ::fork();
  if (child_ == 0) watch(*page_, farewell, parent_);
  if (child_ < 0) {
    const int error = errno;
    ::munmap(shared, sizeof(Page));
    throw std::system_error(error, std::generic_category(), "supervisor: fork");
  }
}

Supervisor::~Supervisor() {
  if (::getpid() == parent_) {  // a forked copy of the owner has nothing to end
    page_->leave.store(true, std::memory_order_release);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::munmap(page_, sizeof(Page));
}

bool Supervisor::expect(std::int64_t deadline_ns) noexcept {
  std::int64_t before = page_->deadline_ns.load(std::memory_order_acquire);
  return before != kTaken && page_->deadline_ns.compare_exchange_strong(before, deadline_ns);
}

void Supervisor::rest() noexcept { page_->deadline_ns.store(kResting, std::memory_order_release); }

}  // namespace motorium
