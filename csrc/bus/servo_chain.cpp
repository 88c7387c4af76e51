#include "bus/servo_chain.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

#include "io/bus_error.hpp"

namespace motorium {
namespace {

constexpr int kAttempts = 8;
constexpr double kPatientMarginS = 0.05;
constexpr std::int64_t kShortestReturnDelayNs = 20'000;
constexpr std::int64_t kReturnDelayUnitNs = 2000;
constexpr std::uint8_t kFactoryReturnDelay = 250;

std::string list(std::span<const std::uint8_t> ids) {
  std::string text;
  for (const std::uint8_t id : ids) text += (text.empty() ? "" : ", ") + std::to_string(id);
  return text;
}

std::vector<std::uint8_t> ids_of(const BusConfig& config) {
  std::vector<std::uint8_t> ids;
  for (const ServoJoint& joint : config.joints) ids.push_back(joint.id);
  return ids;
}

}  // namespace

ServoChain::ServoChain(ServoLink& link, const BusConfig& config, ChainRules rules)
    : link_(link),
      servos_(config.joints),
      ids_(ids_of(config)),
      rules_(std::move(rules)),
      usual_margin_s_(config.reply_margin_s) {}

ServoChain::RetryScope::RetryScope(ServoChain& chain) noexcept : chain_(chain) {
  if (chain_.retry_scopes_++ > 0) return;
  chain_.link_.wait_out();
  chain_.link_.set_when_overdue(WhenOverdue::repeat);
  chain_.link_.set_reply_margin_s(std::max(chain_.usual_margin_s_, kPatientMarginS));
}

ServoChain::RetryScope::~RetryScope() {
  if (--chain_.retry_scopes_ > 0) return;
  chain_.link_.set_when_overdue(WhenOverdue::reject);
  chain_.link_.set_reply_margin_s(chain_.usual_margin_s_);
}

void ServoChain::find() {
  std::vector<std::uint8_t> silent;
  for (const ServoJoint& servo : servos_) {
    std::array<std::uint8_t, 2> bytes{};
    LinkStatus status = read(servo.id, rules_.model_address, bytes);
    if (status == LinkStatus::incomplete && wake(servo.id)) {
      status = read(servo.id, rules_.model_address, bytes);
    }
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

bool ServoChain::wake(std::uint8_t id) noexcept {
  if (rules_.wake.address == 0 || link_.ping(id, nullptr) != LinkStatus::ok) return false;
  std::uint8_t error = 0;
  return write(id, rules_.wake.address, {&rules_.wake.value, 1}, error) == LinkStatus::ok;
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

/// Reads the register back, because a servo may be set not to acknowledge writes.
bool ServoChain::stands(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data) noexcept {
  std::array<std::uint8_t, 4> bytes{};
  const std::span<std::uint8_t> field(bytes.data(), data.size());
  return link_.read(id, address, field, nullptr) == LinkStatus::ok &&
         std::equal(data.begin(), data.end(), field.begin());
}

LinkStatus ServoChain::write(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data,
                             std::uint8_t& error) noexcept {
  LinkStatus status = LinkStatus::incomplete;
  for (int i = 0; i < kAttempts && status == LinkStatus::incomplete; ++i) {
    status = link_.write(id, address, data, &error);
    if (status == LinkStatus::incomplete && stands(id, address, data)) return LinkStatus::ok;
  }
  return status;
}

/// Writes one setting, and around it what unlocks and locks the EEPROM.
LinkStatus ServoChain::put(const ServoSetting& setting, std::uint32_t value,
                           SettingOutcome& outcome) noexcept {
  const std::uint8_t id = ids_[setting.joint];
  std::array<std::uint8_t, 4> bytes{};
  set_field(bytes.data(), setting.size, value);
  LinkStatus status = LinkStatus::ok;
  if (setting.eeprom) {
    for (const ChainRules::Write& w : rules_.before_eeprom) {
      if (status == LinkStatus::ok) status = write(id, w.address, {&w.value, 1}, outcome.error);
    }
  }
  if (status == LinkStatus::ok) {
    status = write(id, setting.address, {bytes.data(), setting.size}, outcome.error);
  }
  if (setting.eeprom) {
    for (const ChainRules::Write& w : rules_.after_eeprom) {
      std::uint8_t ignored = 0;
      const LinkStatus closed = write(id, w.address, {&w.value, 1}, ignored);
      if (status == LinkStatus::ok) status = closed;
    }
  }
  const bool refused = status == LinkStatus::refused;
  if (status != LinkStatus::ok)
    outcome.trouble = refused ? SettingTrouble::refused : SettingTrouble::unconfirmed;
  return status;
}

LinkStatus ServoChain::bring(const ServoSetting& setting, SettingOutcome& outcome) noexcept {
  const std::uint8_t id = ids_[setting.joint];
  std::array<std::uint8_t, 4> bytes{};
  LinkStatus status = read(id, setting.address, {bytes.data(), setting.size});
  const std::uint32_t old_value = get_field(bytes.data(), setting.size);
  const std::uint32_t new_value = (old_value & ~setting.mask) | (setting.value & setting.mask);
  if (status == LinkStatus::ok && new_value == old_value) return status;  // writing wears out EEPROM cells
  if (status == LinkStatus::ok && setting.check_only) {
    outcome = {SettingTrouble::differs, old_value, 0};
    return LinkStatus::refused;
  }
  if (status == LinkStatus::ok && setting.bound.size > 0) {
    status = read(id, setting.bound.address, {bytes.data(), setting.bound.size});
    const std::uint32_t most = get_field(bytes.data(), setting.bound.size);
    const std::int64_t wanted = field_number(new_value, setting.size, setting.format);
    if (status == LinkStatus::ok &&
        std::abs(wanted) > std::abs(field_number(most, setting.bound.size, setting.format))) {
      outcome = {SettingTrouble::beyond_bound, most, 0};
      return LinkStatus::refused;
    }
  }
  if (status != LinkStatus::ok) {
    outcome.trouble = SettingTrouble::silent;
    return status;
  }
  return put(setting, new_value, outcome);
}

/// Whether all servos of this register have the value they should, found out with one read of all.
bool ServoChain::stand(const std::vector<ServoSetting>& settings, std::size_t first) noexcept {
  const ServoSetting& kind = settings[first];
  std::array<std::uint8_t, kMaxJoints> ids{};
  std::array<std::size_t, kMaxJoints> row_of{};
  std::array<bool, kMaxJoints> asked{};
  std::size_t n = 0;
  const auto is_kind = [&](const ServoSetting& s) {
    return s.address == kind.address && s.size == kind.size;
  };
  for (std::size_t i = first; i < settings.size(); ++i) {
    const std::size_t j = settings[i].joint;
    if (!is_kind(settings[i]) || asked[j]) continue;
    asked[j] = true;
    row_of[j] = n;
    ids[n++] = ids_[j];
  }
  Rows rows{};
  if (read_all({ids.data(), n}, kind.address, kind.size, rows) != LinkStatus::ok) return false;
  for (std::size_t i = first; i < settings.size(); ++i) {
    if (!is_kind(settings[i])) continue;
    const std::uint32_t found = get_field(&rows[row_of[settings[i].joint] * kind.size], kind.size);
    const std::uint32_t wanted = (found & ~settings[i].mask) | (settings[i].value & settings[i].mask);
    if (found != wanted) return false;
  }
  return true;
}

/// Sets registers in the order in which the settings first name them. A register that is right on all servos
/// costs one exchange.
ServoChain::Failure ServoChain::bring_all(const std::vector<ServoSetting>& settings) noexcept {
  for (std::size_t first = 0; first < settings.size(); ++first) {
    const auto is_kind = [&](const ServoSetting& s) {
      return s.address == settings[first].address && s.size == settings[first].size;
    };
    if (std::any_of(settings.begin(), settings.begin() + static_cast<std::ptrdiff_t>(first), is_kind))
      continue;
    if (stand(settings, first)) continue;
    for (std::size_t i = first; i < settings.size(); ++i) {
      if (!is_kind(settings[i])) continue;
      Failure failure{&settings[i], {}, LinkStatus::ok};
      failure.status = bring(settings[i], failure.outcome);
      if (failure.status != LinkStatus::ok) return failure;
    }
  }
  return {};
}

void ServoChain::apply(const std::vector<ServoSetting>& settings) {
  const Failure failure = bring_all(settings);
  if (failure.setting == nullptr) return;
  throw BusError(describe(*failure.setting, failure.outcome, ids_[failure.setting->joint], link_.path()));
}

LinkStatus ServoChain::restore(const std::vector<ServoSetting>& settings) noexcept {
  const Failure failure = bring_all(settings);
  last_.trouble = failure.outcome.trouble;
  last_.found = failure.outcome.found;
  last_.error = failure.outcome.error;
  last_.setting =
      failure.setting == nullptr ? -1 : static_cast<std::int32_t>(failure.setting - settings.data());
  return failure.status;
}

std::string ServoChain::restore_problem(const std::vector<ServoSetting>& settings) const {
  const std::int32_t at = last_.setting;
  if (at < 0 || static_cast<std::size_t>(at) >= settings.size()) return {};
  const ServoSetting& setting = settings[static_cast<std::size_t>(at)];
  return describe(setting, {last_.trouble, last_.found, last_.error}, ids_[setting.joint], link_.path());
}

/// Reads until every servo has answered once: on a bad line no single read may be complete.
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

std::int32_t one_byte(const std::uint8_t* field) { return *field; }

std::int32_t four_bytes(const std::uint8_t* field) { return static_cast<std::int32_t>(get_field(field, 4)); }

}  // namespace motorium
