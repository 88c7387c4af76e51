#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "bus/joint_bus.hpp"
#include "motorium/spsc_ring.hpp"

namespace motorium {

/// What a caller wants of the control thread.
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
  std::uint64_t ticket = 0;  ///< Its own, or of the move it cancels.
  std::uint64_t queued = 0;  ///< Its own.
};

/// Requests on their way from any thread to the control thread, which never waits for it. Every request has a
/// ticket, counted from 1; its caller may take it back until it is handled.
class RequestQueue {
 public:
  /// Any thread. 0: not taken, because too many wait; what stops an arm (hold, cancel_move, park, release) is
  /// always taken, after all that waits.
  std::uint64_t push(Request request) noexcept {
    const std::lock_guard lock(callers_);
    request.queued = tickets_ + 1;
    if (request.kind != Request::Kind::cancel_move) request.ticket = request.queued;
    std::atomic<std::uint64_t>& place = waiting_[request.queued % kCapacity];
    if (place.load(std::memory_order_acquire) == 0) {  // else the queue is full
      place.store(request.queued, std::memory_order_release);
      if (ring_.try_push(request)) return ++tickets_;
      place.store(0, std::memory_order_release);
    }
    return insist(request.kind) ? ++tickets_ : 0;
  }

  /// Any thread. True: the request will never take effect; false: it already has, or went past the queue.
  bool withdraw(std::uint64_t ticket) noexcept { return ticket == 0 || claim(ticket); }

  /// Control thread: calls `handle(request)` for all that were pushed and not withdrawn. How many are done
  /// with.
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

  /// Whoever wins: the control thread that handles the request, or its caller who takes it back.
  bool claim(std::uint64_t ticket) noexcept {
    return waiting_[ticket % kCapacity].compare_exchange_strong(ticket, 0, std::memory_order_acq_rel);
  }

  /// The queue is full. True for what stops an arm: no flood of motions may keep that from it.
  bool insist(Request::Kind kind) noexcept {
    std::uint32_t bit = 0;
    if (kind == Request::Kind::hold || kind == Request::Kind::cancel_move) bit = kHold;
    if (kind == Request::Kind::park) bit = kPark;
    if (kind == Request::Kind::release) bit = kRelease;
    if (bit == 0) return false;
    std::uint32_t now = insisted_.load(std::memory_order_relaxed);
    while (!insisted_.compare_exchange_weak(now, (now | bit) + 1, std::memory_order_acq_rel)) {
    }
    return true;
  }

  SpscRing<Request, kCapacity> ring_{};
  // At ticket mod kCapacity: the ticket, from before it is queued until it is handled or withdrawn. Two
  // tickets that share a place are never queued at once: tickets are given in order, and what is handed out
  // while the queue is full is not queued.
  std::array<std::atomic<std::uint64_t>, kCapacity> waiting_{};
  std::atomic<std::uint32_t> insisted_{0};  // where the queue was full: how many stops, and of which kinds
  std::mutex callers_{};                    // never taken by the control thread
  std::uint64_t tickets_ = 0;
};

}  // namespace motorium
