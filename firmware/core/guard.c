#include "core/guard.h"

#include <math.h>
#include <string.h>

#define MTR_GUARD_YIELD_S 0.15f    /* time constant of a yielding goal */
#define MTR_GUARD_DEBOUNCE_S 0.5f  /* one bad reading must not stop an arm */
#define MTR_GUARD_LEAST_SHARE 0.3f /* of the efforts, at the highest temperature allowed */
#define MTR_GUARD_BEAR_SHARE 0.9f  /* of the overload effort: what an overloaded joint keeps carrying */
#define MTR_GUARD_MOST_HASTE 4.0f  /* however far away the goal is */

/* NaN compares false, infinities lie outside. */
static bool is_usual(float value) { return value >= -MTR_MAX_ANGLE_RAD && value <= MTR_MAX_ANGLE_RAD; }

static bool rises(float first, float second) { return first <= second || second <= 0.0f; }

static bool joint_ok(const mtr_guard_joint* j) {
  const float values[] = {j->stall_effort, j->stall_error_rad, j->stall_velocity_rad_s,
                          j->stall_time_s, j->overload_effort, j->hold_effort,
                          j->warn_c,       j->derate_c,        j->stop_c,
                          j->warn_v,       j->min_v,           j->max_v};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i) {
    if (!is_usual(values[i]) || values[i] < 0.0f) return false;
  }
  if (!rises(j->warn_c, j->derate_c) || !rises(j->derate_c, j->stop_c) || !rises(j->min_v, j->max_v))
    return false;
  const bool off = j->stall_time_s <= 0.0f;
  return off ||
         (j->stall_effort > 0.0f && j->stall_error_rad > 0.0f && j->overload_effort >= j->stall_effort &&
          j->hold_effort > 0.0f && j->hold_effort < j->overload_effort);
}

bool mtr_guard_config_ok(const mtr_guard_config* config) {
  if (config->n_joints > MTR_MAX_JOINTS || !(config->dt_s > 0.0f) || !(config->dt_s <= 1.0f)) return false;
  for (uint32_t j = 0; j < config->n_joints; ++j) {
    if (!joint_ok(&config->joint[j])) return false;
  }
  return true;
}

void mtr_guard_clear(mtr_guard_state* state) {
  const mtr_guard_counters counters = state->counters;
  memset(state, 0, sizeof *state);
  state->counters = counters;
}

/* Remaining fraction of the efforts at this temperature; 1 when cool. */
static float derating(const mtr_guard_joint* limits, float celsius) {
  if (limits->derate_c <= 0.0f || limits->stop_c <= limits->derate_c || celsius <= limits->derate_c)
    return 1.0f;
  const float hot = fminf(1.0f, (celsius - limits->derate_c) / (limits->stop_c - limits->derate_c));
  return 1.0f - (1.0f - MTR_GUARD_LEAST_SHARE) * hot;
}

static uint8_t care_bits(const mtr_guard_joint* limits, float celsius, float volts) {
  uint8_t bits = 0;
  if (limits->warn_c > 0.0f && celsius >= limits->warn_c) bits |= MTR_GUARD_WARM;
  if (limits->derate_c > 0.0f && celsius > limits->derate_c) bits |= MTR_GUARD_DERATED;
  if (limits->stop_c > 0.0f && celsius >= limits->stop_c) bits |= MTR_GUARD_HOT;
  if (volts > 0.0f) {
    if (limits->warn_v > 0.0f && volts < limits->warn_v) bits |= MTR_GUARD_LOW_SUPPLY;
    if (limits->min_v > 0.0f && volts < limits->min_v) bits |= MTR_GUARD_BAD_SUPPLY;
    if (limits->max_v > 0.0f && volts > limits->max_v) bits |= MTR_GUARD_BAD_SUPPLY;
  }
  return bits;
}

/* How fast a joint uses up its stall time: 1 exactly at its thresholds, 0 when it is fine. */
static float haste(const mtr_guard_joint* limits, float fraction, float load, float error, float speed) {
  if (load >= limits->overload_effort * fraction) return load / (limits->overload_effort * fraction);
  const bool stands = speed <= limits->stall_velocity_rad_s;
  if (!stands || load < limits->stall_effort * fraction || error < limits->stall_error_rad) return 0.0f;
  return load / (limits->stall_effort * fraction) *
         fminf(error / limits->stall_error_rad, MTR_GUARD_MOST_HASTE);
}

