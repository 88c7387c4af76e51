#include "bus/servo_chain.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "bus/bus_error.hpp"

namespace motorium {
namespace {

constexpr int kAttempts = 8;
constexpr double kPatientMarginS = 0.05;
constexpr std::uint8_t kMaxId = 0xFC;  // of both families
constexpr std::int64_t kShortestReturnDelayNs = 20'000;
constexpr std::int64_t kReturnDelayUnitNs = 2000;
constexpr std::uint8_t kFactoryReturnDelay = 250;

std::string list(std::span<const std::uint8_t> ids) {
  std::string text;
  for (const std::uint8_t id : ids) text += (text.empty() ? "" : ", ") + std::to_string(id);
  return text;
}

std::vector<std::uint8_t> ids_of(const std::vector<ServoIdentity>& servos) {
  std::vector<std::uint8_t> ids;
  for (const ServoIdentity& servo : servos) {
    if (servo.id > kMaxId) throw std::invalid_argument("servo ids are 0..252");
    if (std::count(ids.begin(), ids.end(), servo.id) > 0) {
      throw std::invalid_argument("servo id " + std::to_string(servo.id) + " is used more than once");
    }
    ids.push_back(servo.id);
  }
  if (ids.empty() || ids.size() > kMaxJoints) throw std::invalid_argument("a bus needs 1 to 32 servo ids");
  return ids;
}

}  // namespace

ServoChain::ServoChain(ServoLink& link, std::vector<ServoIdentity> servos, ChainRules rules,
                       double reply_margin_s)
    : link_(link),
      servos_(std::move(servos)),
      ids_(ids_of(servos_)),
      rules_(std::move(rules)),
      usual_margin_s_(reply_margin_s) {}

ServoChain::Patience::Patience(ServoChain& chain) noexcept : chain_(chain) {
  if (chain_.patience_++ > 0) return;
  chain_.link_.wait_out();
  chain_.link_.set_when_overdue(WhenOverdue::repeat);
  chain_.link_.set_reply_margin_s(std::max(chain_.usual_margin_s_, kPatientMarginS));
}

ServoChain::Patience::~Patience() {
  if (--chain_.patience_ > 0) return;
  chain_.link_.set_when_overdue(WhenOverdue::reject);
  chain_.link_.set_reply_margin_s(chain_.usual_margin_s_);
}

void ServoChain::find() {
  std::vector<std::uint8_t> silent;
  for (const ServoIdentity& servo : servos_) {
    std::array<std::uint8_t, 2> bytes{};
    const LinkStatus status = read(servo.id, rules_.model_address, bytes);
    if (status == LinkStatus::closed) {
      throw BusError("port " + link_.path() + " went away while servos were sought");
    }
    if (rules_.high_byte_first) std::swap(bytes[0], bytes[1]);
    const std::uint32_t model = get_field(bytes.data(), 2);
    if (status != LinkStatus::ok) {
      silent.push_back(servo.id);
    } else if (servo.model_number != 0 && model != servo.model_number) {
      throw BusError("servo " + std::to_string(servo.id) + " on " + link_.path() + " has model number " +
                     std::to_string(model) + ", expected " + std::to_string(servo.model_number) +
                     ": is this the right robot?");
    }
  }
  if (!silent.empty()) missing(silent);
}

void ServoChain::missing(const std::vector<std::uint8_t>& silent) const {
  const bool all = silent.size() == ids_.size();
  throw BusError(
      (all ? "no servo answers on " : "servos do not answer on ") + link_.path() +
      " (missing ids: " + list(silent) + " of " + list(ids_) + "): " +
      (all ? "check the power supply and the baud rate" : "check the cable before the first missing one"));
}

void ServoChain::learn_return_delay() noexcept {
  std::int64_t slowest = kShortestReturnDelayNs;
  for (const std::uint8_t id : ids_) {
    std::uint8_t units = kFactoryReturnDelay;
    static_cast<void>(read(id, rules_.return_delay_address, {&units, 1}));
    slowest = std::max(slowest, units * kReturnDelayUnitNs);
  }
  link_.set_return_delay_ns(slowest);
}

LinkStatus ServoChain::read(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data) noexcept {
  LinkStatus status = LinkStatus::incomplete;
  for (int i = 0; i < kAttempts && status == LinkStatus::incomplete; ++i) {
    status = link_.read(id, address, data, nullptr);
  }
  return status;
}

/// A servo may be told not to acknowledge writes; then the register itself is asked.
bool ServoChain::stands(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data) noexcept {
  std::array<std::uint8_t, 4> bytes{};
  const std::span<std::uint8_t> field(bytes.data(), data.size());
  return link_.read(id, address, field, nullptr) == LinkStatus::ok &&
         std::equal(data.begin(), data.end(), field.begin());
}

void ServoChain::write_checked(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data) {
  std::uint8_t error = 0;
  LinkStatus status = LinkStatus::incomplete;
  for (int i = 0; i < kAttempts && status == LinkStatus::incomplete; ++i) {
    status = link_.write(id, address, data, &error);
    if (status == LinkStatus::incomplete && stands(id, address, data)) return;
  }
  if (status == LinkStatus::ok) return;
  const std::string what = "servo " + std::to_string(id) + " on " + link_.path();
  const std::string which = " register " + std::to_string(address);
  if (status != LinkStatus::refused) throw BusError(what + " did not confirm" + which);
  throw BusError(what + " refused to write" + which + " (error " + std::to_string(error & 0x7F) + ")");
}

void ServoChain::apply(const ServoSetting& setting) {
  const std::uint8_t id = ids_[setting.joint];
  std::array<std::uint8_t, 4> bytes{};
  const std::span<std::uint8_t> field(bytes.data(), setting.size);
  if (read(id, setting.address, field) != LinkStatus::ok) {
    throw BusError("servo " + std::to_string(id) + " on " + link_.path() +
                   " stopped answering during setup (register " + std::to_string(setting.address) + ")");
  }
  const std::uint32_t old_value = get_field(bytes.data(), setting.size);
  const std::uint32_t new_value = (old_value & ~setting.mask) | (setting.value & setting.mask);
  if (new_value == old_value) return;  // EEPROM cells wear out
  set_field(bytes.data(), setting.size, new_value);
  if (!setting.eeprom) return write_checked(id, setting.address, field);
  for (const ChainRules::Write& w : rules_.before_eeprom) write_checked(id, w.address, {&w.value, 1});
  write_checked(id, setting.address, field);
  for (const ChainRules::Write& w : rules_.after_eeprom) write_checked(id, w.address, {&w.value, 1});
}

LinkStatus ServoChain::restore(const ServoSetting& setting) noexcept {
  const std::uint8_t id = ids_[setting.joint];
  std::array<std::uint8_t, 4> bytes{};
  const std::span<std::uint8_t> field(bytes.data(), setting.size);
  LinkStatus status = read(id, setting.address, field);
  if (status != LinkStatus::ok) return status;
  const std::uint32_t old_value = get_field(bytes.data(), setting.size);
  const std::uint32_t new_value = (old_value & ~setting.mask) | (setting.value & setting.mask);
  if (new_value == old_value) return LinkStatus::ok;
  set_field(bytes.data(), setting.size, new_value);
  status = LinkStatus::incomplete;
  for (int i = 0; i < kAttempts && status == LinkStatus::incomplete; ++i) {
    status = link_.write(id, setting.address, field, nullptr);
  }
  return status;
}

/// Reads until every servo has answered once: on a bad line no single read need be whole.
LinkStatus ServoChain::read_all(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                                Rows& rows) noexcept {
  std::array<std::uint8_t, kMaxJoints> errors{};
  std::array<bool, kMaxJoints> answered{}, known{};
  const std::size_t n = ids.size();
  LinkStatus status = n > 0 ? LinkStatus::incomplete : LinkStatus::ok;
  for (int i = 0; i < kAttempts && status == LinkStatus::incomplete; ++i) {
    status = link_.sync_read(ids, address, size, {rows.data(), n * size}, {errors.data(), n},
                             {answered.data(), n});
    for (std::size_t j = 0; j < n; ++j) known[j] = known[j] || answered[j];
    const bool all = std::count(known.begin(), known.begin() + static_cast<std::ptrdiff_t>(n), false) == 0;
    if (status == LinkStatus::incomplete && all) status = LinkStatus::ok;
  }
  return status;
}

BusStatus ServoChain::write_all(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                                const Rows& rows, Decode decode, int tolerance) noexcept {
  const std::size_t n = ids.size();
  std::array<std::uint8_t, kMaxJoints> errors{};
  std::array<bool, kMaxJoints> answered{}, stands{};
  std::size_t standing = 0;
  for (int i = 0; i < kAttempts && standing < n; ++i) {
    const LinkStatus sent = link_.sync_write(ids, address, size, {rows.data(), n * size});
    if (sent != LinkStatus::ok && sent != LinkStatus::incomplete) return to_bus_status(sent);
    Rows back{};
    const LinkStatus read = link_.sync_read(ids, address, size, {back.data(), n * size}, {errors.data(), n},
                                            {answered.data(), n});
    if (read != LinkStatus::ok && read != LinkStatus::incomplete) return to_bus_status(read);
    for (std::size_t j = 0; j < n; ++j) {
      if (!answered[j]) continue;
      const std::int64_t difference = std::int64_t{decode(&back[j * size])} - decode(&rows[j * size]);
      stands[j] = std::abs(difference) <= tolerance;
    }
    standing = static_cast<std::size_t>(std::count(stands.begin(), stands.end(), true));
  }
  return standing == n ? BusStatus::ok : BusStatus::io_error;
}

BusStatus to_bus_status(LinkStatus status) noexcept {
  if (status == LinkStatus::ok) return BusStatus::ok;
  return status == LinkStatus::closed ? BusStatus::closed : BusStatus::io_error;
}

std::uint32_t get_field(const std::uint8_t* bytes, std::size_t size) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{bytes[i]} << (8 * i);
  return value;
}

void set_field(std::uint8_t* bytes, std::size_t size, std::uint32_t value) noexcept {
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::int32_t one_byte(const std::uint8_t* field) { return *field; }

std::int32_t four_bytes(const std::uint8_t* field) { return static_cast<std::int32_t>(get_field(field, 4)); }

void check_line(std::uint32_t baud, double reply_margin_s) {
  if (baud < 1 || !(reply_margin_s > 0.0) || reply_margin_s > 1.0) {
    throw std::invalid_argument("need baud > 0 and reply_margin_s in (0, 1]");
  }
}

}  // namespace motorium
