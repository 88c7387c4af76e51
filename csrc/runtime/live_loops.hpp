#pragma once

#include <mutex>
#include <set>

namespace motorium {

class ControlLoop;

/// Loops that run, so that no end of the process leaves an arm without its exit policy: exit() stops every
/// one, and so do SIGTERM and SIGHUP while they are guarded.
class LiveLoops {
 public:
  static LiveLoops& instance();
  void add(ControlLoop* loop);
  void remove(ControlLoop* loop);
  /// Stops all, one after the other: each carries out its exit policy.
  void stop_all();
  ~LiveLoops();

 private:
  std::mutex mutex_;
  std::set<ControlLoop*> loops_;
};

/// From now on SIGTERM and SIGHUP, where they would kill the process at once (SIG_DFL), first let every loop
/// bring its arm to rest, in a thread of their own, and kill it then. For arms that were opened where no
/// other handler can be installed, such as outside Python's main thread. Any thread; safe to call again.
/// Returns whether either is guarded. Throws std::system_error: no thread.
bool guard_termination();
/// Whether `number` has a handler that is neither the default, nor "ignore", nor that of guard_termination.
bool has_handler(int number) noexcept;
/// Gives the signals their default back, where nobody else has taken them.
void unguard_termination() noexcept;

}  // namespace motorium
