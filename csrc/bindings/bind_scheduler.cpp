#include <string>

#include "bindings/bind_runtime.hpp"
#include "robot/robot.hpp"
#include "robot/scheduler.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

std::string text(const Pace& pace) {
  return "Pace(dt_ns=" + std::to_string(pace.dt_ns) + ", rows=" + std::to_string(pace.rows) +
         ", horizon=" + std::to_string(pace.horizon) + ", max_delay=" + std::to_string(pace.max_delay) + ")";
}

std::int64_t positive(std::int64_t dt_ns) {
  if (dt_ns <= 0) throw py::value_error("dt_ns must be positive");
  return dt_ns;
}

}  // namespace

void bind_scheduler(py::module_& m) {
  py::class_<Pace>(m, "Pace", "Rhythm of a policy.")
      .def(py::init([](std::int64_t dt_ns, std::int64_t rows, std::int64_t horizon, std::int64_t max_delay) {
             return Pace{positive(dt_ns), rows, horizon, max_delay};
           }),
           py::arg("dt_ns"), py::arg("rows"), py::arg("horizon"), py::arg("max_delay"))
      .def_static("checked", &checked_pace, py::arg("rows"), py::arg("dt_s"), py::arg("horizon"),
                  py::arg("max_delay"))
      .def_readonly("dt_ns", &Pace::dt_ns)
      .def_readonly("rows", &Pace::rows)
      .def_readonly("horizon", &Pace::horizon)
      .def_readonly("max_delay", &Pace::max_delay)
      .def(
          "__eq__", [](const Pace& p, const Pace& other) { return p == other; }, py::arg("other"),
          py::is_operator())
      .def("__hash__", [](const Pace& p) { return py::hash(py::str(text(p))); })
      .def("__repr__", &text);
  m.def(
      "needed_rows",
      [](std::int64_t age_ns, std::int64_t latency_ns, std::int64_t dt_ns) {
        return needed_rows(age_ns, latency_ns, positive(dt_ns));
      },
      py::arg("age_ns"), py::arg("latency_ns"), py::arg("dt_ns"));
  m.def("declared_latency_ns", &declared_latency_ns, py::arg("policy"));
  py::class_<Bridge>(m, "Bridge",
                     "Whether the rows that a policy accepts as committed last until its next plan.")
      .def(py::init([](std::int64_t declared_ns, std::int64_t measured_ns, std::int64_t age_ns,
                       std::int64_t dt_ns, std::int64_t accepted) {
             return Bridge{declared_ns, measured_ns, age_ns, positive(dt_ns), accepted};
           }),
           py::arg("declared_ns"), py::arg("measured_ns"), py::arg("age_ns"), py::arg("dt_ns"),
           py::arg("accepted"))
      .def_readonly("declared_ns", &Bridge::declared_ns)
      .def_readonly("measured_ns", &Bridge::measured_ns)
      .def_readonly("age_ns", &Bridge::age_ns)
      .def_readonly("dt_ns", &Bridge::dt_ns)
      .def_readonly("accepted", &Bridge::accepted)
      .def_property_readonly("latency_ns", &Bridge::latency_ns)
      .def_property_readonly("needed", &Bridge::needed)
      .def_property_readonly("holds", &Bridge::holds);
  py::class_<Scheduler> scheduler(m, "Scheduler",
                                  "When to infer again, and how many rows to commit meanwhile.");
  scheduler.def(py::init<const Pace&, std::int64_t>(), py::arg("pace"), py::arg("prior_ns") = 0)
      .def("record", &Scheduler::record, py::arg("latency_ns"))
      .def("delay", &Scheduler::delay, py::arg("age_ns"))
      .def("next_start_ns", &Scheduler::next_start_ns, py::arg("t0_ns"), py::arg("delay"))
      .def("planned_rows", &Scheduler::planned_rows, py::arg("t0_ns"))
      .def_property_readonly("pace", &Scheduler::pace)
      .def_property_readonly("latency_ns", &Scheduler::latency_ns)
      .def_property_readonly("measured", &Scheduler::measured)
      .def_property_readonly("needed", &Scheduler::needed)
      .def_property_readonly("declared", &Scheduler::declared)
      .def_property_readonly("shortfalls", &Scheduler::shortfalls);
  scheduler.attr("MEMORY") = Scheduler::kMemory;
  scheduler.attr("TRUSTED") = Scheduler::kTrusted;
}

}  // namespace motorium
