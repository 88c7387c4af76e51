/* Counts the calls that change files, and at a chosen one kills the process or lets the disk be full
 * (LD_PRELOAD).
 *
 * FAULT_SHIM names a file with `struct shared`, which all processes map. Calls of the victim are counted and
 * may kill it; a full disk is so for every process but the bystander, who looks on. A write that is killed
 * has written half of what it was given.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kCount = 0, kKill = 1, kFull = 2 };

struct shared {
  int64_t calls;
  int64_t chosen;
  int64_t mode;        /* below */
  int64_t no_exchange; /* whether two names cannot change places */
  int64_t victim;
  int64_t bystander;
  int64_t error; /* errno of a full disk */
  int64_t unused;
};

static struct shared* state;

__attribute__((constructor)) static void attach(void) {
  const char* name = getenv("FAULT_SHIM");
  if (name == NULL) {
    return;
  }
  int fd = open(name, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return;
  }
  void* at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  state = at == MAP_FAILED ? NULL : at;
}

/* 1 when this call finds the disk full, -1 when it is the last one of the process. */
static int strikes(void) {
  if (state == NULL || getpid() == state->bystander) {
    return 0;
  }
  if (getpid() != state->victim) {
    return state->mode == kFull && state->calls >= state->chosen;
  }
  int64_t n = __atomic_add_fetch(&state->calls, 1, __ATOMIC_SEQ_CST);
  if (state->mode == kKill && n == state->chosen) {
    return -1;
  }
  return state->mode == kFull && n >= state->chosen;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) {
    pause();
  }
}

static int is_file(int fd) {
  struct stat found;
  return fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Calls that take room on a full disk. */
#define FAILS(name, args, types) \
  int name types {               \
    int now = strikes();         \
    if (now < 0) {               \
      die();                     \
    }                            \
    if (now > 0) {               \
      errno = (int)state->error; \
      return -1;                 \
    }                            \
    return REAL(name) args;      \
  }

/* Calls that a full disk lets pass. */
#define PASSES(name, args, types) \
  int name types {                \
    if (strikes() < 0) {          \
      die();                      \
    }                             \
    return REAL(name) args;       \
  }

FAILS(mkdir, (path, mode), (const char* path, mode_t mode))
FAILS(mkdirat, (fd, path, mode), (int fd, const char* path, mode_t mode))
FAILS(link, (from, to), (const char* from, const char* to))
FAILS(linkat, (a, from, b, to, flags), (int a, const char* from, int b, const char* to, int flags))
PASSES(rename, (from, to), (const char* from, const char* to))
PASSES(renameat, (a, from, b, to), (int a, const char* from, int b, const char* to))
PASSES(unlink, (path), (const char* path))
PASSES(unlinkat, (fd, path, flags), (int fd, const char* path, int flags))
PASSES(rmdir, (path), (const char* path))
PASSES(fsync, (fd), (int fd))
PASSES(fdatasync, (fd), (int fd))
PASSES(ftruncate, (fd, size), (int fd, off_t size))

int renameat2(int a, const char* from, int b, const char* to, unsigned int flags) {
  if (strikes() < 0) {
    die();
  }
  if (flags != 0 && state != NULL && state->no_exchange) {
    errno = EINVAL;
    return -1;
  }
  return REAL(renameat2)(a, from, b, to, flags);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
  int now = strikes();
  if (now < 0) {
    die();
  }
  return now > 0 ? (int)state->error : REAL(posix_fallocate)(fd, offset, size);
}

ssize_t write(int fd, const void* content, size_t size) {
  int now = is_file(fd) ? strikes() : 0;
  if (now < 0) {
    if (size > 1 && REAL(write)(fd, content, size / 2) < 0) {
      _exit(70);
    }
    die();
  }
  if (now > 0) {
    errno = (int)state->error;
    return -1;
  }
  return REAL(write)(fd, content, size);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  int now = is_file(fd) ? strikes() : 0;
  if (now < 0) {
    die();
  }
  if (now > 0) {
    errno = (int)state->error;
    return -1;
  }
  return REAL(writev)(fd, parts, count);
}

#define SENDS(name)                                                                                  \
  ssize_t name(int to, int from, off_t* offset, size_t size) {                                       \
    int now = is_file(to) ? strikes() : 0;                                                           \
    if (now < 0) {                                                                                   \
      die();                                                                                         \
    }                                                                                                \
    if (now > 0) {                                                                                   \
      errno = (int)state->error;                                                                     \
      return -1;                                                                                     \
    }                                                                                                \
    return ((ssize_t (*)(int, int, off_t*, size_t))dlsym(RTLD_NEXT, #name))(to, from, offset, size); \
  }

SENDS(sendfile)
SENDS(sendfile64)

/* Of the calls that open a file only those that make one count. */
static int opens(int flags) {
  int now = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? strikes() : 0;
  if (now < 0) {
    die();
  }
  return now;
}

#define OPENS(name, args, types)                                                   \
  int name types {                                                                 \
    va_list rest;                                                                  \
    va_start(rest, flags);                                                         \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                                  \
    if (opens(flags) > 0) {                                                        \
      errno = (int)state->error;                                                   \
      return -1;                                                                   \
    }                                                                              \
    return REAL(name) args;                                                        \
  }

OPENS(open, (path, flags, mode), (const char* path, int flags, ...))
OPENS(open64, (path, flags, mode), (const char* path, int flags, ...))
OPENS(openat, (fd, path, flags, mode), (int fd, const char* path, int flags, ...))
OPENS(openat64, (fd, path, flags, mode), (int fd, const char* path, int flags, ...))
