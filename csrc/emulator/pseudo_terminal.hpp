#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace motorium {

/// A virtual serial port: clients open `port()`, and a thread serves the other end and sleeps otherwise.
class PseudoTerminal {
 public:
  struct Service {
    /// Called with bytes from the client.
    std::function<void(std::span<const std::uint8_t>)> hear;
    /// Returns bytes to send now; sets when to ask again (CLOCK_MONOTONIC), or -1.
    std::function<std::vector<std::uint8_t>(std::int64_t& next_ns)> speak;
    /// Called with the number of bytes that nobody read.
    std::function<void(std::size_t)> lose;
  };

  /// Throws std::system_error when no pseudo-terminal can be made.
  PseudoTerminal();
  ~PseudoTerminal() { close(); }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  void start(Service service);
  /// Pulls the cable: clients see a hang-up. Safe to call again.
  void close() noexcept;
  const std::string& port() const noexcept { return port_; }
  /// Returns the speed that the client has set.
  std::uint32_t speed() const noexcept;
  /// Serves with priority over ordinary threads, where permitted, because a real wire never waits for a
  /// computer.
  void set_punctual(bool punctual) noexcept;
  /// Sets the speed that servos listen at: data at another speed is noise to them. 0: any.
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
