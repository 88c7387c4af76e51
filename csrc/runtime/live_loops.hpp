#pragma once

#include <mutex>
#include <set>

namespace motorium {

class ControlLoop;

/// Lists the running loops, so that no end of the process skips the exit policy of an arm: exit() stops all
/// of them, and so do SIGTERM and SIGHUP while guarded (robot/termination.hpp).
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

}  // namespace motorium
