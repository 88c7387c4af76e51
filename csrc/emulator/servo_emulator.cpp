#include "emulator/servo_emulator.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "core/feetech.h"
#include "emulator/servo_table.hpp"

namespace motorium {
namespace {

/// Closes a descriptor when it goes out of scope.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void open(int fd, const char* what) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
    fd_ = fd;
  }
  void close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

struct Fault {
  ServoFault kind = ServoFault::none;
  int servo = -1;
  std::uint32_t period = 1;
  std::uint32_t seen = 0;
};

}  // namespace

struct ServoEmulator::Impl {
  std::vector<ServoTable> servos;
  std::string port;
  Descriptor master, client, wake;
  mutable std::mutex mutex;  // guards servos, fault, stats; held for the length of one packet
  Fault fault;
  EmulatorStats stats;
  mtr_ft_parser parser{};
  std::vector<std::uint8_t> out;  // replies of one request, sent together
  std::thread thread;

  void open_terminal();
  void run() noexcept;
  void consume(std::span<const std::uint8_t> bytes) noexcept;
  void handle(const mtr_ft_view& view) noexcept;
  void handle_sync_read(std::span<const std::uint8_t> parameters) noexcept;
  void handle_sync_write(std::span<const std::uint8_t> parameters) noexcept;
  void handle_one(std::size_t servo, const mtr_ft_view& view) noexcept;
  void reply(std::size_t servo, std::span<const std::uint8_t> data) noexcept;
  void reply_badly(ServoFault kind, std::size_t servo, std::span<const std::uint8_t> data) noexcept;
  void append(std::uint8_t id, std::uint8_t status, std::span<const std::uint8_t> data) noexcept;
  void echo(const mtr_ft_view& view) noexcept;
  void flush() noexcept;
};

void ServoEmulator::Impl::open_terminal() {
  master.open(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), "no pseudo-terminal");
  if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) {
    throw std::system_error(errno, std::generic_category(), "no pseudo-terminal");
  }
  std::array<char, 128> name{};
  if (::ptsname_r(master.get(), name.data(), name.size()) != 0) {
    throw std::system_error(errno, std::generic_category(), "no pseudo-terminal");
  }
  port = name.data();
  // Our own handle on the client's end: without it the terminal hangs up each time a client leaves.
  client.open(::open(port.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC), "no pseudo-terminal");
  termios mode{};
  ::tcgetattr(client.get(), &mode);
  ::cfmakeraw(&mode);
  ::tcsetattr(client.get(), TCSANOW, &mode);
  wake.open(::eventfd(0, EFD_CLOEXEC), "no event");
}

