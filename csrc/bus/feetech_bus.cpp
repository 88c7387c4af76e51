#include "bus/feetech_bus.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "bus/bus_error.hpp"
#include "bus/monotonic.hpp"

namespace motorium {
namespace {

// Feetech STS series memory table.
constexpr std::uint8_t kModel = 3;
constexpr std::uint8_t kTorqueEnable = 40;
constexpr std::uint8_t kGoalPosition = 42;
constexpr std::uint8_t kLock = 55;
constexpr std::uint8_t kPresent =
    56;  // position 2, speed 2, load 2, voltage 1, temperature 1, flag 1, status 1
constexpr std::uint8_t kPresentSize = 10;
constexpr std::uint8_t kLowestPresentStatus = 9;
constexpr unsigned kPositionSign = 15;
constexpr unsigned kSpeedSign = 15;
constexpr unsigned kLoadSign = 10;
constexpr float kLoadFullScale = 1000.0F;
constexpr float kVoltsPerUnit = 0.1F;
constexpr int kAttempts = 8;
constexpr int kGoalTolerance =
    64;  // a servo at the edge of its own range pulls the goal inside it: 5.6 degrees
constexpr std::int64_t kShortestReturnDelayNs = 20'000;
constexpr double kPatientMarginS =
    0.05;  // while nothing moves, a busy computer is no reason to call a servo dead

/// Waits longer for replies while it lives.
class Patience {
 public:
  Patience(FeetechLink& link, double usual_s) noexcept : link_(link), usual_s_(usual_s) {
    link_.set_reply_margin_s(std::max(usual_s, kPatientMarginS));
  }
  ~Patience() { link_.set_reply_margin_s(usual_s_); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  FeetechLink& link_;
  double usual_s_;
};

float signed_field(const std::uint8_t* bytes, unsigned sign_bit) {
  return static_cast<float>(mtr_ft_decode_signed(mtr_ft_get16(bytes), sign_bit));
}

std::string list(const std::vector<std::uint8_t>& ids) {
  std::string text;
  for (const std::uint8_t id : ids) text += (text.empty() ? "" : ", ") + std::to_string(id);
  return text;
}

FeetechBusConfig checked(FeetechBusConfig config) {
  const std::size_t n = config.ids.size();
  if (n < 1 || n > kMaxJoints) throw std::invalid_argument("a bus needs 1 to 32 servo ids");
  if (config.zero_ticks.size() != n || config.sign.size() != n) {
    throw std::invalid_argument("ids, zero_ticks and sign differ in length");
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (config.ids[i] > MTR_FT_MAX_ID) throw std::invalid_argument("servo ids are 0..252");
    if (std::count(config.ids.begin(), config.ids.end(), config.ids[i]) > 1) {
      throw std::invalid_argument("servo id " + std::to_string(config.ids[i]) + " is used more than once");
    }
    if (config.sign[i] != 1 && config.sign[i] != -1) throw std::invalid_argument("sign must be +1 or -1");
    if (!std::isfinite(config.zero_ticks[i])) throw std::invalid_argument("zero_ticks must be finite");
  }
  if (!(config.ticks_per_rad > 0.0F) || !std::isfinite(config.ticks_per_rad) ||
      config.min_ticks >= config.max_ticks) {
    throw std::invalid_argument("need ticks_per_rad > 0 and min_ticks < max_ticks");
  }
  if (config.baud < 1 || !(config.reply_margin_s > 0.0) || config.reply_margin_s > 1.0) {
    throw std::invalid_argument("need baud > 0 and reply_margin_s in (0, 1]");
  }
  for (const FeetechSetting& setting : config.settings) {
    if (setting.joint >= n || (setting.size != 1 && setting.size != 2)) {
      throw std::invalid_argument("a setting names a joint that is not there or a size other than 1 or 2");
    }
  }
  return config;
}

}  // namespace

FeetechBus::FeetechBus(const std::string& port, FeetechBusConfig config)
    : config_(checked(std::move(config))), link_(port, config_.baud, config_.reply_margin_s) {
  const Patience patience(link_, config_.reply_margin_s);
  find_servos();
  for (const FeetechSetting& setting : config_.settings) apply(setting);
  link_.set_return_delay_ns(slowest_return_delay_ns());
}

void FeetechBus::find_servos() {
  std::vector<std::uint8_t> missing;
  for (const std::uint8_t id : config_.ids) {
    std::array<std::uint8_t, 2> model{};
    LinkStatus status = LinkStatus::incomplete;
    for (int i = 0; i < kAttempts && status == LinkStatus::incomplete; ++i) {
      status = link_.read(id, kModel, model, nullptr);
    }
    if (status == LinkStatus::closed)
      throw BusError("port " + link_.path() + " went away while servos were sought");
    if (status != LinkStatus::ok) {
      missing.push_back(id);
    } else if (config_.model_number != 0 && mtr_ft_get16(model.data()) != config_.model_number) {
      throw BusError("servo " + std::to_string(id) + " on " + link_.path() + " has model number " +
                     std::to_string(mtr_ft_get16(model.data())) + ", expected " +
                     std::to_string(config_.model_number) + ": is this the right robot?");
    }
  }
  if (missing.empty()) return;
  const bool all = missing.size() == config_.ids.size();
  throw BusError(
      (all ? "no servo answers on " : "servos do not answer on ") + link_.path() +
      " (missing ids: " + list(missing) + " of " + list(config_.ids) + "): " +
      (all ? "check the power supply and the baud rate" : "check the cable before the first missing one"));
}

std::int64_t FeetechBus::slowest_return_delay_ns() {
  constexpr std::uint8_t kReturnDelay = 7;
  constexpr std::int64_t kUnitNs = 2000;
  std::int64_t slowest = kShortestReturnDelayNs;
  for (const std::uint8_t id : config_.ids) {
    std::uint8_t units = 250;
    static_cast<void>(link_.read(id, kReturnDelay, {&units, 1}, nullptr));
    slowest = std::max(slowest, units * kUnitNs);
  }
  return slowest;
}

void FeetechBus::write_checked(std::uint8_t id, std::uint8_t address, std::span<const std::uint8_t> data) {
  for (int i = 0; i < kAttempts; ++i) {
    if (link_.write(id, address, data, nullptr) == LinkStatus::ok) return;
  }
  throw BusError("servo " + std::to_string(id) + " on " + link_.path() + " did not confirm register " +
                 std::to_string(address));
}

void FeetechBus::apply(const FeetechSetting& setting) {
  const std::uint8_t id = config_.ids[setting.joint];
  std::array<std::uint8_t, 2> bytes{};
  const std::span<std::uint8_t> field(bytes.data(), setting.size);
  LinkStatus status = LinkStatus::incomplete;
  for (int i = 0; i < kAttempts && status == LinkStatus::incomplete; ++i) {
    status = link_.read(id, setting.address, field, nullptr);
  }
  if (status != LinkStatus::ok) {
    throw BusError("servo " + std::to_string(id) + " on " + link_.path() + " stopped answering during setup");
  }
  const std::uint16_t old_value = mtr_ft_get16(bytes.data());
  const auto new_value =
      static_cast<std::uint16_t>((old_value & ~setting.mask) | (setting.value & setting.mask));
  if (new_value == old_value) return;  // EEPROM cells wear out
  mtr_ft_put16(bytes.data(), new_value);
  if (!setting.eeprom) return write_checked(id, setting.address, field);
  const std::array<std::uint8_t, 1> off{0};
  const std::array<std::uint8_t, 1> on{1};
  write_checked(id, kTorqueEnable, off);
  write_checked(id, kLock, off);
  write_checked(id, setting.address, field);
  write_checked(id, kLock, on);
}

BusStatus FeetechBus::read_state(JointState& state) noexcept {
  Rows rows;
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
    state.position_rad[j] =
        sign * (signed_field(row, kPositionSign) - config_.zero_ticks[j]) / config_.ticks_per_rad;
    state.velocity_rad_s[j] = sign * signed_field(row + 2, kSpeedSign) / config_.ticks_per_rad;
    state.effort[j] = sign * signed_field(row + 4, kLoadSign) / kLoadFullScale;
    state.voltage_v[j] = kVoltsPerUnit * static_cast<float>(row[6]);
    state.temperature_c[j] = static_cast<float>(row[7]);
    state.status[j] = static_cast<std::uint8_t>(row[kLowestPresentStatus] | errors[j]);
    state.joint_t_ns[j] = state.t_ns;
  }
  return status == LinkStatus::ok ? BusStatus::ok : BusStatus::stale_joints;
}

std::uint16_t FeetechBus::to_ticks(std::size_t joint, float rad) const noexcept {
  const float wish =
      config_.zero_ticks[joint] + static_cast<float>(config_.sign[joint]) * rad * config_.ticks_per_rad;
  const float inside =
      std::clamp(wish, static_cast<float>(config_.min_ticks), static_cast<float>(config_.max_ticks));
  return mtr_ft_encode_signed(static_cast<std::int32_t>(std::lround(inside)), kPositionSign);
}

BusStatus FeetechBus::to_bus_status(LinkStatus status) noexcept {
  if (status == LinkStatus::ok) return BusStatus::ok;
  return status == LinkStatus::closed ? BusStatus::closed : BusStatus::io_error;
}

BusStatus FeetechBus::write_goal(const GatedGoal& goal) noexcept {
  const std::size_t n = config_.ids.size();
  if (goal.size() != n) return BusStatus::io_error;
  Rows rows;
  for (std::size_t j = 0; j < n; ++j) mtr_ft_put16(&rows[2 * j], to_ticks(j, goal.position_rad()[j]));
  return to_bus_status(link_.sync_write(config_.ids, kGoalPosition, 2, {rows.data(), 2 * n}));
}

/// Asks again until every servo has answered.
LinkStatus FeetechBus::read_all(std::uint8_t address, std::uint8_t size, Rows& rows) noexcept {
  const std::size_t n = config_.ids.size();
  std::array<std::uint8_t, kMaxJoints> errors{};
  std::array<bool, kMaxJoints> answered{};
  LinkStatus status = LinkStatus::incomplete;
  for (int i = 0; i < kAttempts && status == LinkStatus::incomplete; ++i) {
    status = link_.sync_read(config_.ids, address, size, {rows.data(), n * size}, {errors.data(), n},
                             {answered.data(), n});
  }
  return status;
}

/// Writes one field of all servos and reads it back until it stands, give or take `tolerance`.
BusStatus FeetechBus::write_all(std::uint8_t address, std::uint8_t size, const Rows& rows,
                                int tolerance) noexcept {
  const std::size_t n = config_.ids.size();
  const auto differs = [&](const Rows& back, std::size_t j) {
    const auto value = [&](const Rows& r) {
      return size == 2 ? mtr_ft_decode_signed(mtr_ft_get16(&r[2 * j]), kPositionSign) : std::int32_t{r[j]};
    };
    return std::abs(value(back) - value(rows)) > tolerance;
  };
  for (int i = 0; i < kAttempts; ++i) {
    LinkStatus status = link_.sync_write(config_.ids, address, size, {rows.data(), n * size});
    Rows back{};
    if (status == LinkStatus::ok) status = read_all(address, size, back);
    if (status == LinkStatus::closed) return BusStatus::closed;
    bool stands = status == LinkStatus::ok;
    for (std::size_t j = 0; stands && j < n; ++j) stands = !differs(back, j);
    if (stands) return BusStatus::ok;
  }
  return BusStatus::io_error;
}

BusStatus FeetechBus::set_torque(bool on) noexcept {
  const Patience patience(link_, config_.reply_margin_s);
  Rows rows{};
  if (on) {
    const BusStatus known = to_bus_status(read_all(kPresent, 2, rows));
    if (known != BusStatus::ok) return known;
    const BusStatus placed = write_all(kGoalPosition, 2, rows, kGoalTolerance);
    if (placed != BusStatus::ok) return placed;
    rows.fill(1);
  }
  return write_all(kTorqueEnable, 1, rows, 0);
}

std::unique_ptr<JointBus> open_feetech(const std::string& port, const FeetechBusConfig& config) {
  return std::make_unique<FeetechBus>(port, config);
}

}  // namespace motorium
