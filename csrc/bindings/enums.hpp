#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "robot/robot_file.hpp"
#include "robot/snapshots.hpp"
#include "robot/texts.hpp"

/// Enums of the core as Python enums: members have their C++ names in capitals. Those that appear in files
/// and in `--json` have their text as value (`TextEnum`); bits are `enum.IntFlag`, numbers `enum.IntEnum`.
namespace motorium {

// Bits, as types of their own.
enum class GateCauses : std::uint32_t {};
enum class GuardBits : std::uint8_t {};
enum class TickEvents : std::uint32_t {};

template <>
struct Texts<SettingTrouble> {
  static constexpr std::array<std::string_view, 6> all{"none",    "silent",  "unconfirmed",
                                                       "refused", "differs", "beyond_bound"};
};

/// Keeps the Python class of `E` and its members by value, for as long as the interpreter lives.
template <class E>
struct PyEnum {
  static inline PyObject* kind = nullptr;
  static inline std::vector<PyObject*> members{};
};

/// Converts members; for bits, any combination.
template <class E>
struct EnumCaster {
  static pybind11::handle cast(E value, pybind11::return_value_policy, pybind11::handle) {
    const auto number = static_cast<std::size_t>(value);
    if (PyEnum<E>::members.empty()) return pybind11::handle(PyEnum<E>::kind)(number).release();
    return pybind11::handle(PyEnum<E>::members.at(number)).inc_ref();
  }
  bool load(pybind11::handle from, bool) {
    if (PyObject_IsInstance(from.ptr(), PyEnum<E>::kind) != 1) return false;
    const auto& all = PyEnum<E>::members;
    value = all.empty() ? static_cast<E>(from.cast<std::uint64_t>())
                        : static_cast<E>(std::find(all.begin(), all.end(), from.ptr()) - all.begin());
    return true;
  }
  // Required of a caster by pybind11.
  template <class T>
  using cast_op_type = E;
  operator E() const { return value; }  // NOLINT(google-explicit-constructor)
  E value{};
};

inline std::string capitals(std::string_view text) {
  std::string name(text.empty() ? "none" : text);
  for (char& sign : name) sign = static_cast<char>(std::toupper(static_cast<unsigned char>(sign)));
  return name;
}

/// An argument that was a text in 0.1.0: a member of `E`, or, for one release and with a warning, its text.
template <class E>
struct OrText {
  E value{};
};

/// Returns the member whose text `given` is, and warns. ValueError where there is none.
template <class E>
E member_of_text(pybind11::handle given) {
  const auto text = given.cast<std::string>();
  const std::string kind = pybind11::str(pybind11::handle(PyEnum<E>::kind).attr("__name__"));
  const auto& all = Texts<E>::all;
  const auto found = std::find(all.begin(), all.end(), text);
  if (found == all.end()) {
    std::string known;
    for (const std::string_view one : all) known.append(known.empty() ? "" : ", ").append(one);
    throw pybind11::value_error("no " + kind + " is called '" + text + "'; known: " + known);
  }
  const auto warn = pybind11::module_::import("motorium.deprecated").attr("warn");
  warn("give " + kind + "." + capitals(text) + ", not the text '" + text + "'", pybind11::arg("level") = 2);
  return static_cast<E>(found - all.begin());
}

/// `pairs`: member names and values.
inline pybind11::object python_enum(pybind11::module_& m, const char* base, const char* name,
                                    const pybind11::list& pairs, const char* doc) {
  const bool text = std::string_view(base).starts_with("Text");
  const auto home = pybind11::module_::import(text ? "motorium.deprecated" : "enum");
  pybind11::object kind = home.attr(base)(name, pairs, pybind11::arg("module") = "motorium._core");
  kind.attr("__doc__") = doc;
  m.attr(name) = kind;
  return kind;
}

/// Makes a `TextEnum` with the texts of `E`.
template <class E>
void bind_text_enum(pybind11::module_& m, const char* name, const char* doc) {
  pybind11::list pairs;
  for (const std::string_view text : Texts<E>::all)
    pairs.append(pybind11::make_tuple(capitals(text), std::string(text)));
  const pybind11::object kind = python_enum(m, "TextEnum", name, pairs, doc);
  PyEnum<E>::kind = pybind11::object(kind).release().ptr();
  for (const std::string_view text : Texts<E>::all)
    PyEnum<E>::members.push_back(pybind11::object(kind.attr(capitals(text).c_str())).release().ptr());
}

/// Makes an `IntFlag` of the bits of `table`.
template <class E>
void bind_bits(pybind11::module_& m, const char* name, std::span<const BitText> table, const char* doc) {
  pybind11::list pairs;
  for (const BitText& one : table) pairs.append(pybind11::make_tuple(capitals(one.name), one.bit));
  PyEnum<E>::kind = python_enum(m, "IntFlag", name, pairs, doc).release().ptr();
}

/// Makes an `IntEnum` with values from 0 on.
template <class E>
void bind_number_enum(pybind11::module_& m, const char* name, const std::vector<const char*>& names,
                      const char* doc) {
  pybind11::list pairs;
  for (std::size_t i = 0; i < names.size(); ++i) pairs.append(pybind11::make_tuple(names[i], i));
  const pybind11::object kind = python_enum(m, "IntEnum", name, pairs, doc);
  PyEnum<E>::kind = pybind11::object(kind).release().ptr();
  for (const char* one : names)
    PyEnum<E>::members.push_back(pybind11::object(kind.attr(one)).release().ptr());
}

}  // namespace motorium

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): specialisations in a namespace of pybind11's
#define MOTORIUM_ENUM_CASTER(Type, Name)                                    \
  template <>                                                               \
  struct pybind11::detail::type_caster<Type> : motorium::EnumCaster<Type> { \
    static constexpr auto name = const_name("motorium._core." Name);        \
  }

