/* The safety gate: the one function between any command and a servo bus.
 *
 * Portable C11, no allocation, no floating-point environment, no global state. The same source file is linked
 * by microcontroller firmware, by the C++ control thread and by the Python tests.
 *
 * A goal that passes is always finite, inside the position limits and no faster than the velocity limit. It
 * moves with bounded acceleration and brakes in time, so it never overshoots a stationary goal. The
 * price is a following distance: it stays v^2/(2a) behind a goal that moves at v, as a driver does.
 * Three things stop it at once rather than at the bounded deceleration: a refusal, an effort clamp, and the
 * end of the position range.
 */
#ifndef MTR_LIMITS_H
#define MTR_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MTR_MAX_JOINTS 32
/* A larger position is meaningless, and float32 could not resolve a servo tick there. */
#define MTR_MAX_ANGLE_RAD 1.0e4f

typedef enum {
  MTR_PASS = 0,    /* no limit was active: the goal itself, or the approach to it at the following distance */
  MTR_CLAMPED = 1, /* at least one joint was held back by a limit, named in last_causes */
  MTR_REFUSED = 2, /* the goal was not usable: the last good goal is held */
  MTR_TRIPPED = 3 /* refused too often in a row: latched until mtr_limits_reset, the last good goal is held */
} mtr_verdict;

/* Why a goal was clamped or refused; bits, or-ed over the joints. */
enum {
  MTR_CAUSE_POSITION = 1u << 0,
  MTR_CAUSE_VELOCITY = 1u << 1,
  MTR_CAUSE_ACCELERATION = 1u << 2,
  MTR_CAUSE_EFFORT = 1u << 3,
  MTR_CAUSE_STALE_STATE = 1u << 4,
  MTR_CAUSE_STALE_COMMAND = 1u << 5,
  MTR_CAUSE_NOT_FINITE = 1u << 6,
  MTR_CAUSE_NOT_ARMED = 1u << 7
};

typedef struct {
  float lower_rad;
  float upper_rad;
  float max_velocity_rad_s;
  float max_acceleration_rad_s2;
  /* Fraction of stall torque, 0..1; above it the goal may not move further from the measured position. */
  float max_effort;
} mtr_joint_limits;

typedef struct {
  uint32_t n_joints;
  float dt_s; /* nominal tick; one call moves the goal by at most max_velocity * dt_s, however late */
  int64_t max_state_age_ns;   /* joint state further than this from now, past or future: refuse */
  int64_t max_command_age_ns; /* command further than this from now, past or future: refuse */
  uint32_t trip_after;        /* consecutive refusals that trip */
  mtr_joint_limits joint[MTR_MAX_JOINTS];
} mtr_limits_config;

typedef struct {
  uint64_t clamped_position, clamped_velocity, clamped_acceleration, clamped_effort;
  uint64_t clamped; /* ticks in which anything was clamped */
  uint64_t refused; /* ticks refused, tripped ticks among them */
  uint64_t trips;
} mtr_limits_counters;

typedef struct {
  bool armed, tripped;
  bool has_goal; /* goal_rad was set by an arm */
  uint32_t refusals_in_a_row;
  uint32_t last_causes;
  /* Last goal that passed; double, because float32 would lose the small steps of slow motion. */
  double goal_rad[MTR_MAX_JOINTS];
  float velocity_rad_s[MTR_MAX_JOINTS]; /* of the goal, last tick */
  mtr_limits_counters counters;
} mtr_limits_state;

typedef struct {
  const float* goal_rad;     /* n_joints */
  const float* measured_rad; /* n_joints */
  const float* effort; /* n_joints, signed fraction of stall torque; positive drives towards larger angles */
  int64_t now_ns, state_t_ns, command_t_ns;
} mtr_limits_input;

/* False when the configuration is contradictory (n_joints, ordering, non-finite or non-positive limits). */
bool mtr_limits_config_ok(const mtr_limits_config* config);

/* Starts at rest at the measured position: goal := present. False, and not armed, if the configuration is
 * not ok, the gate is tripped, or a measured position is not finite. A joint measured outside its limits
 * starts from there, and its goal may only move inwards. */
bool mtr_limits_arm(const mtr_limits_config* config, mtr_limits_state* state, const float* measured_rad);

/* Clears a trip and disarms; the counters and the held goal stay. */
void mtr_limits_reset(mtr_limits_state* state);

/* Writes a goal that is safe to send to out_goal_rad (n_joints), whatever the input holds. Before the first
 * arm that is the measured position, clamped to the limits. A call before arming is refused and counted, but
 * does not trip. */
mtr_verdict mtr_limits_apply(const mtr_limits_config* config, mtr_limits_state* state,
                             const mtr_limits_input* input, float* out_goal_rad);

#ifdef __cplusplus
}
#endif

#endif
