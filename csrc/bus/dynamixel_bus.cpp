#include "bus/dynamixel_bus.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "io/bus_error.hpp"
#include "io/monotonic.hpp"

namespace motorium {
namespace {

constexpr std::uint16_t kModel = 0;
constexpr std::uint16_t kOperatingMode = 11, kShadowId = 12;
constexpr std::uint16_t kIndirect = 168, kIndirectAgain = 578;
constexpr std::uint8_t kAnswersAll = 2;
constexpr double kTurnRad = 6.283185307179586476925;
constexpr float kVoltsPerUnit = 0.1F;
constexpr int kGoalTolerance = 64;  // at the edge of its range a servo clamps the goal inward
constexpr std::uint32_t kPlainReads = 50;
constexpr int kFastTrials = 3;
constexpr std::uint8_t kWatchdogTripped = 0xFF;
constexpr std::int64_t kWatchdogUnitNs = 20'000'000;
constexpr std::uint8_t kOverload = 1U << 5;
constexpr std::int64_t kRestartNs = 2 * kNsPerS;

/// Through indirect addresses any register can be written at another address. They and their data lie from
/// 168 on in the X series, and at 168 to 423 and from 634 on in the P series. A secondary id makes a servo
/// take another servo's goals. Source: control tables in the ROBOTIS e-manual.
SettingRules setting_rules(const DynamixelRegisters& at) {
  return {{{at.torque_enable, at.torque_enable, "torque_enable"},
           {at.goal_position, at.goal_position + 3U, "goal_position"},
           {at.bus_watchdog, at.bus_watchdog, "bus_watchdog"},
           {kIndirect, 511, "an indirect address"},
           {kIndirectAgain, 0xFFFF, "an indirect address"}},
          {{kShadowId, 253, 255, "shadow_id"}, {kOperatingMode, 3, 5, "operating_mode"}}};
}

DynamixelRegisters read_registers(const BusConfig& config) {
  DynamixelRegisters at;
  TraitReader reader(config);
  reader.take("firmware", at.firmware);
  reader.take("return_delay", at.return_delay);
  reader.take("torque_enable", at.torque_enable);
  reader.take("return_level", at.return_level);
  reader.take("hardware_error", at.hardware_error);
  reader.take("bus_watchdog", at.bus_watchdog);
  reader.take("goal_position", at.goal_position);
  reader.take("present", at.present);
  reader.take("present_voltage", at.present_voltage);
  reader.take("present_room", at.present_room);
  reader.close();
  return at;
}

const BusConfig& checked(const BusConfig& config) {
  check_bus(config);
  if (config.watchdog_units > 127) {
    throw std::invalid_argument("need watchdog_units in 0..127");
  }
  check_settings(config.settings, config.joints.size(), setting_rules(read_registers(config)));
  return config;
}

ChainRules rules(const DynamixelRegisters& at) {
  return {kModel, at.return_delay, {{at.torque_enable, 0}}, {}, {at.return_level, kAnswersAll}, false};
}

std::int32_t two_bytes_signed(const std::uint8_t* bytes) {
  return static_cast<std::int16_t>(get_field(bytes, 2));
}

}  // namespace

DynamixelBus::DynamixelBus(const std::string& port, const BusConfig& config)
    : config_(checked(config)),
      registers_(read_registers(config)),
      link_(port, config_.baud, config_.reply_margin_s),
      chain_(link_, config_, rules(registers_)) {
  for (std::size_t j = 0; j < config_.joints.size(); ++j) {
    if (config_.joints[j].passive) continue;
    active_.push_back(config_.joints[j].id);
    active_joints_.push_back(j);
  }
  link_.set_room(registers_.present, registers_.present_room);
  const ServoChain::RetryScope retries(chain_);
  chain_.find();
  wake_watchdogs();
  chain_.apply(config_.settings);
  chain_.learn_return_delay();
  find_fast_read();
  for (std::size_t j = 0; j < config_.joints.size(); ++j) read_slow_values(j);
}

/// Clears watchdogs that another program left tripped: such a servo refuses every goal and limit. They start
/// again when torque is switched on.
void DynamixelBus::wake_watchdogs() {
  ServoChain::Rows rows{};
  const auto ids = chain_.ids();
  if (chain_.read_all(ids, registers_.bus_watchdog, 1, rows) != LinkStatus::ok) return;
  const bool tripped =
      std::count(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(ids.size()), kWatchdogTripped) > 0;
  if (!tripped) return;
  rows.fill(0);
  if (chain_.write_all(ids, registers_.bus_watchdog, 1, rows, one_byte, 0) != BusStatus::ok) {
    throw BusError("servos on " + link_.path() + " did not confirm that their bus watchdog is off");
  }
}

/// Uses Fast Sync Read only after a reply has proved it: firmware versions merely say which servos should
/// know it.
void DynamixelBus::find_fast_read() {
  for (const ServoJoint& joint : config_.joints) {
    std::uint8_t version = 0;
    const LinkStatus status = chain_.read(joint.id, registers_.firmware, {&version, 1});
    if (status != LinkStatus::ok || joint.fast_firmware == 0 || version < joint.fast_firmware) return;
  }
  for (int i = 0; i < kFastTrials && !fast_; ++i) {
    fast_ = true;
    fast_ = read_present() == LinkStatus::ok;
    plain_reads_left_ = 0;
  }
}

LinkStatus DynamixelBus::read_present() noexcept {
  const std::size_t n = config_.joints.size();
  const auto ids = chain_.ids();
  const std::span<std::uint8_t> rows(rows_.data(), n * kPresentSize), errors(errors_.data(), n);
  const std::span<bool> answered(answered_.data(), n);
  // Only plain replies can be told apart from late ones.
  if (!fast_ || plain_reads_left_ > 0 || link_.doubtful()) {
    plain_reads_left_ -= plain_reads_left_ > 0;
    return link_.sync_read(ids, registers_.present, kPresentSize, rows, errors, answered);
  }
  const LinkStatus status =
      link_.fast_sync_read(ids, registers_.present, kPresentSize, rows, errors, answered);
  // After a silent servo no other answers in a fast read: use plain reads for a while.
  if (status == LinkStatus::incomplete) plain_reads_left_ = kPlainReads;
  return status;
}

BusStatus DynamixelBus::read_state(JointState& state) noexcept {
  const std::size_t n = config_.joints.size();
  stopped_ = fell_silent(monotonic_ns()) || stopped_;
  const LinkStatus status = read_present();
  state.t_ns = monotonic_ns();
  state.n = static_cast<std::uint32_t>(n);
  if (status == LinkStatus::closed) return BusStatus::closed;
  if (status != LinkStatus::ok && status != LinkStatus::incomplete) return BusStatus::io_error;
  for (std::size_t j = 0; j < n; ++j) {
    if (answered_[j]) take_row(j, state);
  }
  // a tick that already waited in vain waits no longer
  if (status == LinkStatus::ok) look_after_one(state.t_ns);
  if (stopped_) return BusStatus::io_error;
  return status == LinkStatus::ok ? BusStatus::ok : BusStatus::stale_joints;
}

bool DynamixelBus::fell_silent(std::int64_t now_ns) noexcept {
  const std::int64_t silence_ns = now_ns - spoken_ns_;
  spoken_ns_ = now_ns;
  return torque_on_ && config_.watchdog_units > 0 && silence_ns > config_.watchdog_units * kWatchdogUnitNs;
}

void DynamixelBus::take_row(std::size_t j, JointState& state) noexcept {
  const ServoJoint& joint = config_.joints[j];
  const std::uint8_t* row = rows_.data() + j * kPresentSize;
  const auto sign = static_cast<float>(joint.sign);
  const float effort = sign * static_cast<float>(two_bytes_signed(row)) / joint.effort_full_scale;
  state.position_rad[j] = sign * static_cast<float>(unwrapped(j, four_bytes(row + 6))) / joint.ticks_per_rad;
  state.velocity_rad_s[j] = sign * static_cast<float>(four_bytes(row + 2)) * joint.rad_s_per_unit;
  state.effort[j] = std::clamp(effort, -1.0F, 1.0F);
  const bool alert = (errors_[j] & MTR_DXL_ALERT) != 0;
  if (!alert) hardware_error_[j] = 0;
  const std::uint8_t unknown = alert && hardware_error_[j] == 0 ? kStatusAlert : std::uint8_t{0};
  const std::uint8_t stopped = stopped_ && !joint.passive ? kStatusTorqueLost : std::uint8_t{0};
  state.status[j] = static_cast<std::uint8_t>(hardware_error_[j] | unknown | lost_[j] | stopped);
  state.voltage_v[j] = voltage_v_[j];
  state.temperature_c[j] = temperature_c_[j];
  state.joint_t_ns[j] = state.t_ns;
}

/// Returns ticks from the joint's zero. A servo counts on beyond one turn and loses whole turns when it
/// restarts; the joint is at the value nearest to the last one, or at first to the middle of its limits.
double DynamixelBus::unwrapped(std::size_t j, std::int32_t ticks) noexcept {
  const double turn = std::round(config_.joints[j].ticks_per_rad * kTurnRad);
  const double shown = static_cast<double>(ticks) - static_cast<double>(config_.joints[j].zero_ticks);
  const double reference = heard_[j] ? last_ticks_[j] : static_cast<double>(config_.joints[j].middle_ticks);
  turns_[j] = turn * std::round((shown - reference) / turn);
  last_ticks_[j] = shown - turns_[j];
  heard_[j] = true;
  return last_ticks_[j];
}

/// Makes at most one more exchange in a tick.
void DynamixelBus::look_after_one(std::int64_t now_ns) noexcept {
  const auto period_ns = static_cast<std::int64_t>(config_.health_period_s * static_cast<double>(kNsPerS));
  if (now_ns - looked_ns_ < period_ns) return;
  looked_ns_ = now_ns;
  if (read_error_of_one()) return;
  const std::size_t n = config_.joints.size();
  const std::size_t j = (turn_ / 2) % n;
  const bool torque = turn_ % 2 == 1 && torque_on_ && !config_.joints[j].passive;
  turn_ = (turn_ + 1) % (2 * n);
  if (torque) {
    check_torque(j);
  } else {
    read_slow_values(j);
  }
}

bool DynamixelBus::read_error_of_one() noexcept {
  const std::size_t n = config_.joints.size();
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t j = (alert_turn_ + i) % n;
    if ((errors_[j] & MTR_DXL_ALERT) == 0 || hardware_error_[j] != 0) continue;
    std::uint8_t bits = 0;
    const LinkStatus status =
        link_.read(config_.joints[j].id, registers_.hardware_error, {&bits, 1}, nullptr);
    if (status == LinkStatus::ok) hardware_error_[j] = bits;
    alert_turn_ = (j + 1) % n;
    return true;
  }
  return false;
}