template <class E>
struct pybind11::detail::type_caster<motorium::OrText<E>> {
  static constexpr auto name = make_caster<E>::name;
  bool load(handle from, bool convert) {
    make_caster<E> member;
    if (member.load(from, convert)) {
      value_.value = static_cast<E>(member);
      return true;
    }
    if (!PyUnicode_CheckExact(from.ptr())) return false;
    value_.value = motorium::member_of_text<E>(from);
    return true;
  }
  template <class T>
  using cast_op_type = motorium::OrText<E>;
  operator motorium::OrText<E>() const { return value_; }  // NOLINT(google-explicit-constructor)

 private:
  motorium::OrText<E> value_;
};

MOTORIUM_ENUM_CASTER(motorium::Mode, "Mode");
MOTORIUM_ENUM_CASTER(motorium::Reason, "Reason");
MOTORIUM_ENUM_CASTER(motorium::MoveEnd, "MoveEnd");
MOTORIUM_ENUM_CASTER(motorium::PushStatus, "PushStatus");
MOTORIUM_ENUM_CASTER(motorium::RestPolicy, "RestPolicy");
MOTORIUM_ENUM_CASTER(motorium::LatencyReport::Setting, "LatencySetting");
MOTORIUM_ENUM_CASTER(motorium::SettingTrouble, "SettingTrouble");
MOTORIUM_ENUM_CASTER(motorium::FileProblem, "FileProblem");
MOTORIUM_ENUM_CASTER(motorium::BusStatus, "BusStatus");
MOTORIUM_ENUM_CASTER(mtr_verdict, "Verdict");
MOTORIUM_ENUM_CASTER(mtr_guard_verdict, "GuardVerdict");
MOTORIUM_ENUM_CASTER(motorium::WatchedBy, "WatchedBy");
MOTORIUM_ENUM_CASTER(motorium::GateCauses, "GateCauses");
MOTORIUM_ENUM_CASTER(motorium::GuardBits, "GuardBits");
MOTORIUM_ENUM_CASTER(motorium::TickEvents, "TickEvents");
