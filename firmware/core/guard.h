/* The guard in front of the gate: what a servo would otherwise end by itself, suddenly.
 *
 * A joint that pushes against something, or carries more than it can for long, is backed off before its servo
 * latches its own overload protection: its goal is drawn back towards the measured position until a stalled
 * one pushes no harder than `hold_effort`, and one with too much weight no harder than it can for long; it is
 * let go again when the command has come back. Heat first warns, then
 * lowers what counts as an overload, then stops the arm; so does a supply outside its range.
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
  MTR_GUARD_WARN = 1, /* something is near its limit: see the bits */
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

/* Efforts are shares of stall torque. A time of 0 switches the guard of a joint off; a temperature or voltage
 * of 0 switches off what depends on it. */
typedef struct {
  float stall_effort;             /* a joint stalls when it pushes at least this hard, */
  float stall_error_rad;          /* is at least this far from its goal */
  float stall_velocity_rad_s;     /* and moves no faster. */
  float stall_time_s;             /* Backs off after this at just these values, sooner when beyond them. */
  float overload_effort;          /* at least this much counts whether the joint moves or not */
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
  float exertion_s[MTR_MAX_JOINTS]; /* how much of stall_time_s is used up */
  float slack_rad[MTR_MAX_JOINTS];  /* backed off: how far the goal may lead the joint */
  float ahead[MTR_MAX_JOINTS];      /* +1 or -1, the side that is blocked; 0: not backed off */
  float bad_s[MTR_MAX_JOINTS];      /* for how long too hot or badly supplied */
  uint8_t bits[MTR_MAX_JOINTS];
  mtr_guard_counters counters;
} mtr_guard_state;

/* All n_joints long. */
typedef struct {
  const float* measured_rad;
  const float* velocity_rad_s;
  const float* effort;        /* signed share of stall torque */
  const float* temperature_c; /* 0: not known yet */
  const float* voltage_v;     /* 0: not known yet */
} mtr_guard_reading;

/* False when a value is negative or not finite, or thresholds contradict each other. */
bool mtr_guard_config_ok(const mtr_guard_config* config);

/* One tick: draws `goal_rad` (n_joints) back where a joint has to yield. What is not finite passes as it is:
 * the gate behind refuses it. */
mtr_guard_verdict mtr_guard_step(const mtr_guard_config* config, mtr_guard_state* state,
                                 const mtr_guard_reading* reading, float* goal_rad);

/* Forgets exertion and back-offs: torque is given anew. Counters stay. */
void mtr_guard_clear(mtr_guard_state* state);

#ifdef __cplusplus
}
#endif

#endif
