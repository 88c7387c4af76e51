#pragma once

#include <exception>
#include <functional>

namespace motorium {

/// Called every few milliseconds while a caller waits, in the caller's thread. True: the wait ends now, and
/// the request is withdrawn. An empty function never interrupts.
using Interrupt = std::function<bool()>;

/// Thrown when its Interrupt ended a wait. The request will not take effect any more.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// Throws Interrupted.
inline void check(const Interrupt& interrupt) {
  if (interrupt && interrupt()) throw Interrupted();
}

}  // namespace motorium
