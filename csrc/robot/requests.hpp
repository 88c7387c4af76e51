#pragma once

#include <functional>
#include <memory>

#include "robot/interrupt.hpp"
#include "runtime/control_loop.hpp"

namespace motorium {

// Requests to a control thread that wait for their outcome. Any thread may call them. Each throws Interrupted
// as soon as `interrupt` asks for it; a request that had not taken effect by then, or within its time, never
// will. Requests that stop an arm (hold, park, release, estop) are never withdrawn.

/// Switches torque on at the arm's present position. False, with torque off, when not every servo confirmed
/// in time; also for an arm on its way to rest, which goes on. An interrupt switches torque off, too.
bool enable(ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});

/// Slews straight to the target at `fraction` (0, 1] of each joint's velocity limit, and waits for the end.
/// The arm holds when time is up, or on an interrupt.
MoveEnd slew(ControlLoop& loop, const PerJoint<float>& target_rad, float fraction, double timeout_s,
             const Interrupt& interrupt = {});

/// Moves to the rest pose, then torque off. False when the arm did not get there in time, in which case it
/// keeps moving there, or when the bus is dead.
bool park(ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});

// These return once the control thread has taken the request, a tick later at most.
void hold(ControlLoop& loop, const Interrupt& interrupt = {});
void release(ControlLoop& loop, const Interrupt& interrupt = {});
void estop(ControlLoop& loop, const Interrupt& interrupt = {});

/// Ends a latched emergency stop once torque is off. False: torque is still on, or an input asks for a stop.
bool reset_estop(ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});

/// Ends a latched position jump. False: the control thread did not take the request in time.
bool accept_position(ControlLoop& loop, const Interrupt& interrupt = {});

/// Opens the bus again, trying until that succeeds. After `timeout_s` (0: one try) throws what `open` threw
/// last; throws std::logic_error when there is nothing to reconnect. The bus then stays closed, as after an
/// interrupt, and this may be called again.
void reconnect(ControlLoop& loop, const std::function<std::unique_ptr<JointBus>()>& open, double timeout_s,
               const Interrupt& interrupt = {});

}  // namespace motorium
