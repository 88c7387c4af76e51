#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "engine/cpu/arena.hpp"
#include "engine/cpu/loader.hpp"
#include "engine/cpu/workspace.hpp"

namespace motorium {

/// Base of every family's engine: a checked config, the arena with all of its memory, and calls that wait for
/// one another.
///
/// A family derives from this, builds its network from loader() in its members and calls finish_loading() at
/// the end of its constructor.
template <typename Config>
class FamilyEngine {
 public:
  FamilyEngine(const FamilyEngine&) = delete;
  FamilyEngine& operator=(const FamilyEngine&) = delete;

  const Config& config() const noexcept { return config_; }
  /// Returns the instruction set of the kernels.
  const char* isa() const noexcept { return table_.isa; }
  std::size_t arena_bytes() const noexcept { return arena_.bytes(); }
  /// Returns the bytes of weights that all products have read so far; never waits.
  std::uint64_t weight_bytes_read() const noexcept { return workspace_.bytes_read.read(); }

 protected:
  /// Throws std::invalid_argument for an invalid config, and as Loader does.
  FamilyEngine(const Config& config, const Tensors& tensors, const kernels::KernelTable& table,
               const EngineOptions& options)
      : config_(checked(config)),
        table_(table),
        loader_(std::make_unique<Loader>(table, tensors, arena_, options)),
        workspace_(loader_->workspace()) {}
  ~FamilyEngine() = default;

  const kernels::KernelTable& table() const noexcept { return table_; }
  Arena& arena() noexcept { return arena_; }
  /// Only until finish_loading().
  Loader& loader() noexcept { return *loader_; }
  /// Throws std::invalid_argument when a tensor did not fit. Nothing refers to the caller's tensors
  /// afterwards.
  void finish_loading() {
    loader_->finish();
    loader_.reset();
  }
  /// Waits for the network and its scratch memory, which one caller at a time uses.
  [[nodiscard]] std::lock_guard<std::mutex> wait_turn() const { return std::lock_guard<std::mutex>(busy_); }

 private:
  static const Config& checked(const Config& config) {
    config.check();
    return config;
  }

  Config config_;
  const kernels::KernelTable& table_;
  Arena arena_;
  std::unique_ptr<Loader> loader_;
  Workspace& workspace_;
  mutable std::mutex busy_;
};

}  // namespace motorium
