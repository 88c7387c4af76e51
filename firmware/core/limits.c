#include "core/limits.h"

#include <math.h>

/* Tests the bits, because -ffast-math in a firmware build folds isfinite() to true. */
static bool is_finite(float value) {
  union {
    float f;
    uint32_t bits;
  } pun = {.f = value};
  return (pun.bits & 0x7F800000u) != 0x7F800000u;
}

static bool is_angle(float value) { return is_finite(value) && fabsf(value) <= MTR_MAX_ANGLE_RAD; }

static bool is_within(float value, float least, float most) {
  return is_finite(value) && value >= least && value <= most;
}

static float clamp(float value, float least, float most) {
  return value < least ? least : value > most ? most : value;
}

static bool joint_ok(const mtr_joint_limits* joint) {
  return is_angle(joint->lower_rad) && is_angle(joint->upper_rad) && joint->lower_rad < joint->upper_rad &&
         is_within(joint->max_velocity_rad_s, 1e-6f, 1e4f) &&
         is_within(joint->max_acceleration_rad_s2, 1e-4f, 1e7f) && is_within(joint->max_effort, 1e-6f, 1.0f);
}

bool mtr_limits_config_ok(const mtr_limits_config* config) {
  if (config->n_joints < 1 || config->n_joints > MTR_MAX_JOINTS || config->trip_after < 1) return false;
  if (config->max_state_age_ns < 1 || config->max_command_age_ns < 1) return false;
  if (!is_within(config->dt_s, 1e-5f, 1.0f)) return false;
  for (uint32_t j = 0; j < config->n_joints; ++j) {
    if (!joint_ok(&config->joint[j])) return false;
  }
  return true;
}

bool mtr_limits_arm(const mtr_limits_config* config, mtr_limits_state* state, const float* measured_rad) {
  state->armed = false;
  if (state->tripped || !mtr_limits_config_ok(config)) return false;
  for (uint32_t j = 0; j < config->n_joints; ++j) {
    if (!is_angle(measured_rad[j])) return false;
  }
  for (uint32_t j = 0; j < config->n_joints; ++j) {
    state->goal_rad[j] = (double)measured_rad[j];
    state->velocity_rad_s[j] = 0.0f;
  }
  state->armed = true;
  state->has_goal = true;
  state->refusals_in_a_row = 0;
  state->last_causes = 0;
  return true;
}

void mtr_limits_reset(mtr_limits_state* state) {
  state->armed = false;
  state->tripped = false;
  state->refusals_in_a_row = 0;
}

/* Without signed overflow; a stamp from the future is as wrong as an old one. */
static bool is_stale(int64_t now_ns, int64_t t_ns, int64_t max_age_ns) {
  const uint64_t distance =
      now_ns >= t_ns ? (uint64_t)now_ns - (uint64_t)t_ns : (uint64_t)t_ns - (uint64_t)now_ns;
  return distance > (uint64_t)max_age_ns;
}

static uint32_t refusal_causes(const mtr_limits_config* config, const mtr_limits_state* state,
                               const mtr_limits_input* input) {
  if (!state->armed) return MTR_CAUSE_NOT_ARMED;
  uint32_t causes = 0;
  if (is_stale(input->now_ns, input->state_t_ns, config->max_state_age_ns)) causes |= MTR_CAUSE_STALE_STATE;
  if (is_stale(input->now_ns, input->command_t_ns, config->max_command_age_ns))
    causes |= MTR_CAUSE_STALE_COMMAND;
  for (uint32_t j = 0; j < config->n_joints; ++j) {
    if (!is_finite(input->goal_rad[j]) || !is_finite(input->measured_rad[j]) ||
        !is_finite(input->effort[j])) {
      causes |= MTR_CAUSE_NOT_FINITE;
    }
  }
  return causes;
}

static void hold(const mtr_limits_config* config, mtr_limits_state* state, const float* measured_rad,
                 float* out) {
  const uint32_t n = config->n_joints <= MTR_MAX_JOINTS ? config->n_joints : MTR_MAX_JOINTS;
  for (uint32_t j = 0; j < n; ++j) {
    const mtr_joint_limits* limits = &config->joint[j];
    const float measured = is_finite(measured_rad[j]) ? measured_rad[j] : 0.0f;
    state->velocity_rad_s[j] = 0.0f;
    out[j] =
        state->has_goal ? (float)state->goal_rad[j] : clamp(measured, limits->lower_rad, limits->upper_rad);
  }
}

static mtr_verdict refuse(const mtr_limits_config* config, mtr_limits_state* state, uint32_t causes) {
  if (!state->tripped) state->last_causes = causes; /* keep what tripped it readable */
  state->counters.refused += 1;
  if (causes != MTR_CAUSE_NOT_ARMED && !state->tripped) {
    state->refusals_in_a_row += 1;
    if (state->refusals_in_a_row >= config->trip_after) {
      state->tripped = true;
      state->counters.trips += 1;
    }
  }
  return state->tripped ? MTR_TRIPPED : MTR_REFUSED;
}

