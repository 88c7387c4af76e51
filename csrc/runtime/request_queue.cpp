#include "runtime/request_queue.hpp"

namespace motorium {

std::uint64_t RequestQueue::push(Request request) noexcept {
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

bool RequestQueue::claim(std::uint64_t ticket) noexcept {
  return waiting_[ticket % kCapacity].compare_exchange_strong(ticket, 0, std::memory_order_acq_rel);
}

bool RequestQueue::insist(Request::Kind kind) noexcept {
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

}  // namespace motorium
