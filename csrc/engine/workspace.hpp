#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/thread_pool.hpp"
#include "kernels/table.hpp"

namespace motorium {

/// What the products of one engine share: its threads, and room for rows converted to the weights' precision.
/// Used by one caller at a time.
struct Workspace {
  static constexpr std::size_t kRows = 64;  ///< rows converted at a time

  Workspace(std::size_t threads, const std::vector<int>& cpus) : pool(threads, cpus) {}

  ThreadPool pool;
  std::byte* converted = nullptr;    ///< kRows rows of `inputs` inputs of 2 bytes
  float* converted_scale = nullptr;  ///< kRows
  std::size_t inputs = 0;
  std::uint64_t bytes_read = 0;  ///< of weights, by all products so far
};

/// Attention with the heads shared among the threads; call.scratch holds threads() times score_floats()
/// floats.
void attend(Workspace& workspace, const kernels::KernelTable& table,
            const kernels::AttendRows& call) noexcept;

}  // namespace motorium
