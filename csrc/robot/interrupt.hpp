#pragma once

#include <exception>
#include <functional>

namespace motorium {

/// Asked every few milliseconds while a caller waits, in the caller's thread. True: the wait ends now, and
/// what was asked for is withdrawn. None: nothing interrupts.
using Interrupt = std::function<bool()>;

/// A wait ended because its Interrupt said so. Nothing that was asked for takes effect any more.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// Throws Interrupted.
inline void check(const Interrupt& interrupt) {
  if (interrupt && interrupt()) throw Interrupted();
}

}  // namespace motorium
