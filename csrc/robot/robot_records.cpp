#include "robot/robot_records.hpp"

#include <string>

#include "robot/record.hpp"

namespace motorium {
namespace {

// The fields of every record in order: one list for writing and reading. New fields are appended, never
// inserted; see robot_file.hpp.

/// How many entries a bus has in the sections for servos, settings and traits.
struct BusCounts {
  std::uint32_t servos = 0, settings = 0, traits = 0;
};

struct BusTrait {
  std::string name;
  std::uint32_t value = 0;
};

/// The one record of the robot as a whole. `guarded`: whether its joints have a guard.
template <class Io, class Config, class Flag>
void robot_fields(Io& io, Config& config, Flag& guarded) {
  auto& control = config.control;
  io(config.name);
  for (auto& byte : config.spec_hash) io(byte);
  io(control.rate_hz);
  io(control.limits.max_state_age_ns);
  io(control.limits.max_command_age_ns);
  io(control.limits.trip_after);
  io(control.approach_velocity_share);
  io(control.fallback, RestPolicy::release);
  io(control.fallback_after_ns);
  io(control.exit, RestPolicy::release);
  io(control.park_timeout_ns);
  io(control.blend_ns);
  io(control.position_jump_rad);
  io(control.estop_hold_ns);
  io(control.settle_ns);
  io(control.cpu);
  io(guarded);
  io(config.policy.rate_hz);
  io(config.policy.latency_budget_s);
}

template <class Io, class Guard>
void guard_fields(Io& io, Guard& guard) {
  io(guard.stall_effort);
  io(guard.stall_error_rad);
  io(guard.stall_velocity_rad_s);
  io(guard.stall_time_s);
  io(guard.overload_effort);
  io(guard.hold_effort);
  io(guard.warn_c);
  io(guard.derate_c);
  io(guard.stop_c);
  io(guard.warn_v);
  io(guard.min_v);
  io(guard.max_v);
}

/// Joint `j`, including its limits in the control thread.
template <class Io, class Config>
void joint_fields(Io& io, Config& config, std::size_t j) {
  auto& joint = config.joints[j];
  auto& control = config.control;
  auto& limits = control.limits.joint[j];
  io(joint.name);
  io(joint.slot);
  io(joint.slot_scale);
  io(joint.slot_offset);
  io(limits.lower_rad);
  io(limits.upper_rad);
  io(limits.max_velocity_rad_s);
  io(limits.max_acceleration_rad_s2);
  io(limits.max_effort);
  io(control.max_jerk_rad_s3[j]);
  io(control.rest_rad[j]);
  io(joint.home_rad);
  io(control.arrival_tolerance_rad[j]);
  io(control.start_gap_rad[j]);
  io.bit(control.grippers, j);
  guard_fields(io, control.guard.joint[j]);
  io(joint.min_position_rad);
  io(joint.max_position_rad);
  io(joint.min_supply_v);
  io(joint.max_supply_v);
  io(joint.hot_c);
  for (auto& name : joint.fault_names) io(name);
  io(joint.forbids_torque);
  io(joint.torque_lost);
}

/// Sets what records of version 1 left to the names of status bits.
void set_masks_by_name(RobotJoint& joint) {
  for (std::size_t bit = 0; bit < kStatusBits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << bit);
    const std::string& name = joint.fault_names[bit];
    if (!name.empty() && name != "overload") joint.forbids_torque |= mask;
    if (name == "torque lost") joint.torque_lost |= mask;
  }
}

template <class Io, class Bus, class Counts>
void bus_fields(Io& io, Bus& bus, Counts& counts) {
  io(bus.family);
  io(bus.side);
  io(bus.baud);
  io(bus.reply_margin_s);
  io(bus.health_period_s);
  io(bus.watchdog_units);
  io(counts.servos);
  io(counts.settings);
  io(counts.traits);
}

template <class Io, class Servo>
void servo_fields(Io& io, Servo& servo) {
  io(servo.id);
  io(servo.model_number);
  io(servo.zero_ticks);
  io(servo.middle_ticks);
  io(servo.sign);
  io(servo.ticks_per_rad);
  io(servo.rad_s_per_unit);
  io(servo.effort_full_scale);
  io(servo.min_ticks);
  io(servo.max_ticks);
  io(servo.fast_firmware);
  io(servo.passive);
}

template <class Io, class Setting>
void setting_fields(Io& io, Setting& setting) {
  io(setting.joint);
  io(setting.address);
  io(setting.size);
  io(setting.value);
  io(setting.mask);
  io(setting.eeprom);
  io(setting.check_only);
  io(setting.format.is_signed);
  io(setting.format.sign_bit);
  io(setting.format.high_byte_first);
  io(setting.bound.address);
  io(setting.bound.size);
  io(setting.bound.name);
  io(setting.words.joint);
  io(setting.words.name);
  io(setting.words.about);
  io(setting.words.unit);
  io(setting.words.remedy);
}

template <class Io, class Trait>
void trait_fields(Io& io, Trait& trait) {
  io(trait.name);
  io(trait.value);
}

template <class Io, class Policy>
void latency_fields(Io& io, Policy& policy, std::size_t i) {
  io(policy.latency_s[i]);
  io(policy.latency_weight[i]);
}

template <class Io, class Camera>
void camera_fields(Io& io, Camera& camera) {
  io(camera.role);
  io(camera.width);
  io(camera.height);
  io(camera.fps);
  io(camera.max_age_s);
}

/// Reads the records of the sections in order; the first problem ends it.
class Reading {
 public:
  Reading(const Sections& sections, const TextReader& texts) noexcept : sections_(sections), texts_(texts) {}

