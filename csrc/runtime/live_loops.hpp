#pragma once

#include <mutex>
#include <set>

namespace motorium {

class ControlLoop;

/// Lists the running loops, so that no end of the process skips the exit policy of an arm: exit() stops all
/// of them, and so do SIGTERM and SIGHUP while guarded.
class LiveLoops {
 public:
  static LiveLoops& instance();
  void add(ControlLoop* loop);
  void remove(ControlLoop* loop);
  /// Stops all loops one after the other; each carries out its exit policy.
  void stop_all();
  ~LiveLoops();

 private:
  std::mutex mutex_;
  std::set<ControlLoop*> loops_;
};

/// Guards SIGTERM and SIGHUP where they would kill the process at once (SIG_DFL): a thread of its own first
/// lets every loop bring its arm to rest, then kills the process. For arms opened where no other handler can
/// be installed, such as outside Python's main thread. Any thread; safe to call again. Returns whether either
/// signal is guarded. Throws std::system_error when no thread can be made.
bool guard_termination();
/// Whether signal `number` has a handler other than the default, "ignore" and guard_termination's own.
bool has_handler(int number) noexcept;
/// Restores the default of both signals, unless somebody else has installed a handler.
void unguard_termination() noexcept;

}  // namespace motorium
