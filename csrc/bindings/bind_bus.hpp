#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "bus/servo_link.hpp"
#include "bus/setting_rules.hpp"
#include "io/bus_error.hpp"

namespace motorium {

inline constexpr std::uint8_t kLastId = 0xFC;  // of both families

inline pybind11::dict to_dict(const BusCounters& c) {
  using namespace pybind11::literals;
  return pybind11::dict("cycles"_a = c.cycles, "crc_errors"_a = c.crc_errors, "timeouts"_a = c.timeouts,
                        "length_errors"_a = c.length_errors, "wrong_id"_a = c.wrong_id,
                        "flushed_bytes"_a = c.flushed_bytes, "late_replies"_a = c.late_replies,
                        "io_errors"_a = c.io_errors, "refusals"_a = c.refusals);
}

inline pybind11::dict to_dict(const LatencyReport& r) {
  using namespace pybind11::literals;
  constexpr std::array<const char*, 3> names{"not_applicable", "low", "refused"};
  return pybind11::dict("setting"_a = names[static_cast<std::size_t>(r.setting)], "timer_ms"_a = r.timer_ms);
}

inline void must_be_open(LinkStatus status, const ServoLink& link) {
  if (status == LinkStatus::closed) throw BusError("port " + link.path() + " went away");
  if (status == LinkStatus::invalid)
    throw pybind11::value_error("not a valid request: check id, address and size");
}

inline pybind11::object raw_read(ServoLink& link, std::uint8_t id, std::uint16_t address, std::uint8_t size) {
  std::array<std::uint8_t, 256> data{};
  LinkStatus status = LinkStatus::ok;
  {
    const pybind11::gil_scoped_release release;
    status = link.read(id, address, {data.data(), size}, nullptr);
  }
  must_be_open(status, link);
  if (status != LinkStatus::ok) return pybind11::none();
  return pybind11::bytes(reinterpret_cast<const char*>(data.data()), size);
}

/// Runs `ask(ids, rows, errors, answered)` and gives id -> bytes, or None where there was no good answer.
template <class Ask>
pybind11::dict raw_read_many(const ServoLink& link, const std::vector<std::uint8_t>& ids, std::uint8_t size,
                             Ask ask) {
  if (ids.size() > kMaxJoints) throw pybind11::value_error("at most " + std::to_string(kMaxJoints) + " ids");
  std::vector<std::uint8_t> rows(ids.size() * size);
  std::array<std::uint8_t, kMaxJoints> errors{};
  std::array<bool, kMaxJoints> answered{};
  const LinkStatus status = [&] {
    const pybind11::gil_scoped_release release;
    return ask(ids, std::span(rows), std::span(errors.data(), ids.size()),
               std::span(answered.data(), ids.size()));
  }();
  must_be_open(status, link);
  pybind11::dict result;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    pybind11::object value = pybind11::none();
    if (answered[i]) value = pybind11::bytes(reinterpret_cast<const char*>(&rows[i * size]), size);
    result[pybind11::int_(ids[i])] = value;
  }
  return result;
}

/// Raw access may prepare a servo, never move it: goals, torque and modes belong to the gate and the driver,
/// and what a goal means does not change under torque.
inline void must_only_prepare(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data,
                              const RawWrites& writes) {
  if (id > kLastId) throw pybind11::value_error("raw access writes to one servo at a time, ids 0..252");
  if (writes.allow(address, data)) return;
  std::string allowed;
  for (const RawWrites::Range& range : writes.allowed) {
    allowed +=
        (allowed.empty() ? "" : ", ") + std::to_string(range.first) + ".." + std::to_string(range.last);
  }
  throw pybind11::value_error(
      "raw access writes registers " + allowed + ", not " + std::to_string(data.size()) + " bytes from " +
      std::to_string(address) +
      " on: what moves a motor is written by the driver behind the safety gate alone");
}

inline bool raw_configure(ServoLink& link, std::uint8_t id, std::uint16_t address, const std::string& data,
                          const RawWrites& writes) {
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
  must_only_prepare(id, address, bytes, writes);
  std::uint8_t torque = 0;
  const LinkStatus status = [&] {
    const pybind11::gil_scoped_release release;
    if (writes.torque_address >= 0) {
      const auto at = static_cast<std::uint16_t>(writes.torque_address);
      const LinkStatus known = link.read(id, at, {&torque, 1}, nullptr);
      if (known != LinkStatus::ok || torque != 0) return known;
    }
    return link.write(id, address, bytes, nullptr);
  }();
  must_be_open(status, link);
  if (torque != 0) {
    throw BusError("servo " + std::to_string(id) + " on " + link.path() +
                   " is under torque: release the arm before a register is written");
  }
  return status == LinkStatus::ok;
}

inline bool raw_ping(ServoLink& link, std::uint8_t id) {
  const LinkStatus status = [&] {
    const pybind11::gil_scoped_release release;
    return link.ping(id, nullptr);
  }();
  must_be_open(status, link);
  return status == LinkStatus::ok;
}

/// What raw access to any servo protocol offers.
template <class Link>
pybind11::class_<Link> bind_raw(pybind11::class_<Link> bound, const RawWrites& writes) {
  namespace py = pybind11;
  bound
      .def(
          py::init([](const std::string& port, std::uint32_t baud, std::int64_t reply_margin_us, bool fresh) {
            auto link = std::make_unique<Link>(port, baud, static_cast<double>(reply_margin_us) * 1e-6);
            link->set_when_overdue(fresh ? WhenOverdue::wait : WhenOverdue::take);
            return link;
          }),
          py::arg("port"), py::arg("baud") = 1'000'000, py::arg("reply_margin_us") = 4000,
          py::arg("fresh") = true)
      .def(
          "ping", [](Link& link, std::uint8_t id) { return raw_ping(link, id); }, py::arg("servo_id"))
      .def(
          "read",
          [](Link& link, std::uint8_t id, std::uint16_t address, std::uint8_t size) {
            return raw_read(link, id, address, size);
          },
          py::arg("servo_id"), py::arg("address"), py::arg("size"))
      .def(
          "sync_read",
          [](Link& link, const std::vector<std::uint8_t>& ids, std::uint16_t address, std::uint8_t size) {
            return raw_read_many(link, ids, size, [&](auto wanted, auto rows, auto errors, auto answered) {
              return link.sync_read(wanted, address, size, rows, errors, answered);
            });
          },
          py::arg("ids"), py::arg("address"), py::arg("size"))
      .def(
          "configure",
          [writes](Link& link, std::uint8_t id, std::uint16_t address, const std::string& data) {
            return raw_configure(link, id, address, data, writes);
          },
          py::arg("servo_id"), py::arg("address"), py::arg("data"))
      .def("counters", [](const Link& link) { return to_dict(link.counters()); })
      .def("latency", [](const Link& link) { return to_dict(link.latency()); });
  return bound;
}

}  // namespace motorium
