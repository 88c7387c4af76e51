#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "bus/joint_bus.hpp"
#include "motorium/spsc_ring.hpp"

namespace motorium {

/// A request to the control thread.
struct Request {
  enum class Kind : std::uint8_t {
    enable,
    move_to,
    cancel_move,
    hold,
    park,
    release,
    reset_estop,
    accept_position
  };
  Kind kind = Kind::hold;
  PerJoint<float> target_rad{};
  float fraction = 0.0f;
  std::uint64_t ticket = 0;  ///< The request's own, or that of the move it cancels.
  std::uint64_t queued = 0;  ///< The request's own ticket.
};

/// Carries requests from any thread to the control thread, which never waits. Every request has a ticket,
/// counted from 1; its caller may withdraw it until it is handled.
class RequestQueue {
 public:
  /// Any thread. Returns 0 when the queue is full and the request was dropped; requests that stop an arm
  /// (hold, cancel_move, park, release) are always taken, after all that waits.
  std::uint64_t push(Request request) noexcept;

  /// Any thread. True: the request will never take effect. False: it already has, or it bypassed the queue.
  bool withdraw(std::uint64_t ticket) noexcept { return ticket == 0 || claim(ticket); }

  /// Control thread: calls `handle(request)` for every request that was not withdrawn. Returns how many it
  /// has dealt with.
  template <class Handle>
  std::uint64_t drain(Handle handle) noexcept {
    std::uint64_t done = 0;
    for (Request request; ring_.try_pop(request); ++done)
      if (claim(request.queued)) handle(request);
    const std::uint32_t insisted = insisted_.exchange(0, std::memory_order_acq_rel);
    if ((insisted & kHold) != 0) handle(Request{Request::Kind::hold});
    if ((insisted & kPark) != 0) handle(Request{Request::Kind::park});
    if ((insisted & kRelease) != 0) handle(Request{Request::Kind::release});
    return done + (insisted & kCount);
  }

 private:
  static constexpr std::size_t kCapacity = 64;
  static constexpr std::uint32_t kHold = 1u << 31, kPark = 1u << 30, kRelease = 1u << 29,
                                 kCount = kRelease - 1;

  /// Claims a request, for the control thread to handle or for its caller to withdraw. True for the one that
  /// wins.
  bool claim(std::uint64_t ticket) noexcept;

  /// Keeps a request that stops the arm when the queue is full: a flood of motions must not block it. Returns
  /// whether the request was kept.
  bool insist(Request::Kind kind) noexcept;

  SpscRing<Request, kCapacity> ring_{};
  // The ticket of each waiting request, at ticket mod kCapacity, from before it is queued until it is handled
  // or withdrawn. Two tickets that share a place are never queued at once: tickets are given in order, and
  // one given while the queue is full is not queued.
  std::array<std::atomic<std::uint64_t>, kCapacity> waiting_{};
  std::atomic<std::uint32_t> insisted_{0};  // stops taken while the queue was full: their number and kinds
  std::mutex callers_{};                    // never taken by the control thread
  std::uint64_t tickets_ = 0;
};

}  // namespace motorium
