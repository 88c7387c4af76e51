#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "arm.hpp"
#include "random.hpp"
#include "runtime/control_core.hpp"

/// Asks the core for something before most ticks; what, depends on its mood and on what it sees.
class Caller {
 public:
  Caller(motorium::ControlCore& core, Random& random) : core_(core), random_(random) {}

  Mood mood() const { return mood_; }

  void ask(std::int64_t now_ns) {
    seen_ = core_.snapshot();
    if (--left_ <= 0) change_mood();
    recover();
    if (random_.chance(0.0005)) core_.lose_supervisor();
    switch (mood_) {
      case Mood::slew:
        if (random_.chance(0.02)) move();
        if (random_.chance(0.004)) core_.cancel_move(ticket_);
        if (random_.chance(0.003)) core_.hold();
        if (random_.chance(0.003)) core_.park();
        break;
      case Mood::stream:
        stream();
        break;
      case Mood::chaos:
        anything(now_ns);
        break;
      case Mood::quiet:
        break;
      case Mood::silent:
        if (++silent_ == 10) core_.hold(motorium::Reason::bus_errors);
        if (silent_ == 40) core_.fault(motorium::Reason::bus_errors);
        break;
      default:
        if (random_.chance(0.15)) push(now_ns);
        if (random_.chance(0.01)) move();
        if (random_.chance(0.002)) push_ahead(now_ns);
    }
  }

  /// As the control thread does where servos refuse.
  void see(const motorium::TickResult& result) {
    if (result.torque == motorium::TorqueRequest::on && random_.chance(0.05))
      core_.torque_refused(motorium::Reason::bus_errors);
  }

 private:
  void change_mood() {
    if (mood_ == Mood::silent && seen_.reason == motorium::Reason::bus_errors) core_.hold();
    mood_ = static_cast<Mood>(random_.below(kMoods));
    left_ = 20 + static_cast<int>(random_.below(150));
    silent_ = 0;
    epoch_ = seen_.epoch;
  }

  void recover() {
    using motorium::Mode;
    if (seen_.unsupervised && random_.chance(0.02)) core_.reconnected();
    if (seen_.mode == Mode::fault && seen_.torque && random_.chance(0.04)) core_.park();
    if (seen_.mode == Mode::fault && seen_.torque && random_.chance(0.02)) core_.release();
    if (seen_.torque || !random_.chance(0.05)) return;
    if (seen_.estop) core_.reset_estop();
    if (seen_.jumped != 0) core_.accept_position();
    core_.enable();
  }

  void move() {
    motorium::PerJoint<float> target{};
    for (std::uint32_t j = 0; j < core_.joints(); ++j) {
      const mtr_joint_limits& limits = core_.config().limits.joint[j];
      target[j] = random_.real(1.1 * static_cast<double>(limits.lower_rad),
                               1.1 * static_cast<double>(limits.upper_rad));
    }
    if (random_.chance(0.02)) target[0] = std::numeric_limits<float>::quiet_NaN();
    core_.move_to(target, random_.chance(0.02) ? 0.0f : random_.real(0.05, 1.0), ++ticket_);
  }

  void stream() {
    if (random_.chance(0.02)) return;  // one reading of the leader is too old
    if (random_.chance(0.02)) epoch_ = seen_.epoch;
    motorium::PerJoint<float> goal = seen_.setpoint_rad;
    const double step = random_.chance(0.01) ? 3.0 : 0.05;
    for (std::uint32_t j = 0; j < core_.joints(); ++j) goal[j] += random_.real(-step, step);
    core_.stream(goal, epoch_);
  }

