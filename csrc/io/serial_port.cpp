#include "io/serial_port.hpp"

#include <fcntl.h>
#include <linux/serial.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "io/bus_error.hpp"
#include "io/line_settings.hpp"
#include "io/monotonic.hpp"

namespace motorium {
namespace {

// Unix98 pseudo-terminal slaves (Linux Documentation/admin-guide/devices.txt).
constexpr unsigned kFirstPtyMajor = 136;
constexpr unsigned kLastPtyMajor = 143;

[[noreturn]] void fail(const std::string& path, int error) {
  const std::string port = "port " + path;
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      throw BusError(port +
                     " does not exist: plug the adapter in, or list what is there with `motorium ports`");
    case EACCES:
    case EPERM:
      throw BusError(port +
                     " may not be opened by this user: add yourself to the group that owns it (on Debian " +
                     "`sudo usermod -aG dialout $USER`, then log in again)");
    case EBUSY:
    case EWOULDBLOCK:
      throw BusError(port + " is busy: another program holds it; close that program first (`fuser " + path +
                     "` names it)");
    case ENOTTY:
      throw BusError(port + " is not a serial port");
    default:
      throw BusError(port + " cannot be used: " + std::strerror(error));
  }
}

}  // namespace

SerialPort::SerialPort(const std::string& path, std::uint32_t baud) : path_(path) {
  fd_ = ::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) fail(path_, errno);
  try {
    lock();
    configure(baud);
    if (!pseudo_terminal_) ask_for_low_latency();
    discard_input();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

SerialPort::~SerialPort() {
  if (!pseudo_terminal_) ::ioctl(fd_, TIOCNXCL);
  ::close(fd_);
}

void SerialPort::lock() {
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) fail(path_, errno);
  struct stat info{};
  if (::fstat(fd_, &info) != 0) fail(path_, errno);
  const unsigned number = major(info.st_rdev);
  pseudo_terminal_ = number >= kFirstPtyMajor && number <= kLastPtyMajor;
  // On a pseudo-terminal the exclusive mark of a killed client stays as long as the other end lives.
  if (!pseudo_terminal_ && ::ioctl(fd_, TIOCEXCL) != 0 && errno != EINVAL) fail(path_, errno);
}

void SerialPort::configure(std::uint32_t baud) {
  const int error = set_raw_line(fd_, baud);
  if (error == EINVAL)
    throw BusError("port " + path_ + " does not support " + std::to_string(baud) + " baud");
  if (error != 0) fail(path_, error);
}

/// USB adapters hold bytes back for up to 16 ms unless told otherwise; ports without the setting do not.
void SerialPort::ask_for_low_latency() {
  using Setting = LatencyReport::Setting;
  serial_struct serial{};
  if (::ioctl(fd_, TIOCGSERIAL, &serial) == 0) {
    serial.flags |= ASYNC_LOW_LATENCY;
    ::ioctl(fd_, TIOCSSERIAL, &serial);
    const bool took = ::ioctl(fd_, TIOCGSERIAL, &serial) == 0 && (serial.flags & ASYNC_LOW_LATENCY) != 0;
    latency_.setting = took ? Setting::low : Setting::refused;
  }
  std::error_code ignored;
  const auto device = std::filesystem::canonical(path_, ignored).filename();
  const auto timer = std::filesystem::path("/sys/bus/usb-serial/devices") / device / "latency_timer";
  std::ofstream(timer) << 1;  // needs the owner's permission; where the flag above is known, it does the same
  std::ifstream reading(timer);
  if (!(reading >> latency_.timer_ms)) latency_.timer_ms = -1;
  if (latency_.timer_ms > 1) latency_.setting = Setting::refused;
}

IoStatus SerialPort::wait(short events, std::int64_t deadline_ns) noexcept {
  for (;;) {
    const std::int64_t left = std::max<std::int64_t>(deadline_ns - monotonic_ns(), 0);
    const timespec timeout{static_cast<time_t>(left / kNsPerS), static_cast<long>(left % kNsPerS)};
    pollfd waiting{fd_, events, 0};
    const int ready = ::ppoll(&waiting, 1, &timeout, nullptr);
    if (ready == 0) return IoStatus::timeout;
    if (ready > 0 && (waiting.revents & events) != 0) return IoStatus::ok;
    if (ready > 0 || errno != EINTR) return IoStatus::closed;
  }
}

IoResult SerialPort::read_some(std::span<std::uint8_t> buffer, std::int64_t deadline_ns) noexcept {
  for (;;) {
    const IoStatus status = wait(POLLIN, deadline_ns);
    if (status != IoStatus::ok) return {status, 0};
    const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
    if (n > 0) return {IoStatus::ok, static_cast<std::size_t>(n)};
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) return {IoStatus::closed, 0};
  }
}

IoResult SerialPort::write_all(std::span<const std::uint8_t> bytes, std::int64_t deadline_ns) noexcept {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) return {IoStatus::closed, done};
    const IoStatus status = wait(POLLOUT, deadline_ns);
    if (status != IoStatus::ok) return {status, done};
  }
  return {IoStatus::ok, done};
}

std::size_t SerialPort::read_waiting(std::span<std::uint8_t> buffer) noexcept {
  const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

std::size_t SerialPort::discard_input() noexcept {
  std::array<std::uint8_t, 512> scrap;
  std::size_t total = 0;
  // Read instead of flushing: a flush keeps what the line discipline has not seen yet. Bounded, in case a
  // device never stops sending.
  for (int i = 0; i < 32; ++i) {
    const ssize_t n = ::read(fd_, scrap.data(), scrap.size());
    if (n <= 0) break;
    total += static_cast<std::size_t>(n);
  }
  return total;
}

}  // namespace motorium