void DynamixelBus::read_slow_values(std::size_t j) noexcept {
  std::array<std::uint8_t, 3> bytes{};
  if (link_.read(config_.joints[j].id, registers_.present_voltage, bytes, nullptr) != LinkStatus::ok) {
    return;
  }
  voltage_v_[j] = kVoltsPerUnit * static_cast<float>(get_field(bytes.data(), 2));
  temperature_c_[j] = static_cast<float>(bytes[2]);
}

/// Detects a servo that restarted, which answers as before but holds nothing, and one whose watchdog tripped,
/// which takes no goals.
void DynamixelBus::check_torque(std::size_t j) noexcept {
  const std::uint8_t id = config_.joints[j].id;
  std::uint8_t on = 1, watchdog = 0;
  bool known = link_.read(id, registers_.torque_enable, {&on, 1}, nullptr) == LinkStatus::ok;
  if (config_.watchdog_units > 0) {
    known = link_.read(id, registers_.bus_watchdog, {&watchdog, 1}, nullptr) == LinkStatus::ok && known;
  }
  if (known) lost_[j] = on == 0 || watchdog == kWatchdogTripped ? kStatusTorqueLost : std::uint8_t{0};
}

std::int32_t DynamixelBus::to_ticks(std::size_t j, float rad) const noexcept {
  const ServoJoint& joint = config_.joints[j];
  const double from_zero = static_cast<double>(static_cast<float>(joint.sign) * rad * joint.ticks_per_rad);
  const double wanted = static_cast<double>(joint.zero_ticks) + from_zero + turns_[j];
  const double inside =
      std::clamp(wanted, static_cast<double>(joint.min_ticks), static_cast<double>(joint.max_ticks));
  return static_cast<std::int32_t>(std::lround(inside));
}

