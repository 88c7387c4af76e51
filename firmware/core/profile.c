#include "core/profile.h"

#include <math.h>

/* Compares with bounds, because -ffast-math folds isfinite() to true. */
static bool is_usable(double value) { return value >= -1e12 && value <= 1e12; }

static bool is_bound(double value) { return value >= 1e-9 && value <= 1e12; }

bool mtr_profile_limits_ok(const mtr_profile_limits* limits) {
  return is_bound(limits->max_velocity) && is_bound(limits->max_acceleration) && is_bound(limits->max_jerk);
}

static mtr_motion after(mtr_motion from, double jerk, double t) {
  mtr_motion to;
  to.position = from.position + t * (from.velocity + t * (from.acceleration / 2.0 + t * jerk / 6.0));
  to.velocity = from.velocity + t * (from.acceleration + t * jerk / 2.0);
  to.acceleration = from.acceleration + t * jerk;
  return to;
}

static void add(mtr_profile* profile, double duration_s, double jerk) {
  if (!(duration_s > 0.0)) return;
  profile->phase[profile->count].duration_s = duration_s;
  profile->phase[profile->count].jerk = jerk;
  profile->count += 1;
  profile->duration_s += duration_s;
}

/* Adds the phases that bring `from` to rest. Reducing the acceleration to zero at once would leave a speed
 * v + a|a|/(2j), whose sign is the direction to brake in. Braking peaks at sqrt(j v + a^2/2), capped by the
 * bound. */
static void add_stop(const mtr_profile_limits* limits, mtr_motion from, mtr_profile* profile) {
  const double j = limits->max_jerk;
  const double left = from.velocity + from.acceleration * fabs(from.acceleration) / (2.0 * j);
  const double sign = left < 0.0 ? -1.0 : 1.0;
  const double v = sign * from.velocity, a = sign * from.acceleration;
  const double wanted = sqrt(fmax(0.0, j * v + a * a / 2.0));
  const double peak = fmin(wanted, limits->max_acceleration);
  const double to_peak = (a + peak) / j;
  const double ramp = to_peak < 0.0 ? j : -j; /* upwards when it already brakes beyond the bound */
  const double speed = v + (peak * peak - a * a) / (2.0 * ramp); /* at the peak */
  add(profile, fabs(to_peak), sign * ramp);
  if (wanted > peak) add(profile, (speed - peak * peak / (2.0 * j)) / peak, 0.0);
  add(profile, peak / j, sign * j);
}

static void add_travel(const mtr_profile_limits* limits, double distance, mtr_profile* profile) {
  const double d = fabs(distance), j = distance < 0.0 ? -limits->max_jerk : limits->max_jerk;
  const double v = limits->max_velocity, a = limits->max_acceleration, jerk = limits->max_jerk;
  const double jerk_s = fmin(fmin(cbrt(d / (2.0 * jerk)), sqrt(v / jerk)), a / jerk);
  double flat_s = 0.0; /* at the acceleration bound */
  if (jerk_s >= a / jerk) {
    flat_s = fmin(0.5 * (sqrt(jerk_s * jerk_s + 4.0 * d / a) - 3.0 * jerk_s), v / a - jerk_s);
    flat_s = fmax(0.0, flat_s);
  }
  const double speed = jerk * jerk_s * (jerk_s + flat_s);
  const double cruise_s = speed > 0.0 ? d / speed - (2.0 * jerk_s + flat_s) : 0.0;
  add(profile, jerk_s, j);
  add(profile, flat_s, 0.0);
  add(profile, jerk_s, -j);
  add(profile, cruise_s, 0.0);
  add(profile, jerk_s, -j);
  add(profile, flat_s, 0.0);
  add(profile, jerk_s, j);
}

static mtr_motion end_of(const mtr_profile* profile) {
  mtr_motion motion = profile->start;
  for (uint32_t i = 0; i < profile->count; ++i)
    motion = after(motion, profile->phase[i].jerk, profile->phase[i].duration_s);
  return motion;
}

static bool is_motion(mtr_motion m) {
  return is_usable(m.position) && is_usable(m.velocity) && is_usable(m.acceleration);
}

double mtr_profile_stopping_distance(const mtr_profile_limits* limits, mtr_motion from) {
  mtr_profile profile = {.start = from};
  if (!mtr_profile_limits_ok(limits) || !is_motion(from)) return 0.0;
  add_stop(limits, from, &profile);
  return end_of(&profile).position - from.position;
}

bool mtr_profile_plan(const mtr_profile_limits* limits, mtr_motion from, double target,
                      mtr_profile* profile) {
  profile->start = (mtr_motion){target, 0.0, 0.0};
  profile->target = target;
  profile->duration_s = 0.0;
  profile->count = 0;
  if (!mtr_profile_limits_ok(limits) || !is_motion(from) || !is_usable(target)) return false;
  profile->start = from;
  add_stop(limits, from, profile);
  add_travel(limits, target - end_of(profile).position, profile);
  return true;
}

mtr_motion mtr_profile_at(const mtr_profile* profile, double t_s) {
  if (t_s >= profile->duration_s) return (mtr_motion){profile->target, 0.0, 0.0};
  mtr_motion motion = profile->start;
  if (!(t_s > 0.0)) return motion;
  for (uint32_t i = 0; i < profile->count; ++i) {
    const mtr_profile_phase* phase = &profile->phase[i];
    if (t_s <= phase->duration_s) return after(motion, phase->jerk, t_s);
    motion = after(motion, phase->jerk, phase->duration_s);
    t_s -= phase->duration_s;
  }
  return motion;
}
