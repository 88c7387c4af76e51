#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string>

#include "bus/echo_counter.hpp"
#include "bus/joint_bus.hpp"
#include "bus/overdue_replies.hpp"
#include "io/monotonic.hpp"
#include "io/serial_port.hpp"

namespace motorium {

/// Outcome of one request.
enum class LinkStatus : std::uint8_t {
  ok,
  incomplete,  ///< Some servo did not answer properly in time.
  refused,     ///< The one servo asked answered with an error instead of obeying.
  closed,      ///< The port is gone.
  invalid,     ///< The request cannot be framed (size, count).
  unknown      ///< The protocol has no such request.
};

/// What to do with a reply that may be a late one to an earlier request.
enum class WhenOverdue : std::uint8_t {
  reject,  ///< Ignore it: a control loop cannot wait. Repeated reads differ by their length.
  wait,    ///< Ask nothing until no late reply can arrive.
  repeat,  ///< As `wait`, but accept the answer to the same question asked before.
  take     ///< Accept it, to find out which servos exist at all.
};

/// The replies that one request waits for: row i of `rows` belongs to `ids[i]`.
struct ReplySet {
  std::span<const std::uint8_t> ids;
  std::size_t size;  ///< Bytes of data wanted from each reply.
  std::span<std::uint8_t> rows;
  std::span<std::uint8_t> errors;
  std::span<bool> answered;
  std::size_t padding = 0;  ///< Extra bytes that make its replies differ from late ones.
  std::uint32_t question = OverdueReplies::kNew;
  bool last_spoke = false;
  bool refused = false;
  std::bitset<256> doubted{};  ///< Arrived, but may be late ones.

  std::size_t on_wire() const noexcept { return size + padding; }
  /// Clears earlier answers.
  void clear() noexcept;
};

/// Shares one wire between a master and its servos: sends a request, then listens until its replies are in or
/// their time is up. Flushes stale input, recognises its own echo and late replies, keeps the counters.
class HalfDuplexLine {
 public:
  /// Finds replies in bytes that arrived between requests, and passes them to `accept`. Knows the protocol.
  class Listener {
   public:
    virtual void overhear(std::span<const std::uint8_t> bytes) noexcept = 0;

   protected:
    ~Listener() = default;
  };
  void set_listener(Listener* listener) noexcept { listener_ = listener; }

  /// Throws BusError as SerialPort does.
  HalfDuplexLine(const std::string& port, std::uint32_t baud, double reply_margin_s);

  /// Call before framing a request. Returns how many bytes more than `size` to ask of `ids`, at most `room`,
  /// so that no late reply has the length of a new one, or as few as possible do.
  std::size_t padding(std::span<const std::uint8_t> ids, std::size_t size, std::size_t room) noexcept;
  /// Call before sending a request: sets its question and waits as `when_overdue` demands.
  void prepare(std::span<const std::uint8_t> request, ReplySet& replies) noexcept;
  /// Stores one good packet. False when it answers nothing that was asked, which is counted.
  bool accept(ReplySet& replies, std::uint8_t id, std::uint8_t error,
              std::span<const std::uint8_t> data) noexcept;
  /// Whether a packet of any length from `id` may answer another request than that of `replies`.
  bool doubtful(std::uint8_t id, const ReplySet& replies) const noexcept {
    return overdue_.any(sent_ns_) && overdue_.possible(id, replies.question, monotonic_ns());
  }
  /// Whether a late reply may still arrive.
  bool doubtful() const noexcept { return overdue_.any(monotonic_ns()); }
  /// Listens until no late reply can arrive: up to 60 ms after the last one was given up, or not at all.
  void wait_out() noexcept { discard_until(overdue_.newest_ns()); }
  void set_when_overdue(WhenOverdue when) noexcept { when_overdue_ = when; }

  /// Returns until when the echo of a request sent now may arrive.
  std::int64_t echo_until_ns() const noexcept;
  /// Whether the first bytes that came back were the request itself.
  bool echoed() const noexcept { return !echo_.empty() && echoed_ == echo_.size(); }

  /// Discards what is left of earlier replies, then sends.
  LinkStatus send(std::span<const std::uint8_t> request) noexcept;

