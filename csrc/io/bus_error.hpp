#pragma once

#include <stdexcept>

namespace motorium {

/// Thrown when a bus cannot be opened or set up; the message says what to do. Never thrown by a JointBus in
/// operation.
class BusError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace motorium
