#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/cpu/thread_pool.hpp"
#include "kernels/table.hpp"

namespace motorium {

/// A count that one thread raises at a time and any thread reads, also while it rises.
class ByteCount {
 public:
  /// Raise it: a plain add, since whoever computes has the engine to itself.
  void add(std::uint64_t bytes) noexcept { bytes_.store(read() + bytes, std::memory_order_relaxed); }
  std::uint64_t read() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> bytes_{0};
};

/// What the products of one engine share: its threads, and room for rows converted to the weights' precision.
/// Used by one caller at a time.
struct Workspace {
  static constexpr std::size_t kRows = 64;  ///< rows converted at a time

  Workspace(std::size_t threads, const std::vector<int>& cpus) : pool(threads, cpus) {}

  ThreadPool pool;
  std::byte* converted = nullptr;    ///< kRows rows of `inputs` inputs of 2 bytes
  float* converted_scale = nullptr;  ///< kRows
  std::size_t inputs = 0;
  ByteCount bytes_read;  ///< of weights, by all products so far
};

/// work(part, thread) for every part, on all threads where `floats`, the size of the whole, is worth it.
template <typename Work>
void share_parts(Workspace& workspace, std::size_t parts, std::size_t floats, const Work& work) noexcept {
  constexpr std::size_t kWorthSharing = 8192;  // passed over in about the time in which a worker joins
  if (workspace.pool.threads() > 1 && floats >= kWorthSharing) return workspace.pool.run(parts, work);
  for (std::size_t part = 0; part < parts; ++part) work(part, std::size_t{0});
}

/// work(first, last) for consecutive stretches of `rows` rows of `floats` floats each.
template <typename Work>
void share_rows(Workspace& workspace, std::size_t rows, std::size_t floats, const Work& work) noexcept {
  const std::size_t parts = std::min(rows, workspace.pool.threads());
  share_parts(workspace, parts, rows * floats, [&](std::size_t part, std::size_t) noexcept {
    work(part * rows / parts, (part + 1) * rows / parts);
  });
}

/// Heads [first, last) of an attention on `thread`, which has its own part of call.scratch.
void attend_heads(const kernels::KernelTable& table, const kernels::AttendRows& call, std::size_t first,
                  std::size_t last, std::size_t thread) noexcept;

/// Attention with the heads shared among the threads;
/// call.scratch holds threads() times score_floats() floats.
void attend(Workspace& workspace, const kernels::KernelTable& table,
            const kernels::AttendRows& call) noexcept;

}  // namespace motorium
