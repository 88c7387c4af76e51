#include "bus/feetech_bus.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "io/monotonic.hpp"

namespace motorium {
namespace {

// Memory table of the Feetech STS series.
constexpr std::uint8_t kModel = 3;
constexpr std::uint8_t kReturnDelay = 7;
constexpr std::uint8_t kOperatingMode = 33;
constexpr std::uint8_t kTorqueEnable = 40;
constexpr std::uint8_t kGoalPosition = 42;
// Position 2 bytes, speed 2, load 2, voltage 1, temperature 1, flag 1, status 1.
constexpr std::uint8_t kPresent = 56;
constexpr std::uint8_t kPresentSize = 10;
constexpr std::uint8_t kLowestPresentStatus = 9;
constexpr unsigned kAddresses = 256;  // an address is a byte
constexpr unsigned kPositionSign = 15;
constexpr unsigned kSpeedSign = 15;
constexpr unsigned kLoadSign = 10;
constexpr float kLoadFullScale = 1000.0F;
constexpr int kShutdownSteps = 6;
constexpr int kShutdownPermille = 300;  // holds most poses of a light arm, and yields to a hand
constexpr std::int64_t kShutdownPauseNs = 300'000'000;
constexpr int kShutdownOffs = 3;  // repeated, because nobody waits for an answer
constexpr float kVoltsPerUnit = 0.1F;
constexpr std::int32_t kStandTolerance = 8;  // encoder noise
// At the edge of its range a servo clamps the goal inward: 5.6 degrees.
constexpr int kGoalTolerance = 64;

std::int32_t position_field(const std::uint8_t* bytes) {
  return mtr_ft_decode_signed(mtr_ft_get16(bytes), kPositionSign);
}

std::int32_t position_field_high_first(const std::uint8_t* bytes) {
  return mtr_ft_decode_signed(mtr_ft_get16_high_first(bytes), kPositionSign);
}

FeetechTraits read_traits(const BusConfig& config) {
  FeetechTraits traits;
  TraitReader reader(config);
  reader.take("high_byte_first", traits.high_byte_first);
  reader.take("sync_read", traits.sync_read);
  reader.take("lock", traits.lock);
  reader.take("torque_limit", traits.torque_limit);
  reader.take("present_room", traits.present_room);
  reader.close();
  return traits;
}

/// Bounds the operating mode, because goals are positions: in another mode the same number is a speed or a
/// step. The SCS series has no such register.
SettingRules setting_rules(const FeetechTraits& traits) {
  SettingRules rules{
      {{kTorqueEnable, kTorqueEnable, "torque_enable"}, {kGoalPosition, kGoalPosition + 1U, "goal_position"}},
      {}};
  if (!traits.high_byte_first) rules.bounded.push_back({kOperatingMode, 0, 0, "operating_mode"});
  return rules;
}

const BusConfig& checked(const BusConfig& config) {
  check_bus(config);
  check_settings(config.settings, config.joints.size(), setting_rules(read_traits(config)));
  for (const ServoSetting& setting : config.settings) {
    if (setting.address + setting.size > kAddresses)
      throw std::invalid_argument("no register " + std::to_string(setting.address) + " on a feetech servo");
  }
  for (const ServoJoint& joint : config.joints) {
    if (joint.passive) throw std::invalid_argument("no passive joints on a feetech bus");
  }
  return config;
}

ChainRules rules(const FeetechTraits& traits) {
  return {kModel, kReturnDelay,          {{kTorqueEnable, 0}, {traits.lock, 0}}, {{traits.lock, 1}},
          {},     traits.high_byte_first};
}

}  // namespace

FeetechBus::FeetechBus(const std::string& port, const BusConfig& config)
    : config_(checked(config)),
      traits_(read_traits(config)),
      link_(port, config_.baud, config_.reply_margin_s),
      chain_(link_, config_, rules(traits_)) {
  link_.set_sync_read(traits_.sync_read);
  link_.set_room(kPresent, traits_.present_room);
  const ServoChain::RetryScope retries(chain_);
  chain_.find();
  chain_.apply(config_.settings);
  chain_.learn_return_delay();
}

float FeetechBus::signed_field(const std::uint8_t* bytes, unsigned sign_bit) const noexcept {
  const std::uint16_t raw = traits_.high_byte_first ? mtr_ft_get16_high_first(bytes) : mtr_ft_get16(bytes);
  return static_cast<float>(mtr_ft_decode_signed(raw, sign_bit));
}

BusStatus FeetechBus::read_state(JointState& state) noexcept {
  ServoChain::Rows rows;
  std::array<std::uint8_t, kMaxJoints> errors{};
  std::array<bool, kMaxJoints> answered{};
  const std::size_t n = config_.joints.size();
  const LinkStatus status =
      link_.sync_read(chain_.ids(), kPresent, kPresentSize, {rows.data(), n * kPresentSize},
                      {errors.data(), n}, {answered.data(), n});
  state.t_ns = monotonic_ns();
  state.n = static_cast<std::uint32_t>(n);
  if (status == LinkStatus::closed) return BusStatus::closed;
  if (status == LinkStatus::invalid) return BusStatus::io_error;
  for (std::size_t j = 0; j < n; ++j) {
    if (!answered[j]) continue;
    const std::uint8_t* row = rows.data() + j * kPresentSize;
    const ServoJoint& joint = config_.joints[j];
    const auto sign = static_cast<float>(joint.sign);
    const float ticks_per_rad = joint.ticks_per_rad;
    state.position_rad[j] = sign * (signed_field(row, kPositionSign) - joint.zero_ticks) / ticks_per_rad;
    state.velocity_rad_s[j] = sign * signed_field(row + 2, kSpeedSign) / ticks_per_rad;
    state.effort[j] = sign * signed_field(row + 4, kLoadSign) / kLoadFullScale;
    state.voltage_v[j] = kVoltsPerUnit * static_cast<float>(row[6]);
    state.temperature_c[j] = static_cast<float>(row[7]);
    state.status[j] = static_cast<std::uint8_t>(row[kLowestPresentStatus] | errors[j]);
    state.joint_t_ns[j] = state.t_ns;
  }
  return status == LinkStatus::ok ? BusStatus::ok : BusStatus::stale_joints;
}

std::uint16_t FeetechBus::to_ticks(const ServoJoint& joint, float rad) const noexcept {
  const float wanted = joint.zero_ticks + static_cast<float>(joint.sign) * rad * joint.ticks_per_rad;
  const float inside =
      std::clamp(wanted, static_cast<float>(joint.min_ticks), static_cast<float>(joint.max_ticks));
  return mtr_ft_encode_signed(static_cast<std::int32_t>(std::lround(inside)), kPositionSign);
}

BusStatus FeetechBus::write_goal(const GatedGoal& goal) noexcept {
  const std::size_t n = config_.joints.size();
  if (goal.size() != n) return BusStatus::io_error;
  ServoChain::Rows rows;
  const auto put16 = traits_.high_byte_first ? mtr_ft_put16_high_first : mtr_ft_put16;
  for (std::size_t j = 0; j < n; ++j)
    put16(&rows[2 * j], to_ticks(config_.joints[j], goal.position_rad()[j]));
  return to_bus_status(link_.sync_write(chain_.ids(), kGoalPosition, 2, {rows.data(), 2 * n}));
}

BusStatus FeetechBus::set_torque(bool on) noexcept {
  ServoChain::Rows rows{};
  const std::size_t n = config_.joints.size();
  if (!on) static_cast<void>(link_.sync_write(chain_.ids(), kTorqueEnable, 1, {rows.data(), n}));  // at once
  const ServoChain::RetryScope retries(chain_);
  if (on) {
    const LinkStatus restored = chain_.restore(config_.settings);
    if (restored != LinkStatus::ok) return to_bus_status(restored);
    const BusStatus known = to_bus_status(chain_.read_all(chain_.ids(), kPresent, 2, rows));
    if (known != BusStatus::ok) return known;
    const auto position = traits_.high_byte_first ? position_field_high_first : position_field;
    // From outside the goal range a servo would start to move by itself.
    for (std::size_t j = 0; j < n; ++j) {
      const std::int32_t here = position(&rows[2 * j]);
      if (here < config_.joints[j].min_ticks - kStandTolerance ||
          here > config_.joints[j].max_ticks + kStandTolerance) {
        return BusStatus::io_error;
      }
    }
    const BusStatus placed = chain_.write_all(chain_.ids(), kGoalPosition, 2, rows, position, kGoalTolerance);
    if (placed != BusStatus::ok) return placed;
    rows.fill(1);
  }
  return chain_.write_all(chain_.ids(), kTorqueEnable, 1, rows, one_byte, 0);
}

ShutdownSequence FeetechBus::shutdown_sequence() const {
  const std::size_t n = config_.joints.size();
  ShutdownSequence sequence{{link_.descriptor()}, {}};
  const auto tell = [&](std::uint8_t address, std::uint8_t size, std::uint16_t value, std::int64_t pause_ns) {
    std::array<std::uint8_t, 2 * kMaxJoints> rows{};
    for (std::size_t j = 0; j < n; ++j) set_field(&rows[j * size], size, value);
    ShutdownSequence::Packet& packet = sequence.packets.emplace_back();
    packet.size = mtr_ft_sync_write(packet.bytes.data(), packet.bytes.size(), chain_.ids().data(), n, address,
                                    size, rows.data());
    packet.pause_ns = pause_ns;
  };
  for (int step = kShutdownSteps; step > 0 && traits_.torque_limit > 0; --step) {
    tell(traits_.torque_limit, 2, static_cast<std::uint16_t>(kShutdownPermille * step / kShutdownSteps),
         kShutdownPauseNs);
  }
  for (int i = 0; i < kShutdownOffs; ++i) tell(kTorqueEnable, 1, 0, kShutdownPauseNs / 10);
  return sequence;
}

RawWrites feetech_raw_writes() { return {{{0, 32}, {34, 39}}, kTorqueEnable, {48, 55}}; }

void check_feetech(const BusConfig& config) { static_cast<void>(checked(config)); }

std::unique_ptr<JointBus> open_feetech(const std::string& port, const BusConfig& config) {
  return std::make_unique<FeetechBus>(port, config);
}

}  // namespace motorium