/* The fastest speed from which steps that shrink by max_acceleration * dt each tick still end at `distance`.
 * In units of a*dt (speed) and a*dt^2 (distance): n steps with a fractional last one f cover n*f + n*(n-1)/2.
 */
static float approach_speed(float distance_rad, float acceleration_rad_s2, float dt_s) {
  const float distance = distance_rad / (acceleration_rad_s2 * dt_s * dt_s);
  const float n = fmaxf(1.0f, ceilf(0.5f * (sqrtf(1.0f + 8.0f * distance) - 1.0f)));
  const float f = (distance - 0.5f * n * (n - 1.0f)) / n;
  return (n - 1.0f + f) * acceleration_rad_s2 * dt_s;
}

/* While the effort is too high, the goal may relax but not move further away. Both the sign of the load
 * and the side of the goal forbid a direction, so a servo that reports its load with the wrong sign is
 * covered. */
static double limit_effort(double next, double goal, double measured, float effort) {
  if (effort > 0.0f || goal > measured) next = fmin(next, fmax(goal, measured));
  if (effort < 0.0f || goal < measured) next = fmax(next, fmin(goal, measured));
  return next;
}

typedef struct {
  float target, measured, effort;
} joint_input;

static uint32_t step_joint(const mtr_joint_limits* limits, float dt, joint_input in, double* goal,
                           float* velocity) {
  uint32_t causes = 0;
  const float error = (float)((double)in.target - *goal);
  const float direction = error < 0.0f ? -1.0f : 1.0f;
  const float slew = limits->max_acceleration_rad_s2 * dt;
  float wanted = direction * approach_speed(fabsf(error), limits->max_acceleration_rad_s2, dt);
  if (fabsf(wanted) > limits->max_velocity_rad_s) {
    wanted = direction * limits->max_velocity_rad_s;
    causes |= MTR_CAUSE_VELOCITY;
  }
  float speed = clamp(wanted, *velocity - slew, *velocity + slew);
  if (fabsf(speed - wanted) > 1e-3f * slew) {
    causes |= MTR_CAUSE_ACCELERATION;
  } else {
    speed = wanted; /* rounding of the profile itself, not a limit */
  }
  double next = *goal + (double)(speed * dt);
  const bool arrives = fabs((double)in.target - next) <= (double)(1e-3f * slew * dt);
  if (arrives && fabsf(error) <= limits->max_velocity_rad_s * dt) next = (double)in.target;
  if (fabsf(in.effort) > limits->max_effort) {
    const double relaxed = limit_effort(next, *goal, (double)in.measured, in.effort);
    if (fabs(relaxed - next) > 0.0) {
      causes |= MTR_CAUSE_EFFORT;
      speed = 0.0f;
      next = relaxed;
    }
  }
  /* The profile ends inside the limits except for rounding; this clamp guarantees it. */
  next = fmin(fmax(next, fmin((double)limits->lower_rad, *goal)), fmax((double)limits->upper_rad, *goal));
  *velocity = speed;
  *goal = next;
  return causes;
}

static void count(mtr_limits_counters* counters, uint32_t causes) {
  counters->clamped += causes != 0;
  counters->clamped_position += (causes & MTR_CAUSE_POSITION) != 0;
  counters->clamped_velocity += (causes & MTR_CAUSE_VELOCITY) != 0;
  counters->clamped_acceleration += (causes & MTR_CAUSE_ACCELERATION) != 0;
  counters->clamped_effort += (causes & MTR_CAUSE_EFFORT) != 0;
}

mtr_verdict mtr_limits_apply(const mtr_limits_config* config, mtr_limits_state* state,
                             const mtr_limits_input* input, float* out_goal_rad) {
  const uint32_t refusal = refusal_causes(config, state, input);
  if (refusal != 0 || state->tripped) {
    hold(config, state, input->measured_rad, out_goal_rad);
    return refuse(config, state, refusal);
  }
  uint32_t causes = 0;
  for (uint32_t j = 0; j < config->n_joints; ++j) {
    const mtr_joint_limits* limits = &config->joint[j];
    const float request = input->goal_rad[j];
    if (request < limits->lower_rad || request > limits->upper_rad) causes |= MTR_CAUSE_POSITION;
    const joint_input in = {clamp(request, limits->lower_rad, limits->upper_rad), input->measured_rad[j],
                            input->effort[j]};
    causes |= step_joint(limits, config->dt_s, in, &state->goal_rad[j], &state->velocity_rad_s[j]);
    out_goal_rad[j] = (float)state->goal_rad[j];
  }
  state->refusals_in_a_row = 0;
  state->last_causes = causes;
  count(&state->counters, causes);
  return causes != 0 ? MTR_CLAMPED : MTR_PASS;
}
