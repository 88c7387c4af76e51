#include "emulator/reply_line.hpp"

#include <algorithm>

#include "io/monotonic.hpp"

namespace motorium {
namespace {

constexpr double kBitsPerByte = 10.0;  // 8N1

}  // namespace

void ReplyLine::set_wire(std::uint32_t baud) noexcept {
  byte_ns_ = baud > 0 ? kBitsPerByte * static_cast<double>(kNsPerS) / baud : 0.0;
}

void ReplyLine::hear(std::size_t bytes) noexcept {
  free_ns_ =
      std::max(free_ns_, monotonic_ns()) + static_cast<std::int64_t>(byte_ns_ * static_cast<double>(bytes));
}

void ReplyLine::echo(std::span<const std::uint8_t> request) {
  if (!faults.echoes()) return;
  stats.faults += 1;
  queue_.push_back({free_ns_, {request.begin(), request.end()}});
}

void ReplyLine::send(std::vector<std::uint8_t> bytes, std::int64_t return_delay_ns, bool late) {
  if (bytes.empty()) return;
  if (overlapping_) {
    overlap_delay_ns_ = return_delay_ns;
    overlap_late_ = late;
    const std::size_t both = std::min(bytes.size(), overlap_.size());
    for (std::size_t i = 0; i < both; ++i) overlap_[i] &= bytes[i];
    if (bytes.size() > both) {
      overlap_.insert(overlap_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(both), bytes.end());
    }
    return;
  }
  std::int64_t due_ns = free_ns_;
  if (byte_ns_ > 0.0) {
    due_ns += return_delay_ns + static_cast<std::int64_t>(byte_ns_ * static_cast<double>(bytes.size()));
    free_ns_ = due_ns;
  }
  if (late) due_ns += delay_ns_;
  const auto behind = std::upper_bound(queue_.begin(), queue_.end(), due_ns,
                                       [](std::int64_t t, const Due& other) { return t < other.t_ns; });
  queue_.insert(behind, {due_ns, std::move(bytes)});
}

void ReplyLine::end_overlap() {
  overlapping_ = false;
  send(std::move(overlap_), overlap_delay_ns_, overlap_late_);
  overlap_.clear();
}

void ReplyLine::reply(int servo, std::uint8_t id, std::span<const std::uint8_t> data,
                      std::int64_t return_delay_ns, const Frame& frame) {
  stats.replies += 1;
  const ServoFault kind = faults.strike(servo);
  stats.faults += kind != ServoFault::none;
  if (kind == ServoFault::drop) return;
  std::vector<std::uint8_t> longer;
  if (kind == ServoFault::wrong_length) {
    longer.assign(data.begin(), data.end());
    longer.push_back(0);
    data = longer;
  }
  std::vector<std::uint8_t> packet =
      frame(kind == ServoFault::wrong_id ? FaultEngine::wrong_id(id) : id, data);
  FaultEngine::spoil(kind, packet);
  send(std::move(packet), return_delay_ns, kind == ServoFault::delay);
}

std::vector<std::uint8_t> ReplyLine::due(std::int64_t now_ns, std::int64_t& next_ns) {
  std::vector<std::uint8_t> bytes;
  while (!queue_.empty() && queue_.front().t_ns <= now_ns) {
    bytes.insert(bytes.end(), queue_.front().bytes.begin(), queue_.front().bytes.end());
    queue_.pop_front();
  }
  next_ns = queue_.empty() ? -1 : queue_.front().t_ns;
  return bytes;
}

}  // namespace motorium
