#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace motorium {

/// A serial port made of nothing: clients open `port()`, a
/// thread of its own serves the other end and sleeps otherwise.
class PseudoTerminal {
 public:
  struct Service {
    /// Bytes have come from the client.
    std::function<void(std::span<const std::uint8_t>)> hear;
    /// Bytes to send now; sets when to ask again (CLOCK_MONOTONIC), or -1.
    std::function<std::vector<std::uint8_t>(std::int64_t& next_ns)> speak;
    /// So many bytes found nobody who reads.
    std::function<void(std::size_t)> lose;
  };

  /// Throws std::system_error when there is no pseudo-terminal to be had.
  PseudoTerminal();
  ~PseudoTerminal() { close(); }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  void start(Service service);
  /// The cable is pulled: clients see a hang-up. Safe to call again.
  void close() noexcept;
  const std::string& port() const noexcept { return port_; }
  /// What the client has set its port to.
  std::uint32_t speed() const noexcept;
  /// Serves ahead of all ordinary threads, where that is permitted: a wire waits for no computer.
  void set_punctual(bool punctual) noexcept;
  /// Servos that listen at `baud`: what a client sends at another speed is noise to them. 0: at any.
  void set_baud(std::uint32_t baud) noexcept { baud_.store(baud, std::memory_order_relaxed); }

 private:
  void open();
  void close_descriptors() noexcept;
  void run() noexcept;
  bool understood() const noexcept;

  int master_ = -1, client_ = -1, wake_ = -1;
  std::atomic<std::uint32_t> baud_{0};
  std::string port_;
  Service service_;
  std::thread thread_;
};

}  // namespace motorium