static void back_off(const mtr_guard_joint* limits, mtr_guard_state* state, uint32_t j, float dt_s,
                     float load, float fraction, float measured, float* goal) {
  const float lead = (*goal - measured) * state->ahead[j];
  const bool stalled = (state->bits[j] & MTR_GUARD_STALLED) != 0;
  const float hold = stalled ? limits->hold_effort : MTR_GUARD_BEAR_SHARE * limits->overload_effort;
  const bool light = load <= hold * fraction;
  if (lead <= state->slack_rad[j] && light) {
    state->ahead[j] = 0.0f;
    state->exertion_s[j] = 0.0f;
    return;
  }
  if (!light) state->slack_rad[j] -= state->slack_rad[j] * fminf(1.0f, dt_s / MTR_GUARD_YIELD_S);
  if (lead > state->slack_rad[j]) *goal = measured + state->ahead[j] * state->slack_rad[j];
}

static void step_joint(const mtr_guard_config* config, mtr_guard_state* state, const mtr_guard_reading* in,
                       uint32_t j, float* goal) {
  const mtr_guard_joint* limits = &config->joint[j];
  const uint8_t before = state->bits[j] & (MTR_GUARD_STALLED | MTR_GUARD_OVERLOADED);
  state->bits[j] = care_bits(limits, in->temperature_c[j], in->voltage_v[j]);
  const bool bad = (state->bits[j] & (MTR_GUARD_HOT | MTR_GUARD_BAD_SUPPLY)) != 0;
  state->bad_s[j] = bad ? state->bad_s[j] + config->dt_s : 0.0f;
  const float error = *goal - in->measured_rad[j];
  if (limits->stall_time_s <= 0.0f || !is_usual(error) || !is_usual(in->effort[j])) return;
  const float load = fabsf(in->effort[j]);
  const float fraction = derating(limits, in->temperature_c[j]);
  const float rate = haste(limits, fraction, load, fabsf(error), fabsf(in->velocity_rad_s[j]));
  const float used = state->exertion_s[j] + config->dt_s * (rate > 0.0f ? rate : -1.0f);
  state->exertion_s[j] = fminf(fmaxf(used, 0.0f), limits->stall_time_s);
  const bool backing = state->ahead[j] > 0.0f || state->ahead[j] < 0.0f;
  if (!backing && used >= limits->stall_time_s) {
    state->ahead[j] = error < 0.0f ? -1.0f : 1.0f;
    state->slack_rad[j] = fabsf(error);
    state->counters.back_offs += 1;
    const bool stands = fabsf(in->velocity_rad_s[j]) <= limits->stall_velocity_rad_s;
    const bool stalled = stands && fabsf(error) >= limits->stall_error_rad;
    state->bits[j] |= stalled ? MTR_GUARD_STALLED : MTR_GUARD_OVERLOADED;
  } else if (backing) {
    state->bits[j] |= before;
  }
  if (backing || used >= limits->stall_time_s) {
    back_off(limits, state, j, config->dt_s, load, fraction, in->measured_rad[j], goal);
  }
}

mtr_guard_verdict mtr_guard_step(const mtr_guard_config* config, mtr_guard_state* state,
                                 const mtr_guard_reading* reading, float* goal_rad) {
  mtr_guard_verdict verdict = MTR_GUARD_OK;
  const uint8_t acts = MTR_GUARD_STALLED | MTR_GUARD_OVERLOADED | MTR_GUARD_DERATED;
  for (uint32_t j = 0; j < config->n_joints; ++j) {
    step_joint(config, state, reading, j, &goal_rad[j]);
    mtr_guard_verdict own = state->bits[j] != 0 ? MTR_GUARD_WARN : MTR_GUARD_OK;
    if ((state->bits[j] & acts) != 0) own = MTR_GUARD_ACT;
    if (state->bad_s[j] >= MTR_GUARD_DEBOUNCE_S) own = MTR_GUARD_STOP;
    if (own > verdict) verdict = own;
  }
  state->counters.stops += verdict == MTR_GUARD_STOP;
  return verdict;
}
