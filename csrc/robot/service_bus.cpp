#include "robot/service_bus.hpp"

#include <array>
#include <stdexcept>

#include "io/bus_error.hpp"
#include "robot/bus_family.hpp"

namespace motorium {
namespace {

constexpr std::uint8_t kLastId = 0xFC;  // of all families

void must_only_prepare(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data,
                       const RawWrites& writes) {
  if (id > kLastId) throw std::invalid_argument("raw access writes to one servo at a time, ids 0..252");
  if (writes.allow(address, data)) return;
  std::string allowed;
  for (const RawWrites::Range& range : writes.allowed) {
    allowed +=
        (allowed.empty() ? "" : ", ") + std::to_string(range.first) + ".." + std::to_string(range.last);
  }
  throw std::invalid_argument(
      "raw access writes registers " + allowed + ", not " + std::to_string(data.size()) + " bytes from " +
      std::to_string(address) +
      " on: what moves a motor is written by the driver behind the safety gate alone");
}

}  // namespace

ServiceBus::ServiceBus(const std::string& family, const std::string& port, const Line& line)
    : writes_(raw_family(family).raw_writes()),
      link_(raw_family(family).open_raw(port, line.baud, line.reply_margin_s)) {
  link_->set_when_overdue(line.fresh ? WhenOverdue::wait : WhenOverdue::take);
}

void ServiceBus::must_be_open(LinkStatus status) const {
  if (status == LinkStatus::closed) throw BusError("port " + link_->path() + " went away");
  if (status == LinkStatus::invalid)
    throw std::invalid_argument("not a valid request: check id, address and size");
  if (status == LinkStatus::unknown)
    throw std::invalid_argument("the protocol of these servos has no such request");
}

bool ServiceBus::ping(std::uint8_t id) {
  const LinkStatus status = link_->ping(id, nullptr);
  must_be_open(status);
  return status == LinkStatus::ok;
}

std::optional<Bytes> ServiceBus::read(std::uint8_t id, std::uint16_t address, std::uint8_t size) {
  Bytes data(size);
  const LinkStatus status = link_->read(id, address, data, nullptr);
  must_be_open(status);
  if (status != LinkStatus::ok) return std::nullopt;
  return data;
}

std::vector<std::optional<Bytes>> ServiceBus::sync_read(const std::vector<std::uint8_t>& ids,
                                                        std::uint16_t address, std::uint8_t size, bool fast) {
  if (ids.size() > kMaxJoints) throw std::invalid_argument("at most 32 ids");
  Bytes rows(ids.size() * size);
  std::array<std::uint8_t, kMaxJoints> errors{};
  std::array<bool, kMaxJoints> answered{};
  const std::span<std::uint8_t> error_bytes(errors.data(), ids.size());
  const std::span<bool> answers(answered.data(), ids.size());
  must_be_open(fast ? link_->fast_sync_read(ids, address, size, rows, error_bytes, answers)
                    : link_->sync_read(ids, address, size, rows, error_bytes, answers));
  std::vector<std::optional<Bytes>> found(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (answered[i])
      found[i].emplace(rows.begin() + static_cast<std::ptrdiff_t>(i * size),
                       rows.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
  }
  return found;
}

bool ServiceBus::configure(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data) {
  must_only_prepare(id, address, data, writes_);
  if (writes_.torque_address >= 0) {
    std::uint8_t torque = 0;
    const auto at = static_cast<std::uint16_t>(writes_.torque_address);
    const LinkStatus known = link_->read(id, at, {&torque, 1}, nullptr);
    must_be_open(known);
    if (known == LinkStatus::ok && torque != 0) {
      throw BusError("servo " + std::to_string(id) + " on " + link_->path() +
                     " is under torque: release the arm before a register is written");
    }
    if (known != LinkStatus::ok) return false;
  }
  const LinkStatus status = link_->write(id, address, data, nullptr);
  must_be_open(status);
  return status == LinkStatus::ok;
}

bool ServiceBus::reboot(std::uint8_t id) {
  const LinkStatus status = link_->reboot(id, nullptr);
  must_be_open(status);
  return status == LinkStatus::ok;
}

}  // namespace motorium
