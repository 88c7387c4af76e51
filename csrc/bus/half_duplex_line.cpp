#include "bus/half_duplex_line.hpp"

#include <algorithm>

namespace motorium {
namespace {

constexpr double kBitsPerByte = 10.0;  // 8N1
constexpr int kSilencesToDoubt = 2;
/// Longest delay of a late reply: a USB adapter with its timer at the factory's 16 ms, holding the reply back
/// three times over, stays below this.
constexpr std::int64_t kLatestNs = 60'000'000;
constexpr std::int64_t kLaterNs = 47'500, kSoonerNs = 2'500;  // balanced at 19 to 1: the 95th percentile

}  // namespace

void ReplySet::clear() noexcept {
  std::fill(answered.begin(), answered.end(), false);
  last_spoke = false;
  refused = false;
  doubted.reset();
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

/// Follows the 95th percentile of lateness: a single delay by a busy computer moves it little, an adapter
/// that passes bytes on in bursts decides it. Two unanswered requests in a row may mean that the adapter has
/// become slower, so the whole margin is allowed again.
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

std::size_t HalfDuplexLine::padding(std::span<const std::uint8_t> ids, std::size_t size,
                                    std::size_t room) noexcept {
  const std::int64_t now_ns = monotonic_ns();
  if (when_overdue_ != WhenOverdue::reject || !overdue_.any(now_ns)) return 0;
  const auto doubts = [&](std::size_t more) {
    return std::count_if(ids.begin(), ids.end(), [&](std::uint8_t id) {
      return overdue_.possible(id, size + more, OverdueReplies::kNew, now_ns);
    });
  };
  for (std::size_t more = 0; more <= room; ++more) {
    if (doubts(more) == 0) return more;
  }
  // No length is unambiguous for all servos: alternate, so that no servo is in doubt in every tick.
  std::size_t best = (padding_ + 1) % (room + 1);
  for (std::size_t i = 2; i <= room + 1; ++i) {
    const std::size_t more = (padding_ + i) % (room + 1);
    if (doubts(more) < doubts(best)) best = more;
  }
  return padding_ = best;
}

void HalfDuplexLine::prepare(std::span<const std::uint8_t> request, ReplySet& replies) noexcept {
  replies.question = OverdueReplies::kNew;
  if (when_overdue_ == WhenOverdue::reject || when_overdue_ == WhenOverdue::take) return;
  if (when_overdue_ == WhenOverdue::repeat) {
    std::uint32_t hash = 2'166'136'261U;  // FNV-1a
    for (const std::uint8_t byte : request) hash = (hash ^ byte) * 16'777'619U;
    replies.question = std::max<std::uint32_t>(hash, 1);
  }
  std::int64_t until_ns = 0;
  for (const std::uint8_t id : replies.ids) {
    if (!overdue_.possible(id, replies.on_wire(), replies.question, monotonic_ns())) continue;
    until_ns = std::max(until_ns, overdue_.until_ns(id, replies.on_wire()));
  }
  discard_until(until_ns);
}

void HalfDuplexLine::discard_until(std::int64_t t_ns) noexcept {
  while (monotonic_ns() < t_ns) {
    const IoResult got = port_.read_some(chunk_, t_ns);
    if (got.status == IoStatus::closed) return;  // the next request will report it
    counters_.flushed_bytes += got.n;
  }
}

bool HalfDuplexLine::accept(ReplySet& replies, std::uint8_t id, std::uint8_t error,
                            std::span<const std::uint8_t> data) noexcept {
  const auto found = std::find(replies.ids.begin(), replies.ids.end(), id);
  const auto i = static_cast<std::size_t>(found - replies.ids.begin());
  const bool asked = found != replies.ids.end() && !replies.answered[i];
  const bool fits = data.size() == replies.on_wire();
  const std::int64_t now_ns = overdue_.any(sent_ns_) ? monotonic_ns() : 0;
  const std::uint32_t question = asked && fits ? replies.question : OverdueReplies::kNew;
  if (now_ns > 0 && overdue_.possible(id, data.size(), question, now_ns)) {
    counters_.late_replies += 1;
    if (asked && fits) replies.doubted[i] = true;
    if (found == replies.ids.end() || !fits) overdue_.came(id, data.size());
    return false;
  }
  if (!asked || !fits) {
    (asked ? counters_.length_errors : counters_.wrong_id) += 1;
    return false;
  }
  std::copy_n(data.begin(), replies.size,
              replies.rows.begin() + static_cast<std::ptrdiff_t>(i * replies.size));
  replies.errors[i] = error;
  replies.answered[i] = true;
  if (i + 1 == replies.ids.size()) replies.last_spoke = true;
  return true;
}

/// Expects a late reply from every servo that has not answered. A reply in doubt did arrive, so no second one
/// will.
void HalfDuplexLine::expect_late(const ReplySet& replies) noexcept {
  if (replies.refused || when_overdue_ == WhenOverdue::take) return;
  for (std::size_t i = 0; i < replies.ids.size(); ++i) {
    if (replies.answered[i] || replies.doubted[i]) continue;
    overdue_.expect(replies.ids[i], replies.on_wire(), replies.question, sent_ns_,
                    sent_ns_ + kLatestNs + margin_ns_);
  }
}

std::int64_t HalfDuplexLine::echo_until_ns() const noexcept {
  return monotonic_ns() + kLatestNs + margin_ns_;
}

/// Reads what arrived since the last request, which cannot answer the next one. Returns the number of bytes
/// without echoes. Bounded, in case a servo never stops sending.
std::size_t HalfDuplexLine::overhear() noexcept {
  std::size_t total = 0;
  const bool interesting = listener_ != nullptr && doubtful();
  for (int i = 0; i < 32; ++i) {
    const std::size_t n = port_.read_waiting(chunk_);
    if (n == 0) break;
    total += n - std::min(n, late_echoes_.in({chunk_.data(), n}));
    if (interesting) listener_->overhear({chunk_.data(), n});
  }
  return total;
}

LinkStatus HalfDuplexLine::send(std::span<const std::uint8_t> request) noexcept {
  if (request.empty()) return LinkStatus::invalid;
  counters_.cycles += 1;
  const std::size_t late = overhear();
  counters_.flushed_bytes += late;
  if (late > 0) lateness_ns_ += 4 * kLaterNs;  // the timeout was too short
  late_echoes_.expect(request);
  const IoResult sent = port_.write_all(request, monotonic_ns() + timeout_ns(request.size(), 0, 0));
  echo_ = {};
  echoed_ = 0;
  sent_ns_ = monotonic_ns();
  // An earlier sync write, which nobody waits for, may still be on the wire.
  wire_free_ns_ = std::max(wire_free_ns_, monotonic_ns()) + wire_ns(request.size(), 0, 0);
  if (sent.status == IoStatus::ok) return LinkStatus::ok;
  counters_.io_errors += 1;
  return sent.status == IoStatus::closed ? LinkStatus::closed : LinkStatus::incomplete;
}

/// Drops bytes that repeat the request: an adapter without direction control hears itself.
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
  counters_.timeouts += static_cast<std::uint64_t>(missing) - replies.doubted.count();
  return missing == 0 ? LinkStatus::ok : LinkStatus::incomplete;
}

}  // namespace motorium
