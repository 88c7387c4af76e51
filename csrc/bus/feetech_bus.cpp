#include "bus/feetech_bus.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bus/setting_rules.hpp"
#include "io/monotonic.hpp"

namespace motorium {
namespace {

// Feetech STS series memory table.
constexpr std::uint8_t kModel = 3;
constexpr std::uint8_t kReturnDelay = 7;
constexpr std::uint8_t kOperatingMode = 33;
constexpr std::uint8_t kTorqueEnable = 40;
constexpr std::uint8_t kGoalPosition = 42;
constexpr std::uint8_t kPresent =
    56;  // position 2, speed 2, load 2, voltage 1, temperature 1, flag 1, status 1
constexpr std::uint8_t kPresentSize = 10;
constexpr std::uint8_t kLowestPresentStatus = 9;
constexpr unsigned kPositionSign = 15;
constexpr unsigned kSpeedSign = 15;
constexpr unsigned kLoadSign = 10;
constexpr float kLoadFullScale = 1000.0F;
constexpr int kFarewellSteps = 6;
constexpr int kFarewellPermille = 300;  // holds most poses of a light arm, and yields to a hand
constexpr std::int64_t kFarewellPauseNs = 300'000'000;
constexpr int kFarewellOffs = 3;  // nobody listens for an answer
constexpr float kVoltsPerUnit = 0.1F;
constexpr std::int32_t kStandTolerance = 8;  // an encoder trembles
constexpr int kGoalTolerance =
    64;  // a servo at the edge of its own range pulls the goal inside it: 5.6 degrees

std::int32_t position_field(const std::uint8_t* bytes) {
  return mtr_ft_decode_signed(mtr_ft_get16(bytes), kPositionSign);
}

std::int32_t position_field_high_first(const std::uint8_t* bytes) {
  return mtr_ft_decode_signed(mtr_ft_get16_high_first(bytes), kPositionSign);
}

/// One value for each joint, where there is but one for all.
template <class T>
void spread(std::vector<T>& values, std::size_t n, T otherwise) {
  if (values.empty()) values.assign(n, otherwise);
  if (values.size() != n) throw std::invalid_argument("give one value per joint, or none");
}

/// Goals are positions: in another mode the same number is a speed or a step. The SCS series has no such
/// register.
SettingRules setting_rules(const FeetechBusConfig& config) {
  SettingRules rules{
      {{kTorqueEnable, kTorqueEnable, "torque_enable"}, {kGoalPosition, kGoalPosition + 1U, "goal_position"}},
      {}};
  if (!config.high_byte_first) rules.bounded.push_back({kOperatingMode, 0, 0, "operating_mode"});
  return rules;
}

FeetechBusConfig checked(FeetechBusConfig config) {
  const std::size_t n = config.ids.size();
  if (config.zero_ticks.size() != n || config.sign.size() != n) {
    throw std::invalid_argument("ids, zero_ticks and sign differ in length");
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (config.sign[i] != 1 && config.sign[i] != -1) throw std::invalid_argument("sign must be +1 or -1");
    if (!std::isfinite(config.zero_ticks[i])) throw std::invalid_argument("zero_ticks must be finite");
  }
  spread(config.joint_model_numbers, n, config.model_number);
  spread(config.joint_ticks_per_rad, n, config.ticks_per_rad);
  spread(config.joint_min_ticks, n, config.min_ticks);
  spread(config.joint_max_ticks, n, config.max_ticks);
  for (std::size_t i = 0; i < n; ++i) {
    if (!(config.joint_ticks_per_rad[i] > 0.0F) || !std::isfinite(config.joint_ticks_per_rad[i]) ||
        config.joint_min_ticks[i] >= config.joint_max_ticks[i]) {
      throw std::invalid_argument("need ticks_per_rad > 0 and min_ticks < max_ticks");
    }
  }
  check_line(config.baud, config.reply_margin_s);
  check_settings(config.settings, n, setting_rules(config));
  return config;
}

std::vector<ServoIdentity> identities(const FeetechBusConfig& config) {
  std::vector<ServoIdentity> servos;
  for (std::size_t i = 0; i < config.ids.size(); ++i) {
    servos.push_back({config.ids[i], config.joint_model_numbers[i]});
  }
  return servos;
}

ChainRules rules(const FeetechBusConfig& config) {
  return {kModel, kReturnDelay,          {{kTorqueEnable, 0}, {config.lock, 0}}, {{config.lock, 1}},
          {},     config.high_byte_first};
}

}  // namespace

FeetechBus::FeetechBus(const std::string& port, FeetechBusConfig config)
    : config_(checked(std::move(config))),
      link_(port, config_.baud, config_.reply_margin_s),
      chain_(link_, identities(config_), rules(config_), config_.reply_margin_s) {
  link_.set_sync_read(config_.sync_read);
  link_.set_room(kPresent, config_.present_room);
  const ServoChain::Patience patience(chain_);
  chain_.find();
  chain_.apply(config_.settings);
  chain_.learn_return_delay();
}

float FeetechBus::signed_field(const std::uint8_t* bytes, unsigned sign_bit) const noexcept {
  const std::uint16_t raw = config_.high_byte_first ? mtr_ft_get16_high_first(bytes) : mtr_ft_get16(bytes);
  return static_cast<float>(mtr_ft_decode_signed(raw, sign_bit));
}

BusStatus FeetechBus::read_state(JointState& state) noexcept {
  ServoChain::Rows rows;
  std::array<std::uint8_t, kMaxJoints> errors{};
  std::array<bool, kMaxJoints> answered{};
  const std::size_t n = config_.ids.size();
  const LinkStatus status =
      link_.sync_read(config_.ids, kPresent, kPresentSize, {rows.data(), n * kPresentSize},
                      {errors.data(), n}, {answered.data(), n});
  state.t_ns = monotonic_ns();
  state.n = static_cast<std::uint32_t>(n);
  if (status == LinkStatus::closed) return BusStatus::closed;
  if (status == LinkStatus::invalid) return BusStatus::io_error;
  for (std::size_t j = 0; j < n; ++j) {
    if (!answered[j]) continue;
    const std::uint8_t* row = rows.data() + j * kPresentSize;
    const auto sign = static_cast<float>(config_.sign[j]);
    const float ticks_per_rad = config_.joint_ticks_per_rad[j];
    state.position_rad[j] = sign * (signed_field(row, kPositionSign) - config_.zero_ticks[j]) / ticks_per_rad;
    state.velocity_rad_s[j] = sign * signed_field(row + 2, kSpeedSign) / ticks_per_rad;
    state.effort[j] = sign * signed_field(row + 4, kLoadSign) / kLoadFullScale;
    state.voltage_v[j] = kVoltsPerUnit * static_cast<float>(row[6]);
    state.temperature_c[j] = static_cast<float>(row[7]);
    state.status[j] = static_cast<std::uint8_t>(row[kLowestPresentStatus] | errors[j]);
    state.joint_t_ns[j] = state.t_ns;
  }
  return status == LinkStatus::ok ? BusStatus::ok : BusStatus::stale_joints;
}

std::uint16_t FeetechBus::to_ticks(std::size_t joint, float rad) const noexcept {
  const float wish = config_.zero_ticks[joint] +
                     static_cast<float>(config_.sign[joint]) * rad * config_.joint_ticks_per_rad[joint];
  const float inside = std::clamp(wish, static_cast<float>(config_.joint_min_ticks[joint]),
                                  static_cast<float>(config_.joint_max_ticks[joint]));
  return mtr_ft_encode_signed(static_cast<std::int32_t>(std::lround(inside)), kPositionSign);
}

BusStatus FeetechBus::write_goal(const GatedGoal& goal) noexcept {
  const std::size_t n = config_.ids.size();
  if (goal.size() != n) return BusStatus::io_error;
  ServoChain::Rows rows;
  const auto put16 = config_.high_byte_first ? mtr_ft_put16_high_first : mtr_ft_put16;
  for (std::size_t j = 0; j < n; ++j) put16(&rows[2 * j], to_ticks(j, goal.position_rad()[j]));
  return to_bus_status(link_.sync_write(config_.ids, kGoalPosition, 2, {rows.data(), 2 * n}));
}

BusStatus FeetechBus::set_torque(bool on) noexcept {
  ServoChain::Rows rows{};
  const std::size_t n = config_.ids.size();
  if (!on) static_cast<void>(link_.sync_write(config_.ids, kTorqueEnable, 1, {rows.data(), n}));  // at once
  const ServoChain::Patience patience(chain_);
  if (on) {
    const LinkStatus restored = chain_.restore(config_.settings);
    if (restored != LinkStatus::ok) return to_bus_status(restored);
    const BusStatus known = to_bus_status(chain_.read_all(config_.ids, kPresent, 2, rows));
    if (known != BusStatus::ok) return known;
    const auto position = config_.high_byte_first ? position_field_high_first : position_field;
    for (std::size_t j = 0; j < n;
         ++j) {  // where no goal may be: the servo would drive out of there by itself
      const std::int32_t here = position(&rows[2 * j]);
      if (here < config_.joint_min_ticks[j] - kStandTolerance ||
          here > config_.joint_max_ticks[j] + kStandTolerance) {
        return BusStatus::io_error;
      }
    }
    const BusStatus placed = chain_.write_all(config_.ids, kGoalPosition, 2, rows, position, kGoalTolerance);
    if (placed != BusStatus::ok) return placed;
    rows.fill(1);
  }
  return chain_.write_all(config_.ids, kTorqueEnable, 1, rows, one_byte, 0);
}

Farewell FeetechBus::farewell() const {
  const std::size_t n = config_.ids.size();
  Farewell farewell{{link_.descriptor()}, {}};
  const auto tell = [&](std::uint8_t address, std::uint8_t size, std::uint16_t value, std::int64_t pause_ns) {
    std::array<std::uint8_t, 2 * kMaxJoints> rows{};
    for (std::size_t j = 0; j < n; ++j) set_field(&rows[j * size], size, value);
    Farewell::Packet& packet = farewell.packets.emplace_back();
    packet.size = mtr_ft_sync_write(packet.bytes.data(), packet.bytes.size(), config_.ids.data(), n, address,
                                    size, rows.data());
    packet.pause_ns = pause_ns;
  };
  for (int step = kFarewellSteps; step > 0 && config_.torque_limit > 0; --step) {
    tell(config_.torque_limit, 2, static_cast<std::uint16_t>(kFarewellPermille * step / kFarewellSteps),
         kFarewellPauseNs);
  }
  for (int i = 0; i < kFarewellOffs; ++i) tell(kTorqueEnable, 1, 0, kFarewellPauseNs / 10);
  return farewell;
}

std::unique_ptr<JointBus> open_feetech(const std::string& port, const FeetechBusConfig& config) {
  return std::make_unique<FeetechBus>(port, config);
}

}  // namespace motorium
