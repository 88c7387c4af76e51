#include "emulator/pseudo_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "io/line_settings.hpp"
#include "io/monotonic.hpp"

namespace motorium {
namespace {

constexpr std::int64_t kAwakeNs = 100'000;
constexpr int kPriority = 10;  // below every control thread

int must(int result) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), "no pseudo-terminal");
  return result;
}

}  // namespace

PseudoTerminal::PseudoTerminal() {
  try {
    open();
  } catch (...) {
    close_descriptors();
    throw;
  }
}

void PseudoTerminal::open() {
  master_ = must(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  must(::grantpt(master_));
  must(::unlockpt(master_));
  std::array<char, 128> name{};
  must(-::ptsname_r(master_, name.data(), name.size()));
  port_ = name.data();
  // Keep a handle on the client's end: without it the terminal hangs up each time a client leaves.
  client_ = must(::open(port_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios mode{};
  ::tcgetattr(client_, &mode);
  ::cfmakeraw(&mode);
  ::tcsetattr(client_, TCSANOW, &mode);
  wake_ = must(::eventfd(0, EFD_CLOEXEC));
}

void PseudoTerminal::close_descriptors() noexcept {
  for (int* descriptor : {&client_, &master_, &wake_}) {
    if (*descriptor >= 0) ::close(*descriptor);
    *descriptor = -1;
  }
}

void PseudoTerminal::start(Service service) {
  service_ = std::move(service);
  thread_ = std::thread([this] { run(); });
}

void PseudoTerminal::set_punctual(bool punctual) noexcept {
  if (!thread_.joinable()) return;
  const sched_param priority{punctual ? kPriority : 0};
  ::pthread_setschedparam(thread_.native_handle(), punctual ? SCHED_FIFO : SCHED_OTHER, &priority);
}

void PseudoTerminal::close() noexcept {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(wake_, &one, sizeof one));
    thread_.join();
  }
  close_descriptors();
}

/// Whether the client's speed is right. A pseudo-terminal carries bytes at any speed, but knows the setting.
bool PseudoTerminal::understood() const noexcept {
  const std::uint32_t baud = baud_.load(std::memory_order_relaxed);
  if (baud == 0) return true;
  const std::uint32_t set = speed_of_terminal(client_);
  return set == baud || set == 0;  // qemu's user mode forgets speeds above 460800 baud
}

std::uint32_t PseudoTerminal::speed() const noexcept { return speed_of_terminal(client_); }

void PseudoTerminal::run() noexcept {
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // an emulated wire should be as punctual as the kernel allows
  std::array<std::uint8_t, 1024> buffer;
  std::int64_t next_ns = -1;
  for (;;) {
    std::array<pollfd, 2> waiting{{{master_, POLLIN, 0}, {wake_, POLLIN, 0}}};
    // The kernel wakes a sleeping thread some tens of microseconds late, a wire is never late: spin at the
    // end.
    const std::int64_t left = std::max<std::int64_t>(next_ns - kAwakeNs - monotonic_ns(), 0);
    const timespec timeout{static_cast<time_t>(left / kNsPerS), static_cast<long>(left % kNsPerS)};
    const int ready = ::ppoll(waiting.data(), waiting.size(), next_ns < 0 ? nullptr : &timeout, nullptr);
    if (ready < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (ready > 0 && (waiting[0].revents & POLLIN) != 0) {
      const ssize_t n = ::read(master_, buffer.data(), buffer.size());
      if (n > 0 && understood()) service_.hear({buffer.data(), static_cast<std::size_t>(n)});
    }
    const std::vector<std::uint8_t> bytes = service_.speak(next_ns);
    // A client that does not read loses replies, as on a real line.
    const ssize_t written = bytes.empty() ? 0 : ::write(master_, bytes.data(), bytes.size());
    const auto lost = bytes.size() - static_cast<std::size_t>(std::max<ssize_t>(written, 0));
    if (lost > 0) service_.lose(lost);
  }
}

}  // namespace motorium
