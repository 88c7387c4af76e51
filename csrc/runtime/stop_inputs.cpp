#include "runtime/stop_inputs.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "io/monotonic.hpp"

namespace motorium {
namespace {

constexpr std::size_t kReadBytes = 256;  // more than one event of any kind of descriptor
constexpr int kMaxReads = 64;
constexpr std::chrono::microseconds kLookTime{200};

bool readable(int fd) noexcept {
  pollfd look{fd, POLLIN, 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & POLLIN) != 0;
}

/// Opens a terminal a second time. A read must not block when another reader, such as input() in the main
/// thread, takes the key first, and O_NONBLOCK on the shared description would break that reader. Everything
/// else, and a terminal that may not be opened (another user's, after `su`), is duplicated.
int own_descriptor(int fd) {
  if (::isatty(fd) != 0) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const int own = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) return own;
  }
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) throw std::system_error(errno, std::generic_category(), "watching a stop input");
  return own;
}

}  // namespace

StopInputs::~StopInputs() {
  for (Input& input : inputs_)
    if (const int fd = input.fd.load(); fd >= 0) ::close(fd);
}

int StopInputs::watch(int fd, std::span<const std::uint8_t> keys, bool hand_on) {
  if (keys.size() > kMaxKeys) throw std::invalid_argument("at most 8 keys stop an arm");
  const std::lock_guard lock(changing_);
  const auto free =
      std::find_if(inputs_.begin(), inputs_.end(), [](const Input& i) { return i.fd.load() < 0; });
  if (free == inputs_.end()) throw std::invalid_argument("at most 4 descriptors can stop an arm");
  const int own = own_descriptor(fd);
  free->keys.watch(keys);
  free->has_keys = !keys.empty();
  free->hands_on = hand_on;
  free->fd.store(own);
  return static_cast<int>(free - inputs_.begin());
}

/// Sequentially consistent on both sides: either the control thread's next poll does not see the descriptor,
/// or this thread sees that a poll is in progress and waits for its end before it closes.
void StopInputs::unwatch(int number) {
  if (number < 0 || static_cast<std::size_t>(number) >= kMaxInputs) return;
  const std::lock_guard lock(changing_);
  const int fd = inputs_[static_cast<std::size_t>(number)].fd.exchange(-1);
  if (fd < 0) return;
  while (looking_.load()) std::this_thread::sleep_for(kLookTime);
  ::close(fd);
}

/// Ignores EIO: a terminal in the background may not be read, and its keys belong to another program.
bool StopInputs::has_stop_key(Input& input, int fd) noexcept {
  std::array<std::uint8_t, kReadBytes> bytes;
  const ssize_t n = ::read(fd, bytes.data(), bytes.size());
  if (n == 0) return true;  // end of file: nobody can press it any more
  if (n < 0) return false;
  const std::int64_t now_ns = monotonic_ns();
  return input.keys.scan({bytes.data(), static_cast<std::size_t>(n)}, now_ns, [&](std::uint8_t byte) {
    if (input.hands_on) handed_on_.try_push({now_ns, byte});  // when full, the oldest keys stay
  });
}

bool StopInputs::pressed() noexcept {
  looking_.store(true);
  std::array<pollfd, kMaxInputs> looks{};
  bool any = false;
  for (std::size_t i = 0; i < kMaxInputs; ++i) {
    looks[i] = {inputs_[i].fd.load(), POLLIN, 0};
    any = any || looks[i].fd >= 0;
  }
  bool stop = false;
  if (any && ::poll(looks.data(), kMaxInputs, 0) > 0) {  // poll skips negative descriptors
    for (std::size_t i = 0; i < kMaxInputs; ++i) {
      if (looks[i].revents == 0) continue;
      const bool only_data = looks[i].revents == POLLIN;
      stop = !(only_data && inputs_[i].has_keys) || has_stop_key(inputs_[i], looks[i].fd) || stop;
    }
  }
  looking_.store(false);
  return stop;
}

bool StopInputs::released() noexcept {
  looking_.store(true);
  std::array<std::uint8_t, kReadBytes> bytes;
  for (Input& input : inputs_) {
    const int fd = input.fd.load();
    for (int i = 0; i < kMaxReads && fd >= 0 && readable(fd); ++i)
      if (::read(fd, bytes.data(), bytes.size()) <= 0) break;
    if (fd >= 0) input.keys.forget();
  }
  looking_.store(false);
  return !pressed();
}

}  // namespace motorium
