#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "emulator/servo_fault.hpp"

namespace motorium {

struct EmulatorStats {
  std::uint64_t requests = 0, replies = 0, bad_checksums = 0, bad_lengths = 0, dropped_bytes = 0, faults = 0;
};

/// The servos' end of the wire: collects replies, applies faults, and says when each is due. Without a baud
/// rate replies are due at once; with one, when their last bit would have passed.
class ReplyLine {
 public:
  struct Due {
    std::int64_t t_ns;
    std::vector<std::uint8_t> bytes;
  };

  EmulatorStats stats;
  FaultEngine faults;

  void set_wire(std::uint32_t baud) noexcept;
  void set_delay_ns(std::int64_t delay_ns) noexcept { delay_ns_ = delay_ns; }
  /// Notes a request of `bytes`; the wire is busy with it before anybody answers.
  void hear(std::size_t bytes) noexcept;
  void echo(std::span<const std::uint8_t> request);

  /// Makes a packet of an id and data; empty when that is impossible.
  using Frame = std::function<std::vector<std::uint8_t>(std::uint8_t id, std::span<const std::uint8_t> data)>;
  /// Sends one reply of servo number `servo`, or what a fault makes of it.
  void reply(int servo, std::uint8_t id, std::span<const std::uint8_t> data, std::int64_t return_delay_ns,
             const Frame& frame);
  /// Sends all replies until `end_overlap` at once, as servos with the same id do: a bit is low on the wire
  /// when any of them pulls it low.
  void begin_overlap() noexcept { overlapping_ = true; }
  void end_overlap();
  /// Sends bytes that already carry their faults.
  void send(std::vector<std::uint8_t> bytes, std::int64_t return_delay_ns, bool late);

  /// Returns what is due by `now_ns`, joined; `next_ns`: when the next bytes are due, or -1.
  std::vector<std::uint8_t> due(std::int64_t now_ns, std::int64_t& next_ns);

 private:
  std::int64_t delay_ns_ = 20'000'000;
  double byte_ns_ = 0.0;
  std::int64_t free_ns_ = 0;  // the wire is busy until then
  bool overlapping_ = false, overlap_late_ = false;
  std::int64_t overlap_delay_ns_ = 0;
  std::vector<std::uint8_t> overlap_;
  std::deque<Due> queue_;  // in order of due time
};

}  // namespace motorium
