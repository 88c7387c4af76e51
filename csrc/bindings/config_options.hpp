#pragma once

#include <array>
#include <set>
#include <string>
#include <utility>

#include "denoiser_glue.hpp"

namespace motorium {

inline constexpr std::array kActivations{std::pair{"relu", kernels::Activation::relu},
                                         std::pair{"silu", kernels::Activation::silu},
                                         std::pair{"gelu", kernels::Activation::gelu},
                                         std::pair{"gelu_tanh", kernels::Activation::gelu_tanh},
                                         std::pair{"silu_gate", kernels::Activation::silu_gate},
                                         std::pair{"gelu_tanh_gate", kernels::Activation::gelu_tanh_gate}};

/// Reads the options of one table of a config. Every key asked for is a known one; close() refuses the
/// others.
class Options {
 public:
  Options(const pybind11::dict& table, const char* what) : table_(table), what_(what) {}

  template <typename T>
  T required(const char* key) {
    return motorium::required<T>(table_, known(key));
  }
  template <typename T>
  void optional(const char* key, T& value) {
    motorium::optional(table_, known(key), value);
  }
  template <typename T, std::size_t N>
  void choice(const char* key, const std::array<std::pair<const char*, T>, N>& names, T& value) {
    if (!table_.contains(known(key))) return;
    const auto wanted = table_[key].cast<std::string>();
    std::string valid;
    for (const auto& [name, result] : names) {
      if (wanted == name) {
        value = result;
        return;
      }
      valid += valid.empty() ? name : std::string(", ") + name;
    }
    throw pybind11::value_error(std::string(key) + " '" + wanted + "' is unknown; known: " + valid);
  }

  void close() const {
    for (const auto& item : table_) {
      const auto key = item.first.cast<std::string>();
      if (known_.count(key) == 0)
        throw pybind11::value_error(std::string(what_) + " has no option '" + key + "'");
    }
  }

 private:
  const char* known(const char* key) {
    known_.insert(key);
    return key;
  }

  const pybind11::dict& table_;
  const char* what_;
  std::set<std::string> known_;
};

}  // namespace motorium
