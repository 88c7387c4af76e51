#include "io/line_settings.hpp"

// Uses the kernel's own termios2 instead of <termios.h>, because it takes any baud rate as a number.
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace motorium {
namespace {

/// A speed of the older termios, which has a code for each.
struct Speed {
  std::uint32_t baud;
  tcflag_t code;
};

constexpr Speed kSpeeds[] = {
    {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},     {115200, B115200},
    {230400, B230400},   {460800, B460800},   {500000, B500000},   {576000, B576000},   {921600, B921600},
    {1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000},
    {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
};

template <typename Mode>
void make_raw(Mode& mode, tcflag_t speed) noexcept {
  mode.c_iflag = 0;
  mode.c_oflag = 0;
  mode.c_lflag = 0;
  mode.c_cflag = CS8 | CREAD | CLOCAL | speed;
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
}

/// For kernels without termios2: qemu's user mode 7.2 answers ENOSYS to it.
int set_older(int fd, std::uint32_t baud) noexcept {
  const Speed* known = std::find_if(std::begin(kSpeeds), std::end(kSpeeds),
                                    [baud](const Speed& speed) { return speed.baud == baud; });
  if (known == std::end(kSpeeds)) return EINVAL;
  ::termios mode{};
  if (::ioctl(fd, TCGETS, &mode) != 0) return errno;
  make_raw(mode, known->code);
  return ::ioctl(fd, TCSETS, &mode) == 0 ? 0 : errno;
}

std::uint32_t older_speed(int fd) noexcept {
  ::termios mode{};
  if (::ioctl(fd, TCGETS, &mode) != 0) return 0;
  const Speed* known = std::find_if(std::begin(kSpeeds), std::end(kSpeeds),
                                    [&](const Speed& speed) { return speed.code == (mode.c_cflag & CBAUD); });
  return known == std::end(kSpeeds) ? 0 : known->baud;
}

}  // namespace

int set_raw_line(int fd, std::uint32_t baud) noexcept {
  termios2 mode{};
  if (::ioctl(fd, TCGETS2, &mode) != 0) return errno == ENOSYS ? set_older(fd, baud) : errno;
  make_raw(mode, BOTHER);
  mode.c_ispeed = baud;
  mode.c_ospeed = baud;
  return ::ioctl(fd, TCSETS2, &mode) == 0 ? 0 : errno;
}

std::uint32_t speed_of_terminal(int fd) noexcept {
  termios2 mode{};
  if (::ioctl(fd, TCGETS2, &mode) == 0) return mode.c_ospeed;
  return errno == ENOSYS ? older_speed(fd) : 0;
}

}  // namespace motorium
