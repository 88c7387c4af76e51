#include "bindings/structs.hpp"
#include "module.hpp"
#include "robot/snapshots.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

/// Returns `values` as an array (J,).
template <class State, class T>
auto row(PerJoint<T> State::* values) {
  return [values](const State& state) {
    return py::array_t<T>(static_cast<py::ssize_t>(state.n), (state.*values).data());
  };
}

auto row(std::vector<float> ArmState::* values) {
  return [values](const ArmState& state) {
    return FloatArray(static_cast<py::ssize_t>((state.*values).size()), (state.*values).data());
  };
}

}  // namespace

void bind_states(py::module_& m) {
  using J = JointState;
  BoundStruct<J>(m, "JointState", "What a bus knows of its joints after a read; no joints before the first.")
      .field("t_ns", &J::t_ns, "When the read was over, CLOCK_MONOTONIC ns.")
      .field("position_rad", row(&J::position_rad), "(J,) measured angles, rad.")
      .field("velocity_rad_s", row(&J::velocity_rad_s), "(J,) rad/s.")
      .field("effort", row(&J::effort), "(J,) signed fraction of stall torque, -1 to 1.")
      .field("voltage_v", row(&J::voltage_v), "(J,) supply, V.")
      .field("temperature_c", row(&J::temperature_c), "(J,) degrees Celsius.")
      .field("status", row(&J::status), "(J,) uint8: the servo's own fault bits; 0 is healthy.")
      .field("joint_t_ns", row(&J::joint_t_ns), "(J,) int64: when each joint answered last, ns; 0: never.")
      .finish()
      .def(py::init<>());
  using S = JointSample;
  BoundStruct<S>(m, "JointSample", "Joints at one moment, straight between two readings.")
      .field("t_ns", &S::t_ns, "The moment; of the nearest reading where there is none on both sides, ns.")
      .field("position_rad", row(&S::position_rad), "(J,) rad.")
      .field("velocity_rad_s", row(&S::velocity_rad_s), "(J,) rad/s.")
      .field("effort", row(&S::effort), "(J,) signed fraction of stall torque.")
      .finish();
  using A = ArmState;
  BoundStruct<A>(m, "ArmState", "One control tick of an arm: what was read, wanted and sent.")
      .field("t_ns", &A::t_ns, "The tick on the control grid, CLOCK_MONOTONIC ns.")
      .field("state_t_ns", &A::state_t_ns, "When the joints were read, ns.")
      .field("mode", &A::mode, "What the arm did.")
      .field("verdict", &A::verdict, "What the gate did with the goal.")
      .field(
          "gate_causes", [](const A& s) { return static_cast<GateCauses>(s.gate_causes); },
          "Why the gate clamped or refused.")
      .field(
          "events", [](const A& s) { return static_cast<TickEvents>(s.events); }, "What happened.")
      .field("position_rad", row(&A::position_rad), "(J,) measured, rad.")
      .field("velocity_rad_s", row(&A::velocity_rad_s), "(J,) measured, rad/s.")
      .field("effort", row(&A::effort), "(J,) measured, signed fraction of stall torque.")
      .field("setpoint_rad", row(&A::setpoint_rad), "(J,) wanted, before the gate, rad.")
      .field("goal_rad", row(&A::goal_rad), "(J,) sent to the servos, rad.")
      .finish();
}

}  // namespace motorium
