#pragma once

#include <chrono>
#include <thread>

#include "robot/interrupt.hpp"

namespace motorium {

/// Waits until `done()` is true. False when `timeout_s` is over. Throws Interrupted.
template <class Done>
bool wait_until(double timeout_s, const Interrupt& interrupt, Done done) {
  using Clock = std::chrono::steady_clock;
  constexpr double kLongestS = 1e6;  // also replaces NaN and infinity
  constexpr int kRoundsPerLook = 10;
  const auto give_up =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(timeout_s < kLongestS ? timeout_s : kLongestS));
  for (int round = 1;; ++round) {
    if (done()) return true;
    if (Clock::now() >= give_up) return false;
    if (round % kRoundsPerLook == 0) check(interrupt);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace motorium