  std::size_t count(Place place) const noexcept { return sections_[place].count; }

  /// Passes the next record of a section to `fields`. False: there is none, or a problem occurred.
  template <class Fields>
  bool next(Place place, const Fields& fields) {
    if (problem_ != FileProblem::none) return false;
    if (taken_[place] == sections_[place].count) return fail(FileProblem::bad_record_count);
    RecordReader io(sections_[place].record(taken_[place]++), texts_);
    fields(io);
    return io.problem() == FileProblem::none || fail(io.problem());
  }
  bool fail(FileProblem problem) noexcept {
    problem_ = problem;
    return false;
  }
  /// Returns none when every record was read.
  FileProblem end() const noexcept {
    if (problem_ != FileProblem::none) return problem_;
    for (std::size_t i = 0; i < kText; ++i) {
      if (taken_[i] != sections_[i].count) return FileProblem::bad_record_count;
    }
    return FileProblem::none;
  }

 private:
  const Sections& sections_;
  const TextReader& texts_;
  std::array<std::uint32_t, kPlaces> taken_{};
  FileProblem problem_ = FileProblem::none;
};

void read_bus(Reading& reading, BusConfig& bus) {
  BusCounts counts;
  if (!reading.next(kBuses, [&](auto& io) { bus_fields(io, bus, counts); })) return;
  for (std::uint32_t i = 0; i < counts.servos; ++i) {
    if (!reading.next(kServos, [&](auto& io) { servo_fields(io, bus.joints.emplace_back()); })) return;
  }
  for (std::uint32_t i = 0; i < counts.settings; ++i) {
    if (!reading.next(kSettings, [&](auto& io) { setting_fields(io, bus.settings.emplace_back()); })) return;
  }
  for (std::uint32_t i = 0; i < counts.traits; ++i) {
    BusTrait trait;
    if (!reading.next(kTraits, [&](auto& io) { trait_fields(io, trait); })) return;
    if (!bus.traits.emplace(trait.name, trait.value).second) reading.fail(FileProblem::bad_value);
  }
}

}  // namespace

Payloads write_records(const RobotConfig& config) {
  TextWriter texts;
  std::vector<RecordWriter> io(kPlaces, RecordWriter(texts));
  const bool guarded = config.control.guard.n_joints > 0;
  robot_fields(io[kRobot], config, guarded);
  for (std::size_t j = 0; j < config.joints.size(); ++j) joint_fields(io[kJoints], config, j);
  for (const BusConfig& bus : config.buses) {
    const auto count = [](const auto& list) { return static_cast<std::uint32_t>(list.size()); };
    const BusCounts counts{count(bus.joints), count(bus.settings), count(bus.traits)};
    bus_fields(io[kBuses], bus, counts);
    for (const ServoJoint& servo : bus.joints) servo_fields(io[kServos], servo);
    for (const ServoSetting& setting : bus.settings) setting_fields(io[kSettings], setting);
    for (const auto& [name, value] : bus.traits) {
      const BusTrait trait{name, value};
      trait_fields(io[kTraits], trait);
    }
  }
  for (std::size_t i = 0; i < config.policy.latency_s.size(); ++i)
    latency_fields(io[kLatencies], config.policy, i);
  for (const RobotCamera& camera : config.cameras) camera_fields(io[kCameras], camera);
  Payloads bytes;
  for (std::size_t i = 0; i < kText; ++i) bytes[i] = io[i].bytes();
  bytes[kText] = texts.bytes();
  return bytes;
}

/// Measured on a robot that has one of everything.
const std::array<std::uint32_t, kPlaces>& record_sizes() {
  static const auto sizes = [] {
    RobotConfig one;
    one.joints.resize(1);
    one.cameras.resize(1);
    one.policy.latency_s = one.policy.latency_weight = {0.0};
    BusConfig& bus = one.buses.emplace_back();
    bus.joints.resize(1);
    bus.settings.resize(1);
    bus.traits[""] = 0;
    std::array<std::uint32_t, kPlaces> found{};
    const Payloads bytes = write_records(one);
    for (std::size_t i = 0; i < kText; ++i) found[i] = static_cast<std::uint32_t>(bytes[i].size());
    found[kText] = 1;
    return found;
  }();
  return sizes;
}

FileProblem read_records(const Sections& sections, RobotConfig& config) {
  TextReader texts;
  const FileProblem texts_read = texts.read(sections[kText].bytes);
  if (texts_read != FileProblem::none) return texts_read;
  Reading reading(sections, texts);
  bool guarded = false;
  reading.next(kRobot, [&](auto& io) { robot_fields(io, config, guarded); });
  config.joints.resize(reading.count(kJoints));
  for (std::size_t j = 0; j < config.joints.size(); ++j)
    reading.next(kJoints, [&](auto& io) { joint_fields(io, config, j); });
  if (sections[kJoints].record_size == kKinds[kJoints].first_size)
    for (RobotJoint& joint : config.joints) set_masks_by_name(joint);
  for (std::size_t i = 0; i < reading.count(kBuses); ++i) read_bus(reading, config.buses.emplace_back());
  config.policy.latency_s.resize(reading.count(kLatencies));
  config.policy.latency_weight.resize(reading.count(kLatencies));
  for (std::size_t i = 0; i < reading.count(kLatencies); ++i)
    reading.next(kLatencies, [&](auto& io) { latency_fields(io, config.policy, i); });
  for (std::size_t i = 0; i < reading.count(kCameras); ++i)
    reading.next(kCameras, [&](auto& io) { camera_fields(io, config.cameras.emplace_back()); });
  set_joint_count(config, guarded);
  return reading.end();
}

}  // namespace motorium