  /// Passes bytes to `take` as they arrive, until it returns true (nothing more is expected) or the time for
  /// `reply_bytes` in `replies` packets is up; `finish` then examines incomplete packets. The outcome says
  /// whether all servos answered.
  template <class Take, class Finish>
  LinkStatus receive(std::span<const std::uint8_t> request, std::size_t reply_bytes, ReplySet& replies,
                     Take take, Finish finish) noexcept {
    replies.clear();
    echo_ = request;
    const std::int64_t due = wire_free_ns_ + wire_ns(0, reply_bytes, replies.ids.size());
    const std::int64_t deadline = due + allowance_ns();
    bool done = false;
    // The clock is read before the port: what arrived while this thread was not running still counts, and a
    // servo that never stops sending cannot hold the thread here.
    for (bool late = false; !done && !late;) {
      late = monotonic_ns() >= deadline;
      const IoResult got = port_.read_some(chunk_, deadline);
      if (got.status == IoStatus::closed) return hung_up();
      if (got.status == IoStatus::timeout) break;
      const Arrived arrived = without_echo({chunk_.data(), got.n});
      done = take(arrived.held_back) || take(arrived.fresh);
    }
    if (!done) finish();
    learn_lateness(monotonic_ns() - due, replies);
    expect_late(replies);
    return outcome(replies);
  }

  /// Upper bound for the time of one request with replies: wire time, return delays and the margin.
  std::int64_t timeout_ns(std::size_t request_bytes, std::size_t reply_bytes,
                          std::size_t replies) const noexcept;
  /// Sets how late a reply may be beyond wire time; outside the control loop it can be longer. Once complete
  /// answers have come, a quarter of it beyond their usual lateness is enough: a lost reply costs little with
  /// a fast adapter, and a slow one is not cut off.
  void set_reply_margin_s(double margin_s) noexcept;
  /// Sets how long each servo may wait before it answers; until then the factory setting applies.
  void set_return_delay_ns(std::int64_t delay_ns) noexcept { return_delay_ns_ = delay_ns; }

  BusCounters& counters() noexcept { return counters_; }
  const BusCounters& counters() const noexcept { return counters_; }
  int descriptor() const noexcept { return port_.descriptor(); }
  const std::string& path() const noexcept { return port_.path(); }
  const LatencyReport& latency() const noexcept { return port_.latency(); }

 private:
  struct Arrived {
    std::span<const std::uint8_t> held_back;  ///< Looked like an echo at first, but was none.
    std::span<const std::uint8_t> fresh;
  };

  Arrived without_echo(std::span<const std::uint8_t> bytes) noexcept;
  std::int64_t wire_ns(std::size_t request_bytes, std::size_t reply_bytes,
                       std::size_t replies) const noexcept;
  std::int64_t allowance_ns() const noexcept;
  void learn_lateness(std::int64_t late_ns, const ReplySet& replies) noexcept;
  std::size_t overhear() noexcept;
  void discard_until(std::int64_t t_ns) noexcept;
  void expect_late(const ReplySet& replies) noexcept;
  LinkStatus hung_up() noexcept;
  LinkStatus outcome(const ReplySet& replies) noexcept;

  static constexpr std::int64_t kUnknownLateness = kNsPerS;

  SerialPort port_;
  double byte_ns_;
  std::int64_t margin_ns_ = 0;
  std::int64_t wire_free_ns_ = 0;                // when our last byte will have left
  std::int64_t sent_ns_ = 0;                     // when the last request went out
  std::int64_t lateness_ns_ = kUnknownLateness;  // of complete answers lately
  int silences_ = 0;                             // unanswered requests in a row
  // register value 250, in units of 2 us: the factory setting of both families
  std::int64_t return_delay_ns_ = 500'000;
  BusCounters counters_;
  OverdueReplies overdue_;
  Listener* listener_ = nullptr;
  std::size_t padding_ = 0;  // the last one that was ambiguous for some servo
  WhenOverdue when_overdue_ = WhenOverdue::wait;
  std::span<const std::uint8_t> echo_;  // the part of the request that may still come back
  std::size_t echoed_ = 0;              // bytes so far that match our own request
  EchoCounter late_echoes_;             // of the same request
  std::array<std::uint8_t, 512> chunk_{};
};

}  // namespace motorium