BusStatus DynamixelBus::write_goal(const GatedGoal& goal) noexcept {
  if (goal.size() != config_.joints.size()) return BusStatus::io_error;
  if (active_.empty()) return BusStatus::ok;
  stopped_ = fell_silent(monotonic_ns()) || stopped_;
  ServoChain::Rows rows;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const std::size_t j = active_joints_[i];
    set_field(&rows[4 * i], 4, static_cast<std::uint32_t>(to_ticks(j, goal.position_rad()[j])));
  }
  return to_bus_status(
      link_.sync_write(active_, registers_.goal_position, 4, {rows.data(), 4 * active_.size()}));
}

BusStatus DynamixelBus::clear_overloads() noexcept {
  ServoChain::Rows rows{};
  const BusStatus known = to_bus_status(chain_.read_all(active_, registers_.hardware_error, 1, rows));
  for (std::size_t i = 0; known == BusStatus::ok && i < active_.size(); ++i) {
    if (rows[i] != kOverload) continue;
    const BusStatus restarted = reboot(active_joints_[i]);
    if (restarted != BusStatus::ok) return restarted;
  }
  return known;
}

BusStatus DynamixelBus::start_torque() noexcept {
  ServoChain::Rows rows{};
  const DynamixelRegisters& at = registers_;
  const BusStatus clear = clear_overloads();
  if (clear != BusStatus::ok) return clear;
  if (config_.watchdog_units > 0) {
    const BusStatus cleared = chain_.write_all(active_, at.bus_watchdog, 1, rows, one_byte, 0);
    if (cleared != BusStatus::ok) return cleared;
  }
  const LinkStatus restored = chain_.restore(config_.settings);
  if (restored != LinkStatus::ok) return to_bus_status(restored);
  const auto position = static_cast<std::uint16_t>(at.present + 6);
  const BusStatus known = to_bus_status(chain_.read_all(active_, position, 4, rows));
  if (known != BusStatus::ok) return known;
  const BusStatus placed = chain_.write_all(active_, at.goal_position, 4, rows, four_bytes, kGoalTolerance);
  if (placed != BusStatus::ok) return placed;
  rows.fill(1);
  const BusStatus torque = chain_.write_all(active_, at.torque_enable, 1, rows, one_byte, 0);
  if (torque != BusStatus::ok || config_.watchdog_units == 0) return torque;
  rows.fill(config_.watchdog_units);
  return chain_.write_all(active_, at.bus_watchdog, 1, rows, one_byte, 0);
}

