#include "runtime/control_loop.hpp"

namespace motorium {

/// Tells the supervisor that this thread lives, or learns that it was thought dead, and gives in. Without one
/// that lives, nobody would take the torque from the arm if this process died: it is brought to rest now.
void ControlLoop::keep_supervised(std::int64_t now_ns) noexcept {
  if (!supervisor_) return;
  if (supervisor_->lost(now_ns)) core_.lose_supervisor();
  // One that was only stopped may go on: it must not find a sign of life that is long overdue.
  if (!now_.torque_on || supervisor_->expect(now_ns + loop_.frozen_after_ns)) return;
  core_.release();
  core_.fault(Reason::frozen);
  switch_torque(TorqueRequest::off);
}

}  // namespace motorium
