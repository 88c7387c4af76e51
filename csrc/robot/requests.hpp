#pragma once

#include <functional>
#include <memory>

#include "robot/interrupt.hpp"
#include "runtime/control_loop.hpp"

namespace motorium {

// Requests to a control thread that wait for their outcome. Any thread may call them. Each throws Interrupted
// as soon as `interrupt` asks for it; what had not taken effect until then, or until the time was over, never
// will. What stops an arm (hold, park, release, estop) is never taken back.

/// Torque on from where the arm is. False, and torque off: not every servo confirmed it in time. An interrupt
/// switches torque off, too.
bool enable(ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});

/// Straight slew at `fraction` (0, 1] of each joint's velocity limit, until it has ended. When the time is
/// over, or on an interrupt, the arm holds.
MoveEnd move_to(ControlLoop& loop, const PerJoint<float>& target_rad, float fraction, double timeout_s,
                const Interrupt& interrupt = {});

/// Rest pose, then torque off. False when the arm did not get there in time, or the bus is dead; it goes on
/// towards its rest pose.
bool park(ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});

// These return when the control thread has taken the request, a tick later at most.
void hold(ControlLoop& loop, const Interrupt& interrupt = {});
void release(ControlLoop& loop, const Interrupt& interrupt = {});
void estop(ControlLoop& loop, const Interrupt& interrupt = {});

/// Ends a latched emergency stop, once the arm has no torque. False: it still has, or an input asks for a
/// stop.
bool reset_estop(ControlLoop& loop, double timeout_s, const Interrupt& interrupt = {});

/// Ends a latched position jump. False: the control thread did not take it in time.
bool accept_position(ControlLoop& loop, const Interrupt& interrupt = {});

/// Opens the bus again as soon as that succeeds. Throws what `open` threw last when that takes longer than
/// `timeout_s` (0: one try), std::logic_error where there is nothing to reconnect. The bus is closed then and
/// after an interrupt, and this may be called again.
void reconnect(ControlLoop& loop, const std::function<std::unique_ptr<JointBus>()>& open, double timeout_s,
               const Interrupt& interrupt = {});

}  // namespace motorium
