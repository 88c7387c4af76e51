#include "runtime/live_loops.hpp"

#include <signal.h>

#include "runtime/control_loop.hpp"

namespace motorium {

LiveLoops& LiveLoops::instance() {
  static LiveLoops loops;
  return loops;
}

void LiveLoops::add(ControlLoop* loop) {
  const std::lock_guard lock(mutex_);
  loops_.insert(loop);
}

void LiveLoops::remove(ControlLoop* loop) {
  const std::lock_guard lock(mutex_);
  loops_.erase(loop);
}

void LiveLoops::stop_all() {
  for (;;) {
    ControlLoop* loop = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (loops_.empty()) return;
      loop = *loops_.begin();
    }
    loop->stop();
  }
}

LiveLoops::~LiveLoops() {
  if (!loops_.empty())
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_IGN);
  stop_all();
}

}  // namespace motorium