  void anything(std::int64_t now_ns) {
    using motorium::Reason;
    if (random_.chance(0.01)) core_.hold();
    if (random_.chance(0.01)) core_.park();
    if (random_.chance(0.004)) core_.release();
    if (random_.chance(0.01)) core_.enable();
    if (random_.chance(0.004)) core_.estop();
    if (random_.chance(0.01)) core_.reset_estop();
    if (random_.chance(0.01)) core_.accept_position();
    if (random_.chance(0.001)) core_.fault(Reason::bus_closed);
    if (random_.chance(0.001)) core_.fault(Reason::frozen);
    if (random_.chance(0.001)) core_.reconnected();
    if (random_.chance(0.001)) core_.lose_supervisor();
    if (random_.chance(0.002)) core_.hold(Reason::bus_errors);
    if (random_.chance(0.02)) move();
    if (random_.chance(0.01)) core_.cancel_move(random_.chance(0.5) ? ticket_ : ticket_ - 1);
    if (random_.chance(0.05)) push(now_ns);
    if (random_.chance(0.05)) push_bad(now_ns);
    if (random_.chance(0.05)) stream();
  }

  /// Rows that go on from the committed ones, as a policy's do; late, far or long at times.
  void push(std::int64_t now_ns) {
    constexpr std::int64_t kSteps[] = {10'000'000, 20'000'000, 33'333'333, 50'000'000, 100'000};
    const std::uint32_t n = core_.joints(), rows = 2 + random_.below(40), step = random_.below(41);
    const std::int64_t dt_ns = kSteps[step / 10];
    const std::int64_t t0_ns = now_ns - random_.ms(0, random_.chance(0.1) ? 400 : 60);
    const std::uint32_t delay = std::min<std::uint32_t>(random_.below(10), rows);
    rows_.assign(std::size_t{rows} * n, 0.0f);
    core_.committed(t0_ns, dt_ns, rows, rows_);
    const double off = random_.chance(0.1) ? 1.2 : random_.chance(0.2) ? 0.2 : 0.0;
    for (std::uint32_t j = 0; j < n; ++j) {
      const float shift = random_.real(-off, off);
      float speed = random_.real(-0.03, 0.03), value = rows_[j];
      for (std::uint32_t i = 0; i < rows; ++i) {
        speed += random_.real(-0.005, 0.005);
        float& row = rows_[std::size_t{i} * n + j];
        value = i < delay ? row : value + speed;
        row = i < delay ? row : value + shift;
      }
    }
    core_.push_chunk({rows_, rows, t0_ns, dt_ns, delay, random_.chance(0.15)}, now_ns);
  }

  /// More plan than there is room for.
  void push_ahead(std::int64_t now_ns) {
    constexpr std::uint32_t kRows = 200;
    constexpr std::int64_t kStepNs = 10'000'000;
    for (int i = 0; i < 3; ++i) {
      rows_.assign(std::size_t{kRows} * core_.joints(), random_.real(-0.2, 0.2));
      core_.push_chunk({rows_, kRows, now_ns + i * kRows * kStepNs, kStepNs, 1, false}, now_ns);
    }
  }

  void push_bad(std::int64_t now_ns) {
    const std::uint32_t n = core_.joints(), rows = 1 + random_.below(8);
    rows_.assign(std::size_t{rows} * n, 0.1f);
    motorium::ChunkView chunk{rows_, rows, now_ns, 20'000'000, 0, false};
    switch (random_.below(8)) {
      case 0:
        rows_[random_.below(n)] = std::numeric_limits<float>::quiet_NaN();
        break;
      case 1:
        rows_[0] = 90.0f;
        break;
      case 2:
        chunk.dt_ns = 10;
        break;
      case 3:
        chunk.delay = rows + 1;
        break;
      case 4:
        chunk.t0_ns += 20'000'000'000;
        break;
      case 5:
        chunk.t0_ns -= 10'000'000'000;
        break;
      case 6:
        chunk.t0_ns -= 4'000'000'000'000;
        break;
      default:
        chunk.rows = 0;
    }
    core_.push_chunk(chunk, now_ns);
  }

  motorium::ControlCore& core_;
  Random& random_;
  motorium::CoreSnapshot seen_{};
  Mood mood_ = Mood::quiet;
  int left_ = 10, silent_ = 0;
  std::uint64_t ticket_ = 0, epoch_ = 0;
  std::vector<float> rows_;
};