void ServoEmulator::Impl::run() noexcept {
  std::array<std::uint8_t, 1024> buffer;
  for (;;) {
    std::array<pollfd, 2> waiting{{{master.get(), POLLIN, 0}, {wake.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if ((waiting[0].revents & POLLIN) == 0) continue;
    const ssize_t n = ::read(master.get(), buffer.data(), buffer.size());
    if (n > 0) consume({buffer.data(), static_cast<std::size_t>(n)});
  }
}

void ServoEmulator::Impl::consume(std::span<const std::uint8_t> bytes) noexcept {
  while (!bytes.empty()) {
    bytes = bytes.subspan(mtr_ft_push(&parser, bytes.data(), bytes.size()));
    mtr_ft_view view{};
    for (mtr_ft_event event = mtr_ft_next(&parser, &view); event != MTR_FT_MORE;
         event = mtr_ft_next(&parser, &view)) {
      const std::lock_guard lock(mutex);
      stats.bad_checksums += event == MTR_FT_BAD_CHECKSUM;
      stats.bad_lengths += event == MTR_FT_BAD_LENGTH;
      if (event != MTR_FT_GOOD) continue;
      stats.requests += 1;
      handle(view);
      flush();
    }
  }
}

void ServoEmulator::Impl::handle(const mtr_ft_view& view) noexcept {
  const std::span<const std::uint8_t> parameters(view.parameters, view.n_parameters);
  if (fault.kind == ServoFault::echo) echo(view);
  if (view.instruction == MTR_FT_SYNC_READ) return handle_sync_read(parameters);
  if (view.instruction == MTR_FT_SYNC_WRITE) return handle_sync_write(parameters);
  for (std::size_t i = 0; i < servos.size(); ++i) {
    if (view.id == servos[i].id() || view.id == MTR_FT_BROADCAST) handle_one(i, view);
  }
}

void ServoEmulator::Impl::handle_sync_read(std::span<const std::uint8_t> parameters) noexcept {
  if (parameters.size() < 3) return;
  for (const std::uint8_t id : parameters.subspan(2)) {
    for (std::size_t i = 0; i < servos.size(); ++i) {
      if (servos[i].id() != id) continue;
      const auto data = servos[i].read(parameters[0], parameters[1]);
      if (!data.empty()) reply(i, data);
    }
  }
}

void ServoEmulator::Impl::handle_sync_write(std::span<const std::uint8_t> parameters) noexcept {
  if (parameters.size() < 3) return;
  const std::size_t row = 1U + parameters[1];
  for (auto rest = parameters.subspan(2); rest.size() >= row; rest = rest.subspan(row)) {
    for (ServoTable& servo : servos) {
      if (servo.id() == rest[0]) servo.write(parameters[0], rest.subspan(1, row - 1));
    }
  }
}

void ServoEmulator::Impl::handle_one(std::size_t i, const mtr_ft_view& view) noexcept {
  ServoTable& servo = servos[i];
  const std::span<const std::uint8_t> parameters(view.parameters, view.n_parameters);
  const bool alone = view.id != MTR_FT_BROADCAST;
  const bool acknowledge = alone && servo.acknowledges();
  switch (view.instruction) {
    case MTR_FT_PING:
      reply(i, {});
      return;
    case MTR_FT_READ:
      if (alone && parameters.size() == 2) {
        const auto data = servo.read(parameters[0], parameters[1]);
        if (!data.empty()) reply(i, data);
      }
      return;
    case MTR_FT_WRITE:
    case MTR_FT_REG_WRITE:
      if (parameters.size() < 2) return;
      // The acknowledgement carries the id the servo was called by, even when the write changes it.
      if (acknowledge) reply(i, {});
      if (view.instruction == MTR_FT_WRITE) servo.write(parameters[0], parameters.subspan(1));
      if (view.instruction == MTR_FT_REG_WRITE) servo.reg_write(parameters[0], parameters.subspan(1));
      return;
    case MTR_FT_ACTION:
      servo.action();
      if (acknowledge) reply(i, {});
      return;
    case MTR_FT_RESET:
      servo.reset();
      if (acknowledge) reply(i, {});
      return;
    default:
      return;
  }
}

void ServoEmulator::Impl::append(std::uint8_t id, std::uint8_t status,
                                 std::span<const std::uint8_t> data) noexcept {
  std::array<std::uint8_t, MTR_FT_MAX_PACKET> packet;
  const std::size_t n = mtr_ft_packet(packet.data(), packet.size(), id, status, data.data(), data.size());
  out.insert(out.end(), packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(n));
}

void ServoEmulator::Impl::echo(const mtr_ft_view& view) noexcept {
  stats.faults += 1;
  append(view.id, view.instruction, {view.parameters, view.n_parameters});
}

void ServoEmulator::Impl::reply(std::size_t servo, std::span<const std::uint8_t> data) noexcept {
  stats.replies += 1;
  const bool struck = fault.kind != ServoFault::none && fault.kind != ServoFault::echo &&
                      (fault.servo < 0 || fault.servo == static_cast<int>(servo)) &&
                      ++fault.seen % fault.period == 0;
  if (!struck) return append(servos[servo].id(), servos[servo].status(), data);
  stats.faults += 1;
  reply_badly(fault.kind, servo, data);
}

void ServoEmulator::Impl::reply_badly(ServoFault kind, std::size_t servo,
                                      std::span<const std::uint8_t> data) noexcept {
  constexpr std::array<std::uint8_t, 7> kNoise{0x00, 0xFF, 0xFF, 0x01, 0xFA, 0xFF, 0x37};
  const std::uint8_t id = servos[servo].id();
  const std::uint8_t status = servos[servo].status();
  if (kind == ServoFault::drop) return;
  if (kind == ServoFault::garbage_before) out.insert(out.end(), kNoise.begin(), kNoise.end());
  const std::size_t begin = out.size();
  if (kind == ServoFault::wrong_length) {
    std::vector<std::uint8_t> longer(data.begin(), data.end());
    longer.push_back(0);
    return append(id, status, longer);
  }
  append(kind == ServoFault::wrong_id ? static_cast<std::uint8_t>(id ^ 0x40) : id, status, data);
  if (kind == ServoFault::corrupt) out[out.size() - 2] ^= 0x10;
  if (kind == ServoFault::truncate) out.resize(begin + (out.size() - begin) / 2);
  if (kind == ServoFault::garbage_after) out.insert(out.end(), kNoise.begin(), kNoise.end());
}

void ServoEmulator::Impl::flush() noexcept {
  // A client that does not read loses replies, as on a real line.
  const ssize_t n = out.empty() ? 0 : ::write(master.get(), out.data(), out.size());
  stats.dropped_bytes += out.size() - static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  out.clear();
}

ServoEmulator::ServoEmulator(std::vector<std::uint8_t> ids, std::uint16_t model)
    : impl_(std::make_unique<Impl>()) {
  if (ids.empty()) throw std::invalid_argument("an emulator needs at least one servo id");
  for (const std::uint8_t id : ids) {
    if (id > MTR_FT_MAX_ID) throw std::invalid_argument("servo ids are 0..252");
    if (std::count(ids.begin(), ids.end(), id) > 1) throw std::invalid_argument("servo ids must differ");
    impl_->servos.emplace_back(id, model);
  }
  impl_->out.reserve(4096);
  impl_->open_terminal();
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

ServoEmulator::~ServoEmulator() { close(); }

void ServoEmulator::close() noexcept {
  if (!impl_->thread.joinable()) return;
  const std::uint64_t one = 1;
  static_cast<void>(!::write(impl_->wake.get(), &one, sizeof one));
  impl_->thread.join();
  impl_->client.close();
  impl_->master.close();
}

const std::string& ServoEmulator::port() const noexcept { return impl_->port; }
std::size_t ServoEmulator::size() const noexcept { return impl_->servos.size(); }

void ServoEmulator::update(std::span<const ServoPresent> present) noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (std::size_t i = 0; i < std::min(present.size(), impl_->servos.size()); ++i)
    impl_->servos[i].update(present[i]);
}

void ServoEmulator::goals(std::span<ServoGoal> out) const noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (std::size_t i = 0; i < std::min(out.size(), impl_->servos.size()); ++i)
    out[i] = impl_->servos[i].goal();
}

std::array<std::uint8_t, 256> ServoEmulator::registers(std::size_t servo) const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->servos[servo].bytes();
}

void ServoEmulator::poke(std::size_t servo, std::uint8_t address,
                         std::span<const std::uint8_t> data) noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->servos[servo].poke(address, data);
}

void ServoEmulator::set_fault(ServoFault fault, int servo, std::uint32_t period) noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->fault = {fault, servo, std::max<std::uint32_t>(period, 1), 0};
}

void ServoEmulator::power_cycle() noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (ServoTable& servo : impl_->servos) servo.power_cycle();
}

EmulatorStats ServoEmulator::stats() const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace motorium
