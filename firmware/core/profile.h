/* Motion from any state to rest at a target with bounded jerk, for one axis.
 *
 * Portable C11, no allocation, no state outside the profile. The same source file is linked by
 * microcontroller firmware, by the C++ control thread and by the Python tests.
 *
 * A profile is a sequence of phases of constant jerk: first the axis comes to rest as fast as the bounds
 * allow, then it travels the remaining distance from rest to rest. Position, velocity and acceleration are
 * continuous, and jerk never exceeds its bound. Acceleration exceeds its bound only if it did at the start,
 * and then only decreases; velocity exceeds its bound only if the start did, or still accelerated. From rest
 * the axis never overshoots; in motion it overshoots by no more than the distance it needs to stop.
 *
 * Rest to rest: Biagiotti and Melchiorri, "Trajectory Planning for Automatic Machines and Robots", section
 * 3.4.
 */
#ifndef MTR_PROFILE_H
#define MTR_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MTR_PROFILE_PHASES 10

typedef struct {
  double max_velocity, max_acceleration, max_jerk; /* units per s, s^2, s^3; each positive and finite */
} mtr_profile_limits;

typedef struct {
  double position, velocity, acceleration;
} mtr_motion;

typedef struct {
  double duration_s, jerk;
} mtr_profile_phase;

typedef struct {
  mtr_motion start;
  double target;
  double duration_s; /* until it rests at the target */
  uint32_t count;
  mtr_profile_phase phase[MTR_PROFILE_PHASES];
} mtr_profile;

/* False when a bound is not positive or not finite. */
bool mtr_profile_limits_ok(const mtr_profile_limits* limits);

/* Signed distance that an axis still moves when it comes to rest as fast as the bounds allow. */
double mtr_profile_stopping_distance(const mtr_profile_limits* limits, mtr_motion from);

/* Plans a motion from `from` to rest at `target`. False, and a profile that stays at `target`, when anything
 * is not finite or a bound is invalid. */
bool mtr_profile_plan(const mtr_profile_limits* limits, mtr_motion from, double target, mtr_profile* profile);

/* Motion at `t_s` after the start; before that, the start; after the end, rest at the target. */
mtr_motion mtr_profile_at(const mtr_profile* profile, double t_s);

#ifdef __cplusplus
}
#endif

#endif
