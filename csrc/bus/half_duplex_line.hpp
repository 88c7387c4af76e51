#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "bus/joint_bus.hpp"
#include "bus/monotonic.hpp"
#include "bus/serial_port.hpp"

namespace motorium {

/// Outcome of one request.
enum class LinkStatus : std::uint8_t {
  ok,
  incomplete,  ///< Not every servo answered well in time.
  refused,     ///< The one servo asked answered with an error instead of doing it.
  closed,      ///< The port is gone.
  invalid      ///< The request cannot be framed (size, count).
};

/// The replies one request waits for, and where they go: row i of `rows` belongs to `ids[i]`.
struct ReplySet {
  std::span<const std::uint8_t> ids;
  std::size_t size;  ///< Bytes of data in each reply.
  std::span<std::uint8_t> rows;
  std::span<std::uint8_t> errors;
  std::span<bool> answered;
  bool last_spoke = false;
  bool refused = false;

  /// Forgets earlier answers.
  void clear() noexcept;
  /// Files one good packet; false when it answers nothing that was asked, which is counted.
  bool accept(std::uint8_t id, std::uint8_t error, std::span<const std::uint8_t> data,
              BusCounters& counters) noexcept;
};

/// One wire shared by a master and its servos: sends a request, then listens until its replies are in or the
/// time for them is over. Flushes stale input, recognises its own echo, keeps the counters.
class HalfDuplexLine {
 public:
  /// Throws BusError as SerialPort does.
  HalfDuplexLine(const std::string& port, std::uint32_t baud, double reply_margin_s);

  /// Throws away what is left of earlier replies, then sends.
  LinkStatus send(std::span<const std::uint8_t> request) noexcept;

  /// Hands bytes to `take` as they arrive, until it returns true (nothing more is to be expected) or the
  /// time for `reply_bytes` in `replies` packets is over; `finish` then looks through what is half there. The
  /// outcome says whether all are answered.
  template <class Take, class Finish>
  LinkStatus receive(std::span<const std::uint8_t> request, std::size_t reply_bytes, ReplySet& replies,
                     Take take, Finish finish) noexcept {
    replies.clear();
    echo_ = request;
    const std::int64_t due = wire_free_ns_ + wire_ns(0, reply_bytes, replies.ids.size());
    const std::int64_t deadline = due + allowance_ns();
    bool done = false;
    // Time is looked at before each read: what arrived while this thread was kept off the processor still
    // counts, and a servo that never stops talking cannot hold it here.
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
    return outcome(replies);
  }

  /// Upper bound for the time of one request with replies: wire time, return delays and the margin.
  std::int64_t timeout_ns(std::size_t request_bytes, std::size_t reply_bytes,
                          std::size_t replies) const noexcept;
  /// How late a reply may be beyond wire time at most; outside the control loop there is time to be patient.
  /// Once whole answers have come, a quarter of it beyond their usual lateness is enough: a lost reply costs
  /// little on a quick adapter, and a slow adapter is not cut off.
  void set_reply_margin_s(double margin_s) noexcept;
  /// How long each servo may wait before it answers; the factory setting until told otherwise.
  void set_return_delay_ns(std::int64_t delay_ns) noexcept { return_delay_ns_ = delay_ns; }

  BusCounters& counters() noexcept { return counters_; }
  const BusCounters& counters() const noexcept { return counters_; }
  int descriptor() const noexcept { return port_.descriptor(); }
  const std::string& path() const noexcept { return port_.path(); }
  const LatencyReport& latency() const noexcept { return port_.latency(); }

 private:
  struct Arrived {
    std::span<const std::uint8_t> held_back;  ///< Looked like an echo for a while and was none.
    std::span<const std::uint8_t> fresh;
  };

  Arrived without_echo(std::span<const std::uint8_t> bytes) noexcept;
  std::int64_t wire_ns(std::size_t request_bytes, std::size_t reply_bytes,
                       std::size_t replies) const noexcept;
  std::int64_t allowance_ns() const noexcept;
  void learn_lateness(std::int64_t late_ns, const ReplySet& replies) noexcept;
  LinkStatus hung_up() noexcept;
  LinkStatus outcome(const ReplySet& replies) noexcept;

  static constexpr std::int64_t kUnknownLateness = kNsPerS;

  SerialPort port_;
  double byte_ns_;
  std::int64_t margin_ns_ = 0;
  std::int64_t wire_free_ns_ = 0;                // when our last byte will have left
  std::int64_t lateness_ns_ = kUnknownLateness;  // of whole answers lately
  int silences_ = 0;                             // requests in a row that nobody answered
  std::int64_t return_delay_ns_ = 500'000;  // register value 250, in units of 2 us: both families' factory
  BusCounters counters_;
  std::span<const std::uint8_t> echo_;  // of the request, what may still come back
  std::size_t echoed_ = 0;              // bytes that so far look like our own request coming back
  std::array<std::uint8_t, 512> chunk_{};
};

}  // namespace motorium
