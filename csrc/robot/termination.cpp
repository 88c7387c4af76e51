#include "robot/termination.hpp"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>

#include "runtime/live_loops.hpp"

namespace motorium {
namespace {

constexpr std::array<int, 2> kTerminating{SIGTERM, SIGHUP};

// Static, because a signal handler can reach nothing else.
sem_t terminated;
std::atomic<int> terminated_by{0};
std::atomic<pid_t> guarding_pid{0};

/// In a forked child, which has this handler but not its thread, restores the default action.
void on_termination(int number) {
  const int error = errno;
  if (::getpid() == guarding_pid.load()) {
    terminated_by.store(number);
    ::sem_post(&terminated);
  } else {
    ::signal(number, SIG_DFL);
    ::kill(::getpid(), number);  // blocked while its handler runs, so delivered on return
  }
  errno = error;
}

bool handled_by(int number, void (*handler)(int)) {
  struct sigaction now{};
  return ::sigaction(number, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
         now.sa_handler == handler;
}

void end_after_rest() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  while (::sem_wait(&terminated) != 0) {
  }
  LiveLoops::instance().stop_all();
  const int number = terminated_by.load();
  ::signal(number, SIG_DFL);
  ::kill(::getpid(), number);
}

}  // namespace

bool guard_termination() {
  static std::mutex starting;
  const std::lock_guard lock(starting);
  if (guarding_pid.load() != ::getpid()) {  // the first time in this process; a fork has no such thread
    ::sem_init(&terminated, 0, 0);
    std::thread(end_after_rest).detach();
    guarding_pid.store(::getpid());
  }
  bool guarded = false;
  for (const int number : kTerminating) {
    struct sigaction action{};
    action.sa_handler = &on_termination;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    if (handled_by(number, SIG_DFL)) ::sigaction(number, &action, nullptr);
    guarded = guarded || handled_by(number, &on_termination);
  }
  return guarded;
}

bool has_signal_handler(int number) noexcept {
  return !handled_by(number, SIG_DFL) && !handled_by(number, SIG_IGN) && !handled_by(number, &on_termination);
}

void unguard_termination() noexcept {
  for (const int number : kTerminating)
    if (handled_by(number, &on_termination)) ::signal(number, SIG_DFL);
}

}  // namespace motorium
