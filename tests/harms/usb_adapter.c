/* Loaded in front of the C library, it lets a pseudo-terminal pass for a USB adapter: what a driver asks of the line is
 * remembered, and refused where the environment says so. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/serial.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { kUsbMajor = 188, kFirstPty = 136, kLastPty = 143 };

static int remembered;

int ioctl(int fd, unsigned long what, ...) {
  va_list rest;
  va_start(rest, what);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (what == TIOCGSERIAL) {
    memset(argument, 0, sizeof(struct serial_struct));
    ((struct serial_struct*)argument)->flags = remembered;
    return 0;
  }
  if (what == TIOCSSERIAL) {
    if (getenv("ADAPTER_REFUSES") == NULL) remembered = ((struct serial_struct*)argument)->flags;
    return 0;
  }
  if (what == TIOCEXCL || what == TIOCNXCL) return 0;
  int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  return real(fd, what, argument);
}

int fstat(int fd, struct stat* info) {
  int (*real)(int, struct stat*) = (int (*)(int, struct stat*))dlsym(RTLD_NEXT, "fstat");
  const int result = real(fd, info);
  const unsigned number = major(info->st_rdev);
  if (result == 0 && number >= kFirstPty && number <= kLastPty) info->st_rdev = makedev(kUsbMajor, 0);
  return result;
}
