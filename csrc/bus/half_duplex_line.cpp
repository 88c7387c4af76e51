#include "bus/half_duplex_line.hpp"

#include <algorithm>

namespace motorium {
namespace {

constexpr double kBitsPerByte = 10.0;  // 8N1
constexpr int kSilencesToDoubt = 2;
constexpr std::int64_t kLaterNs = 47'500, kSoonerNs = 2'500;  // in balance at 19 to 1

}  // namespace

void ReplySet::clear() noexcept {
  std::fill(answered.begin(), answered.end(), false);
  last_spoke = false;
  refused = false;
}

bool ReplySet::accept(std::uint8_t id, std::uint8_t error, std::span<const std::uint8_t> data,
                      BusCounters& counters) noexcept {
  const auto found = std::find(ids.begin(), ids.end(), id);
  const auto i = static_cast<std::size_t>(found - ids.begin());
  if (found == ids.end() || answered[i]) {
    counters.wrong_id += 1;
    return false;
  }
  if (data.size() != size) {
    counters.length_errors += 1;
    return false;
  }
  std::copy_n(data.begin(), size, rows.begin() + static_cast<std::ptrdiff_t>(i * size));
  errors[i] = error;
  answered[i] = true;
  if (i + 1 == ids.size()) last_spoke = true;
  return true;
}

HalfDuplexLine::HalfDuplexLine(const std::string& port, std::uint32_t baud, double reply_margin_s)
    : port_(port, baud), byte_ns_(kBitsPerByte * static_cast<double>(kNsPerS) / baud) {
  set_reply_margin_s(reply_margin_s);
}

void HalfDuplexLine::set_reply_margin_s(double margin_s) noexcept {
  margin_ns_ = static_cast<std::int64_t>(margin_s * static_cast<double>(kNsPerS));
}

std::int64_t HalfDuplexLine::wire_ns(std::size_t request_bytes, std::size_t reply_bytes,
                                     std::size_t replies) const noexcept {
  const double bytes_ns = byte_ns_ * static_cast<double>(request_bytes + reply_bytes);
  return static_cast<std::int64_t>(bytes_ns) + return_delay_ns_ * static_cast<std::int64_t>(replies);
}

std::int64_t HalfDuplexLine::timeout_ns(std::size_t request_bytes, std::size_t reply_bytes,
                                        std::size_t replies) const noexcept {
  return wire_ns(request_bytes, reply_bytes, replies) + margin_ns_;
}

std::int64_t HalfDuplexLine::allowance_ns() const noexcept {
  return std::min(margin_ns_, margin_ns_ / 4 + lateness_ns_);
}

/// Follows the 95th percentile of lateness: one hiccup of a busy computer moves it little, an adapter that
/// hands bytes on in bursts decides it. Two requests in a row that nobody answered may mean that the adapter
/// has become slower: then all the margin is given again.
void HalfDuplexLine::learn_lateness(std::int64_t late_ns, const ReplySet& replies) noexcept {
  const auto answered = std::count(replies.answered.begin(), replies.answered.end(), true);
  silences_ = answered > 0 || replies.refused ? 0 : silences_ + 1;
  if (silences_ >= kSilencesToDoubt) lateness_ns_ = kUnknownLateness;
  if (answered < static_cast<std::ptrdiff_t>(replies.answered.size())) return;
  const std::int64_t observed = std::max<std::int64_t>(late_ns, 0);
  if (lateness_ns_ == kUnknownLateness) {
    lateness_ns_ = observed;
  } else if (observed > lateness_ns_) {
    lateness_ns_ = std::min(observed, lateness_ns_ + kLaterNs);
  } else {
    lateness_ns_ = std::max(observed, lateness_ns_ - kSoonerNs);
  }
}

LinkStatus HalfDuplexLine::send(std::span<const std::uint8_t> request) noexcept {
  if (request.empty()) return LinkStatus::invalid;
  counters_.cycles += 1;
  const std::size_t late = port_.discard_input();
  counters_.flushed_bytes += late;
  if (late > 0) lateness_ns_ += 4 * kLaterNs;  // given up too early
  const IoResult sent = port_.write_all(request, monotonic_ns() + timeout_ns(request.size(), 0, 0));
  echoed_ = 0;
  // What was written before may still be on its way: a sync write nobody waits for.
  wire_free_ns_ = std::max(wire_free_ns_, monotonic_ns()) + wire_ns(request.size(), 0, 0);
  if (sent.status == IoStatus::ok) return LinkStatus::ok;
  counters_.io_errors += 1;
  return sent.status == IoStatus::closed ? LinkStatus::closed : LinkStatus::incomplete;
}

/// An adapter without direction control hears itself: what repeats the request is dropped, byte by byte.
HalfDuplexLine::Arrived HalfDuplexLine::without_echo(std::span<const std::uint8_t> bytes) noexcept {
  while (echoed_ < echo_.size() && !bytes.empty()) {
    if (bytes.front() != echo_[echoed_]) {
      const auto held_back = echo_.first(echoed_);
      echo_ = {};
      return {held_back, bytes};
    }
    bytes = bytes.subspan(1);
    ++echoed_;
  }
  return {{}, bytes};
}

LinkStatus HalfDuplexLine::hung_up() noexcept {
  counters_.io_errors += 1;
  return LinkStatus::closed;
}

LinkStatus HalfDuplexLine::outcome(const ReplySet& replies) noexcept {
  if (replies.refused) return LinkStatus::refused;
  const auto missing = std::count(replies.answered.begin(), replies.answered.end(), false);
  counters_.timeouts += static_cast<std::uint64_t>(missing);
  return missing == 0 ? LinkStatus::ok : LinkStatus::incomplete;
}

}  // namespace motorium
