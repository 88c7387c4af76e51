#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/cpu/thread_pool.hpp"
#include "kernels/table.hpp"

namespace motorium {

/// A counter that one thread at a time increases, while any thread may read it.
class ByteCount {
 public:
  /// A plain add is enough, since one thread at a time computes.
  void add(std::uint64_t bytes) noexcept { bytes_.store(read() + bytes, std::memory_order_relaxed); }
  std::uint64_t read() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> bytes_{0};
};

/// Shared by the products of one engine: its threads, and memory for rows converted to the weights'
/// precision. One caller at a time.
struct Workspace {
  static constexpr std::size_t kRows = 64;  ///< rows converted at a time

  Workspace(std::size_t threads, const std::vector<int>& cpus) : pool(threads, cpus) {}

  ThreadPool pool;
  std::byte* converted = nullptr;    ///< kRows rows of `inputs` inputs of 2 bytes
  float* converted_scale = nullptr;  ///< kRows
  std::size_t inputs = 0;
  ByteCount bytes_read;  ///< of weights, by all products so far
};

/// Calls work(part, thread) for every part, on all threads if `floats`, the total size, is worth it.
template <typename Work>
void share_parts(Workspace& workspace, std::size_t parts, std::size_t floats, const Work& work) noexcept {
  constexpr std::size_t kWorthSharing = 8192;  // takes about as long as a worker needs to join
  if (workspace.pool.threads() > 1 && floats >= kWorthSharing) return workspace.pool.run(parts, work);
  for (std::size_t part = 0; part < parts; ++part) work(part, std::size_t{0});
}

/// Calls work(first, last) for consecutive ranges of `rows` rows of `floats` floats each.
template <typename Work>
void share_rows(Workspace& workspace, std::size_t rows, std::size_t floats, const Work& work) noexcept {
  const std::size_t parts = std::min(rows, workspace.pool.threads());
  share_parts(workspace, parts, rows * floats, [&](std::size_t part, std::size_t) noexcept {
    work(part * rows / parts, (part + 1) * rows / parts);
  });
}

/// Computes heads [first, last) of an attention on `thread`, which has its own part of call.scratch.
void attend_heads(const kernels::KernelTable& table, const kernels::AttendRows& call, std::size_t first,
                  std::size_t last, std::size_t thread) noexcept;

/// Computes attention with the heads shared among the threads; call.scratch holds threads() times
/// score_floats() floats.
void attend(Workspace& workspace, const kernels::KernelTable& table,
            const kernels::AttendRows& call) noexcept;

}  // namespace motorium