BusStatus DynamixelBus::set_torque(bool on) noexcept {
  const ServoChain::Rows off{};
  if (!on) {  // at once; verified below
    static_cast<void>(link_.sync_write(active_, registers_.torque_enable, 1, {off.data(), active_.size()}));
  }
  const ServoChain::RetryScope retries(chain_);
  lost_.fill(0);
  stopped_ = false;
  torque_on_ = false;
  if (on) {
    const BusStatus status = start_torque();
    spoken_ns_ = monotonic_ns();
    torque_on_ = true;
    return status;
  }
  if (config_.watchdog_units > 0) {  // at rest, a tripped watchdog would stop the servo for no reason
    static_cast<void>(link_.sync_write(active_, registers_.bus_watchdog, 1, {off.data(), active_.size()}));
  }
  return chain_.write_all(active_, registers_.torque_enable, 1, off, one_byte, 0);
}

BusStatus DynamixelBus::reboot(std::size_t joint) noexcept {
  if (joint >= config_.joints.size()) return BusStatus::io_error;
  const ServoChain::RetryScope retries(chain_);
  const std::uint8_t id = config_.joints[joint].id;
  hardware_error_[joint] = 0;
  // The answer may be lost, and repeating the request is harmless; what counts is that the servo comes back.
  const LinkStatus told = link_.reboot(id, nullptr);
  if (told == LinkStatus::closed || told == LinkStatus::refused) return to_bus_status(told);
  const std::int64_t give_up_ns = monotonic_ns() + kRestartNs;
  LinkStatus back = LinkStatus::incomplete;
  while (back == LinkStatus::incomplete && monotonic_ns() < give_up_ns) back = link_.ping(id, nullptr);
  return to_bus_status(back);
}

RawWrites dynamixel_raw_writes() { return {{{0, 9}, {13, 23}}, -1}; }

void check_dynamixel(const BusConfig& config) { static_cast<void>(checked(config)); }

std::unique_ptr<JointBus> open_dynamixel(const std::string& port, const BusConfig& config) {
  return std::make_unique<DynamixelBus>(port, config);
}

}  // namespace motorium
