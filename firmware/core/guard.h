/* The guard before the gate: prevents what would make a servo switch itself off suddenly.
 *
 * A joint that pushes against an obstacle, or carries too much for too long, backs off before its servo
 * latches its own overload protection: its goal moves back towards the measured position until a stalled
 * joint pushes no harder than `hold_effort`, and an overloaded one no harder than it can for long. The joint
 * is released once the command has moved back. Heat first warns, then lowers the overload threshold, then
 * stops the arm; so does a supply outside its range.
 *
 * Portable C11, no allocation, no global state; used by the control thread, by firmware and by tests.
 */
#ifndef MTR_GUARD_H
#define MTR_GUARD_H

#include "core/limits.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  MTR_GUARD_OK = 0,
  MTR_GUARD_WARN = 1, /* a joint is near its limit: see the bits */
  MTR_GUARD_ACT = 2,  /* at least one joint is backed off or derated */
  MTR_GUARD_STOP = 3  /* too hot or badly supplied for too long: bring the arm to rest */
} mtr_guard_verdict;

/* Per joint; bits. */
enum {
  MTR_GUARD_STALLED = 1u << 0,    /* backed off: pushed without moving */
  MTR_GUARD_OVERLOADED = 1u << 1, /* backed off: loaded beyond what the servo bears for long */
  MTR_GUARD_WARM = 1u << 2,
  MTR_GUARD_DERATED = 1u << 3,
  MTR_GUARD_HOT = 1u << 4,
  MTR_GUARD_LOW_SUPPLY = 1u << 5,
  MTR_GUARD_BAD_SUPPLY = 1u << 6
};

/* Efforts are fractions of stall torque. A time of 0 switches a joint's guard off; a temperature or
 * voltage of 0 switches off what depends on it. */
typedef struct {
  float stall_effort;             /* a joint stalls when it pushes at least this hard, */
  float stall_error_rad;          /* is at least this far from its goal */
  float stall_velocity_rad_s;     /* and moves no faster. */
  float stall_time_s;             /* Time until it backs off at exactly these values; less beyond them. */
  float overload_effort;          /* an overload, whether the joint moves or not */
  float hold_effort;              /* a joint backed off from a stall pushes no harder */
  float warn_c, derate_c, stop_c; /* rising; derating is linear between the last two */
  float warn_v, min_v, max_v;     /* supply; outside of min..max stops */
} mtr_guard_joint;

typedef struct {
  uint32_t n_joints;
  float dt_s;
  mtr_guard_joint joint[MTR_MAX_JOINTS];
} mtr_guard_config;

typedef struct {
  uint64_t back_offs, stops;
} mtr_guard_counters;

typedef struct {
  float exertion_s[MTR_MAX_JOINTS]; /* part of stall_time_s used up */
  float slack_rad[MTR_MAX_JOINTS];  /* backed off: how far the goal may lead the joint */
  float ahead[MTR_MAX_JOINTS];      /* +1 or -1, the side that is blocked; 0: not backed off */
  float bad_s[MTR_MAX_JOINTS];      /* time spent too hot or with a bad supply */
  uint8_t bits[MTR_MAX_JOINTS];
  mtr_guard_counters counters;
} mtr_guard_state;

/* All n_joints long. */
typedef struct {
  const float* measured_rad;
  const float* velocity_rad_s;
  const float* effort;        /* signed fraction of stall torque */
  const float* temperature_c; /* 0: unknown */
  const float* voltage_v;     /* 0: unknown */
} mtr_guard_reading;

/* False when a value is negative or not finite, or thresholds contradict each other. */
bool mtr_guard_config_ok(const mtr_guard_config* config);

/* Runs one tick: draws `goal_rad` (n_joints) back where a joint must yield. Values that are not finite pass
 * unchanged; the gate refuses them. */
mtr_guard_verdict mtr_guard_step(const mtr_guard_config* config, mtr_guard_state* state,
                                 const mtr_guard_reading* reading, float* goal_rad);

/* Forgets exertion and back-offs, because torque is switched on again. Counters stay. */
void mtr_guard_clear(mtr_guard_state* state);

#ifdef __cplusplus
}
#endif

#endif
