#include "robot/service_bus.hpp"

#include <array>
#include <stdexcept>

#include "bus/dynamixel_link.hpp"
#include "bus/feetech_link.hpp"
#include "io/bus_error.hpp"

namespace motorium {
namespace {

constexpr std::uint8_t kLastId = 0xFC;  // in both families

/// The EEPROM except its operating mode, and its lock: at 55 in the STS series; at 48 in the SCS series,
/// where other series have the low byte of the torque limit, which 0 and 1 do not raise.
const RawWrites kFeetechWrites{{{0, 32}, {34, 39}}, 40, {48, 55}};
/// Id, baud rate, return delay, protocol, homing offset: EEPROM in all series, the XL320 included.
const RawWrites kDynamixelWrites{{{0, 9}, {13, 23}}, -1};

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

std::unique_ptr<ServoLink> open_link(std::string_view family, const std::string& port,
                                     const ServiceBus::Line& line) {
  std::unique_ptr<ServoLink> link;
  if (family == "feetech") link = std::make_unique<FeetechLink>(port, line.baud, line.reply_margin_s);
  if (family == "dynamixel") link = std::make_unique<DynamixelLink>(port, line.baud, line.reply_margin_s);
  if (link == nullptr) {
    throw std::invalid_argument("no raw access to servos of family '" + std::string(family) +
                                "'; known: feetech, dynamixel");
  }
  link->set_when_overdue(line.fresh ? WhenOverdue::wait : WhenOverdue::take);
  return link;
}

DynamixelLink& dynamixel(ServoLink& link) {
  auto* const found = dynamic_cast<DynamixelLink*>(&link);
  if (found == nullptr) throw std::invalid_argument("Dynamixel servos alone know this request");
  return *found;
}

}  // namespace

ServiceBus::ServiceBus(std::string_view family, const std::string& port, const Line& line)
    : link_(open_link(family, port, line)),
      writes_(family == "feetech" ? kFeetechWrites : kDynamixelWrites) {}

void ServiceBus::must_be_open(LinkStatus status) const {
  if (status == LinkStatus::closed) throw BusError("port " + link_->path() + " went away");
  if (status == LinkStatus::invalid)
    throw std::invalid_argument("not a valid request: check id, address and size");
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
  must_be_open(fast ? dynamixel(*link_).fast_sync_read(ids, address, size, rows, error_bytes, answers)
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
  const LinkStatus status = dynamixel(*link_).reboot(id, nullptr);
  must_be_open(status);
  return status == LinkStatus::ok;
}

}  // namespace motorium
