#pragma once

#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "engine/cpu/loader.hpp"
#include "kernel_checks.hpp"

namespace motorium::checks {

/// Random tensors for whatever an engine asks for: opened without any, it lists names and shapes. `flat`: of
/// one value, which is quick under a simulator.
struct RandomWeights {
  explicit RandomWeights(const std::function<void(const Tensors&)>& open, bool flat = false) {
    std::string list;
    try {
      open({});
    } catch (const std::invalid_argument& missing) {
      list = missing.what();
    }
    unsigned seed = 0;
    for (std::size_t at = 0; (at = list.find("tensor ", at)) != std::string::npos; ++at) {
      const std::size_t end = list.find(' ', at + 7), from = list.find('(', end);
      std::vector<std::size_t> shape;
      std::size_t count = 1, scale = 1;
      for (const char* next = list.c_str() + from; *next != ')';) {
        char* after = nullptr;
        shape.push_back(std::strtoul(next + 1, &after, 10));
        count *= shape.back();
        scale = shape.back();
        next = after;
      }
      const std::string name = list.substr(at + 7, end - at - 7);
      storage[name] = flat ? Floats(count, 0.01f)
                           : random_floats(count, ++seed, 1.0f / std::sqrt(static_cast<float>(scale)));
      tensors[name] = {storage[name].data(), shape};
    }
  }
  std::map<std::string, Floats> storage;
  Tensors tensors;
};

}  // namespace motorium::checks
