#include "runtime/stop_inputs.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace motorium {
namespace {

constexpr std::size_t kReadBytes = 256;  // more than one event of any kind of descriptor
constexpr int kMostReads = 64;

bool readable(int fd) noexcept {
  pollfd look{fd, POLLIN, 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & POLLIN) != 0;
}

}  // namespace

StopInputs::~StopInputs() {
  for (Input& input : inputs_)
    if (const int fd = input.fd.load(); fd >= 0) ::close(fd);
}

void StopInputs::watch(int fd, std::span<const std::uint8_t> keys) {
  if (keys.size() > kMostKeys) throw std::invalid_argument("at most 8 keys stop an arm");
  const std::lock_guard lock(adding_);
  const auto free =
      std::find_if(inputs_.begin(), inputs_.end(), [](const Input& i) { return i.fd.load() < 0; });
  if (free == inputs_.end()) throw std::invalid_argument("at most 4 descriptors can stop an arm");
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) throw std::system_error(errno, std::generic_category(), "watching a stop input");
  std::copy(keys.begin(), keys.end(), free->keys.begin());
  free->key_count = keys.size();
  free->fd.store(own, std::memory_order_release);
}

/// A terminal in the background may not be read (EIO): then its keys are somebody else's.
bool StopInputs::has_key(const Input& input, int fd) noexcept {
  std::array<std::uint8_t, kReadBytes> bytes;
  const ssize_t n = ::read(fd, bytes.data(), bytes.size());
  if (n == 0) return true;  // its end: nobody can press it any more
  const auto* keys = input.keys.data();
  return n > 0 &&
         std::find_first_of(bytes.data(), bytes.data() + n, keys, keys + input.key_count) != bytes.data() + n;
}

bool StopInputs::pressed() noexcept {
  std::array<pollfd, kMost> looks{};
  for (std::size_t i = 0; i < kMost; ++i)
    looks[i] = {inputs_[i].fd.load(std::memory_order_acquire), POLLIN, 0};
  if (looks[0].fd < 0 || ::poll(looks.data(), kMost, 0) <= 0) return false;  // poll skips negative ones
  bool stop = false;
  for (std::size_t i = 0; i < kMost; ++i) {
    if (looks[i].revents == 0) continue;
    const bool only_data = looks[i].revents == POLLIN;
    stop = !(only_data && inputs_[i].key_count > 0) || has_key(inputs_[i], looks[i].fd) || stop;
  }
  return stop;
}

bool StopInputs::released() noexcept {
  std::array<std::uint8_t, kReadBytes> bytes;
  for (const Input& input : inputs_) {
    const int fd = input.fd.load(std::memory_order_acquire);
    for (int i = 0; i < kMostReads && fd >= 0 && readable(fd); ++i)
      if (::read(fd, bytes.data(), bytes.size()) <= 0) break;
  }
  return !pressed();
}

}  // namespace motorium
