# The C++ core. Arrays are float32 in C order unless said; other inputs are converted. Times are CLOCK_MONOTONIC ns.
# ruff: noqa: PYI052  (members of a TextEnum)

from collections.abc import ItemsView, Iterator, KeysView, Sequence, ValuesView
from enum import IntEnum, IntFlag
from mmap import mmap
from typing import Any, ClassVar, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .deprecated import TextEnum, TextFlag

Buffer: TypeAlias = bytes | bytearray | memoryview | mmap
_Floats: TypeAlias = NDArray[np.float32]

SLOTS: int
MAX_CHUNK_ROWS: int
MIN_ROW_S: float  # Distance of two rows, at least and at most.
MAX_ROW_S: float
compiler: str  # That built this module, with its version.

# ---- enums and what is told ----------------------------------------------------------------------------------------

class Mode(TextEnum):  # What an arm does.
    IDLE = "idle"
    MOVING = "moving"
    RUNNING = "running"
    HOLDING = "holding"
    FAULT = "fault"
    RELEASED = "released"

class Reason(TextEnum):  # Why an arm is in its mode.
    NONE = ""
    UNDERFLOW = "underflow"
    BUS_ERRORS = "bus_errors"
    BUS_CLOSED = "bus_closed"
    GATE_TRIPPED = "gate_tripped"
    PARKING = "parking"
    PARK_TIMED_OUT = "park_timed_out"
    PROTECTION = "protection"
    FROZEN = "frozen"
    ESTOP = "estop"
    POSITION_JUMP = "position_jump"
    UNPLANNED = "unplanned"
    UNSUPERVISED = "unsupervised"

class MoveEnd(TextEnum):  # How the last slew ended.
    NONE = ""
    ARRIVED = "arrived"
    MISSED = "missed"
    UNPLANNED = "unplanned"
    CANCELLED = "cancelled"
    HELD = "held"
    BUS_ERRORS = "bus_errors"
    PARKED = "parked"
    PROTECTION = "protection"
    RELEASED = "released"
    ESTOP = "estop"
    FAULT = "fault"
    REPLACED = "replaced"
    REFUSED = "refused"
    ENDED = "ended"

class PushStatus(TextEnum):  # What became of a chunk that was pushed.
    ACCEPTED = "accepted"
    LATE = "late"
    EXPIRED = "expired"
    MALFORMED = "malformed"
    OUT_OF_RANGE = "out_of_range"
    OUT_OF_TIME = "out_of_time"
    NOT_RUNNING = "not_running"

class RestPolicy(TextEnum):  # What an arm does by itself, without chunks or at the end.
    HOLD = "hold"
    PARK = "park"
    RELEASE = "release"

class LatencySetting(TextEnum):  # Whether a serial port hands on bytes as they arrive.
    NOT_APPLICABLE = "not_applicable"
    LOW = "low"
    REFUSED = "refused"

class Precision(TextEnum):  # How an engine stores the large weights.
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"  # rounded to bfloat16
    INT8 = "int8"  # rounded to -127..127, one scale per output and one per row

class SettingTrouble(TextEnum):  # Why a register of a servo is not as it was to be.
    NONE = "none"
    SILENT = "silent"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    DIFFERS = "differs"
    BEYOND_BOUND = "beyond_bound"

class ServoFault(TextEnum):  # How a virtual servo, or its line, can spoil replies.
    NONE = "none"
    DROP = "drop"  # no reply
    CORRUPT = "corrupt"  # one wrong byte
    TRUNCATE = "truncate"  # half a reply
    DELAY = "delay"  # the reply comes too late
    DUPLICATE = "duplicate"  # the reply comes twice
    WRONG_ID = "wrong_id"  # another servo's id, with the right checksum
    WRONG_LENGTH = "wrong_length"  # one parameter too many, with the right checksum
    GARBAGE_BEFORE = "garbage_before"  # noise before the reply, with a false header in it
    GARBAGE_AFTER = "garbage_after"
    ECHO = "echo"  # the adapter echoes the request

class BusStatus(IntEnum):  # How an exchange with a chain of servos ended.
    OK = 0
    STALE_JOINTS = 1
    IO_ERROR = 2
    CLOSED = 3

class Verdict(IntEnum):  # What the safety gate did with a goal.
    PASS = 0
    CLAMPED = 1
    REFUSED = 2
    TRIPPED = 3

class GuardVerdict(IntEnum):  # What the servo guard found.
    OK = 0
    WARN = 1
    ACT = 2
    STOP = 3

class FileProblem(IntEnum):  # Every way in which the bytes of a compiled robot can be wrong.
    NONE = 0
    TOO_SHORT = 1
    NOT_A_ROBOT = 2
    NEWER_VERSION = 3
    WRONG_SIZE = 4
    WRONG_CRC = 5
    WRONG_HASH = 6
    BAD_SECTION_TABLE = 7
    UNKNOWN_SECTION = 8
    REPEATED_SECTION = 9
    MISSING_SECTION = 10
    BAD_RECORD_SIZE = 11
    BAD_RECORD_COUNT = 12
    BAD_PADDING = 13
    BAD_TEXT = 14
    BAD_VALUE = 15
    CONTRADICTION = 16

class WatchedBy(TextFlag):  # Who takes the torque when the program dies; bits, of all buses.
    SUPERVISOR = 1
    SERVOS = 2
    NOBODY = 4

class GateCauses(IntFlag):  # Why the gate clamped or refused a goal; bits, of all joints.
    POSITION = 1
    VELOCITY = 2
    ACCELERATION = 4
    EFFORT = 8
    STALE_STATE = 16
    STALE_COMMAND = 32
    NOT_FINITE = 64
    NOT_ARMED = 128

class GuardBits(IntFlag):  # What the guard sees or does at one joint; bits.
    STALLED = 1
    OVERLOADED = 2
    WARM = 4
    DERATED = 8
    HOT = 16
    LOW_SUPPLY = 32
    BAD_SUPPLY = 64

class TickEvents(IntFlag):  # What happened in a control tick; bits.
    STITCH = 1
    LATE_CHUNK = 2
    UNDERFLOW = 4
    MODE_CHANGE = 8
    FALLBACK = 16
    BAD_READ = 32
    MISSED_TICK = 64
    ESTOP = 128
    APPROACH = 256

@overload
def words_of(bits: GateCauses) -> list[str]: ...  # What messages say of each bit.
@overload
def words_of(bits: GuardBits) -> list[str]: ...

class _Struct:  # Read-only values; every field has its unit in its name. As a dict: with a warning, for one release.
    fields: ClassVar[tuple[str, ...]]
    def as_dict(self) -> dict[str, Any]: ...  # Plain values for JSON.
    def __getitem__(self, key: str) -> Any: ...
    def __contains__(self, key: object) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def keys(self) -> KeysView[str]: ...
    def values(self) -> ValuesView[Any]: ...
    def items(self) -> ItemsView[str, Any]: ...
    def get(self, key: str, default: Any = None) -> Any: ...

class Quantiles(_Struct):  # Of many values.
    @property
    def p50(self) -> float: ...  # What half of them do not exceed.
    @property
    def p99(self) -> float: ...  # What 99 % of them do not exceed.
    @property
    def max(self) -> float: ...  # The largest.

class Durations(_Struct):  # Of many durations, in microseconds.
    @property
    def p50(self) -> float: ...  # What half of them do not exceed, us.
    @property
    def p99(self) -> float: ...  # What 99 % of them do not exceed, us.
    @property
    def max(self) -> int: ...  # The longest, us.

class SeamStats(_Struct):  # What new chunks changed at their seams, before blending.
    @property
    def count(self) -> int: ...  # Seams so far.
    @property
    def jump_rad(self) -> Quantiles: ...  # Between old plan and new chunk, rad.
    @property
    def velocity_rad_s(self) -> Quantiles: ...  # Between their speeds, rad/s.
    @property
    def jerk_rad_s3(self) -> Quantiles: ...  # Of the rows across the seam, rad/s^3.

class ArrivalStats(_Struct):  # Where the joints were when the last slew was judged.
    @property
    def missed(self) -> int: ...  # Joints that are not at their goals; bits, in joint order.
    @property
    def contact(self) -> int: ...  # Grippers that hold something short of their goal; bits.
    @property
    def target_rad(self) -> list[float]: ...  # (J,) where they were to go.
    @property
    def position_rad(self) -> list[float]: ...  # (J,) where they were measured.

class GateStats(_Struct):  # What the safety gate did.
    @property
    def clamped(self) -> int: ...  # Goals that a limit held back.
    @property
    def refused(self) -> int: ...  # Goals that were not usable.
    @property
    def trips(self) -> int: ...  # Times that it tripped.

class RealtimeStats(_Struct):  # What the system granted the control thread.
    @property
    def fifo(self) -> bool: ...  # Real-time priority (SCHED_FIFO).
    @property
    def memory_locked(self) -> bool: ...  # Its memory stays in RAM.
    @property
    def cpu(self) -> int: ...  # The processor it asked for; -1: any.
    @property
    def pinned(self) -> bool: ...  # Whether it has that one to itself.
    @property
    def note(self) -> str: ...  # Why the rest was refused; empty: nothing was.

class BusCounters(_Struct):  # What happened on one bus since it was opened.
    @property
    def cycles(self) -> int: ...  # Reads of all joints.
    @property
    def crc_errors(self) -> int: ...  # Replies with a wrong checksum.
    @property
    def timeouts(self) -> int: ...  # Replies that did not come in time.
    @property
    def length_errors(self) -> int: ...  # Replies of another length than asked.
    @property
    def wrong_id(self) -> int: ...  # Replies of a servo that was not asked.
    @property
    def flushed_bytes(self) -> int: ...  # Bytes that belonged to nothing.
    @property
    def late_replies(self) -> int: ...  # Replies that came after they were given up.
    @property
    def io_errors(self) -> int: ...  # Reads and writes that the port refused.
    @property
    def refusals(self) -> int: ...  # Requests that a servo answered with an error.

class LatencyReport(_Struct):  # Whether a port hands on bytes as they arrive.
    @property
    def setting(self) -> LatencySetting: ...  # What became of the low-latency setting.
    @property
    def timer_ms(self) -> int: ...  # The adapter's own timer, ms; -1: it has none.

class GateCounters(_Struct):  # What a safety gate did, in goals.
    @property
    def clamped(self) -> int: ...  # Held back by a limit.
    @property
    def clamped_position(self) -> int: ...  # By a joint's range.
    @property
    def clamped_velocity(self) -> int: ...  # By a joint's speed.
    @property
    def clamped_acceleration(self) -> int: ...  # By its acceleration.
    @property
    def clamped_effort(self) -> int: ...  # By its effort.
    @property
    def refused(self) -> int: ...  # Not usable.
    @property
    def trips(self) -> int: ...  # Times that the gate tripped.

class CoreStats(_Struct):  # How a control core stands, and what it has counted.
    @property
    def mode(self) -> Mode: ...  # What the arm does.
    @property
    def reason(self) -> Reason: ...  # Why.
    @property
    def torque(self) -> bool: ...  # Whether torque is to be on.
    @property
    def ticks(self) -> int: ...  # Control ticks so far.
    @property
    def streaming(self) -> bool: ...  # Whether a leader is followed.
    @property
    def streams(self) -> int: ...  # Times that following began.
    @property
    def streams_lost(self) -> int: ...  # Times that the leader was lost.
    @property
    def underflows(self) -> int: ...  # Times that chunks stopped coming.
    @property
    def fallbacks(self) -> int: ...  # Times that the arm was brought to rest for it.
    @property
    def estop(self) -> bool: ...  # Whether an emergency stop is latched.
    @property
    def estops(self) -> int: ...  # Emergency stops.
    @property
    def chunks(self) -> int: ...  # Chunks that were taken.
    @property
    def stitches(self) -> int: ...  # Chunks spliced into a plan.
    @property
    def late_chunks(self) -> int: ...  # Chunks whose seam had passed.
    @property
    def expired_chunks(self) -> int: ...  # Chunks over before they came.
    @property
    def malformed_chunks(self) -> int: ...  # Chunks that were refused.
    # Largest distance between old plan and new chunk at a seam, before blending, rad.
    @property
    def seam_jump_max_rad(self) -> float: ...
    # Largest step that a plan published too late would have made, rad.
    @property
    def handover_jump_max_rad(self) -> float: ...
    @property
    def joins(self) -> int: ...  # Changes of source that were smoothed.
    @property
    def clamped(self) -> int: ...  # Goals that a limit held back.
    @property
    def clamped_position(self) -> int: ...  # By a range.
    @property
    def clamped_velocity(self) -> int: ...  # By a speed.
    @property
    def clamped_acceleration(self) -> int: ...  # By an acceleration.
    @property
    def clamped_effort(self) -> int: ...  # By an effort.
    @property
    def refused(self) -> int: ...  # Goals that were not usable.
    @property
    def trips(self) -> int: ...  # Times that the gate tripped.
    @property
    def gate_causes(self) -> GateCauses: ...  # Why the gate clamped or refused last.
    @property
    def back_offs(self) -> int: ...  # Times that the guard backed a joint off.
    @property
    def protection(self) -> list[GuardBits]: ...  # (J,) what the guard sees or does at each joint.
    @property
    def jumped_joints(self) -> int: ...  # Joints that read another place than they can be at; bits.
    @property
    def approaches(self) -> int: ...  # Plans that began too far away.
    @property
    def approach_joint(self) -> int: ...  # Joint of the last of them.
    @property
    def approach_rad(self) -> float: ...  # How far it had to go, rad.
    @property
    def moves_done(self) -> int: ...  # Slews that were judged.
    @property
    def arrival(self) -> ArrivalStats: ...  # Where the last of them ended.
    @property
    def seams(self) -> SeamStats: ...  # What chunks changed at their seams.

class LoopStats(CoreStats):  # How a control thread stands, and what it has counted.
    @property
    def alive(self) -> bool: ...  # Whether the thread runs.
    @property
    def watchdog(self) -> WatchedBy: ...  # Who takes the torque when this process dies.
    @property
    def rate_hz(self) -> float: ...  # Its declared rate, Hz.
    @property
    def missed(self) -> int: ...  # Ticks that were skipped because one took too long.
    @property
    def bad_reads(self) -> int: ...  # Reads after which joints were stale.
    @property
    def torque_failures(self) -> int: ...  # Times that a servo did not take its torque.
    @property
    def period_us(self) -> Durations: ...  # Between two ticks, us.
    @property
    def state_age_us(self) -> Durations: ...  # Of the oldest reading when a goal was made, us.
    @property
    def jump_rad(self) -> _Floats: ...  # (J,) by how much a reading jumped; see jumped_joints.
    @property
    def bus(self) -> BusCounters: ...  # What happened on the bus.
    @property
    def latency(self) -> LatencyReport: ...  # Of the serial port, when it was opened.
    @property
    def safety(self) -> GateStats: ...  # What the gate did.
    @property
    def torque_stuck(self) -> bool: ...  # The thread ended, and a servo did not confirm that it lets go.
    @property
    def realtime(self) -> RealtimeStats: ...  # What the system granted.
    @property
    def telemetry_overwritten(self) -> int: ...  # Ticks that telemetry() came too late for.

class JointState(_Struct):  # What a bus knows of its joints after a read; no joints before the first.
    def __init__(self) -> None: ...
    @property
    def t_ns(self) -> int: ...  # When the read was over, CLOCK_MONOTONIC ns.
    @property
    def position_rad(self) -> _Floats: ...  # (J,) measured angles, rad.
    @property
    def velocity_rad_s(self) -> _Floats: ...  # (J,) rad/s.
    @property
    def effort(self) -> _Floats: ...  # (J,) signed fraction of stall torque, -1 to 1.
    @property
    def voltage_v(self) -> _Floats: ...  # (J,) supply, V.
    @property
    def temperature_c(self) -> _Floats: ...  # (J,) degrees Celsius.
    @property
    def status(self) -> NDArray[np.uint8]: ...  # (J,) uint8: the servo's own fault bits; 0 is healthy.
    @property
    def joint_t_ns(self) -> NDArray[np.int64]: ...  # (J,) int64: when each joint answered last, ns; 0: never.

class JointSample(_Struct):  # Joints at one moment, straight between two readings.
    @property
    def t_ns(self) -> int: ...  # The moment; of the nearest reading where there is none on both sides, ns.
    @property
    def position_rad(self) -> _Floats: ...  # (J,) rad.
    @property
    def velocity_rad_s(self) -> _Floats: ...  # (J,) rad/s.
    @property
    def effort(self) -> _Floats: ...  # (J,) signed fraction of stall torque.

class ArmState(_Struct):  # One control tick of an arm: what was read, wanted and sent.
    @property
    def t_ns(self) -> int: ...  # The tick on the control grid, CLOCK_MONOTONIC ns.
    @property
    def state_t_ns(self) -> int: ...  # When the joints were read, ns.
    @property
    def mode(self) -> Mode: ...  # What the arm did.
    @property
    def verdict(self) -> Verdict: ...  # What the gate did with the goal.
    @property
    def gate_causes(self) -> GateCauses: ...  # Why the gate clamped or refused.
    @property
    def events(self) -> TickEvents: ...  # What happened.
    @property
    def position_rad(self) -> _Floats: ...  # (J,) measured, rad.
    @property
    def velocity_rad_s(self) -> _Floats: ...  # (J,) measured, rad/s.
    @property
    def effort(self) -> _Floats: ...  # (J,) measured, signed fraction of stall torque.
    @property
    def setpoint_rad(self) -> _Floats: ...  # (J,) wanted, before the gate, rad.
    @property
    def goal_rad(self) -> _Floats: ...  # (J,) sent to the servos, rad.

class ServoGoals(_Struct):  # What the J servos of a virtual chain were told last.
    @property
    def torque_enable(self) -> NDArray[np.bool_]: ...  # (J,) register, 1: on.
    @property
    def goal_position_ticks(self) -> NDArray[np.int32]: ...  # (J,) ticks.
    @property
    def goal_speed_ticks_s(self) -> NDArray[np.int32]: ...  # (J,) ticks/s; 0: as fast as it can.
    @property
    def acceleration(self) -> NDArray[np.int32]: ...  # (J,) in 100 ticks/s^2; 0: as fast as it can.
    @property
    def torque_limit_permille(self) -> NDArray[np.int32]: ...  # (J,) of stall torque, 1/1000.
    @property
    def turning(self) -> NDArray[np.bool_]: ...  # (J,) whether it turns at a speed, without a goal.
    @property
    def turn_speed_ticks_s(self) -> NDArray[np.int32]: ...  # (J,) that speed, ticks/s.

class EmulatorStats(_Struct):  # What a virtual chain has heard and said.
    @property
    def requests(self) -> int: ...  # Requests that were understood.
    @property
    def replies(self) -> int: ...  # Replies that were sent.
    @property
    def bad_checksums(self) -> int: ...  # Requests with a wrong checksum.
    @property
    def bad_lengths(self) -> int: ...  # Requests of an impossible length.
    @property
    def dropped_bytes(self) -> int: ...  # Bytes that belonged to no request.
    @property
    def faults(self) -> int: ...  # Faults that were injected.

# ---- runtime ---------------------------------------------------------------------------------------------------------

class Cause(IntEnum):  # Why an arm gets no torque, was stopped, or is not what it was asked to be.
    SUPPLY = 0  # `measured` V are outside low..high.
    HEAT = 1  # `measured` degrees C are above `high`.
    POSITION = 2  # `measured` rad are outside low..high.
    SERVO_FAULT = 3  # The servo reports `bits` of its status byte.
    UNHEARD = 4  # It has not answered once.
    STALE = 5  # Its last reply is `measured` s old, more than `high`.
    JUMPED = 6  # Its reading is `measured` rad from the one before.
    MISSED = 7  # It stands at `measured` rad; not at `goal_rad`.
    SETTING = 8  # `note` names a setting of a servo that keeps torque from it.
    UNCONFIRMED = 9  # After `measured` attempts a servo has not confirmed its torque.
    REFUSED = 10  # The arm is in fault, or a stop is latched: its reason says which.
    UNPLUGGED = 11  # The port is gone: the cable or the adapter was pulled.
    SILENT = 12  # The servos do not answer any more.
    TORQUE_LOST = 13  # A servo stopped by itself; `bits` of its status byte say so.
    ESTOP = 14  # An emergency stop is latched.
    UNSUPERVISED = 15  # Nothing would take the torque if this program died: the supervisor is gone.
    FROZEN = 16  # The control thread stood still, and the supervisor took the torque.
    GATE_TRIPPED = 17  # The safety gate refused too many goals in a row; `bits` are GateCauses of the last.
    PROTECTION = 18  # The guard protects the servo: `bits` are GuardBits; `measured` degrees C, `supply_v`.

class Problem:  # One cause: of one joint, or of the whole arm. Which numbers mean something follows from the cause.
    def __init__(
        self,
        cause: Cause,
        joint: int | None = None,
        measured: float = 0.0,
        low: float = 0.0,
        high: float = 0.0,
        bits: int = 0,
        note: str = "",
        goal_rad: float = 0.0,
        supply_v: float = 0.0,
    ) -> None: ...
    @property
    def cause(self) -> Cause: ...
    @property
    def joint(self) -> int | None: ...  # None: the whole arm.
    @property
    def measured(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def bits(self) -> int: ...
    @property
    def note(self) -> str: ...
    @property
    def goal_rad(self) -> float: ...  # Of a joint that missed it.
    @property
    def supply_v(self) -> float: ...  # Of a servo that is protected.

# A clause for each, in the core's words.
def describe(problems: Sequence[Problem], config: RobotConfig) -> str: ...

# Before torque: supply, heat, place and faults of every joint. ValueError: lengths differ.
def self_check(
    joints: Sequence[RobotJoint],
    position_rad: ArrayLike,
    voltage_v: ArrayLike,
    temperature_c: ArrayLike,
    status: Sequence[int],
) -> list[Problem]: ...

class Pace:  # Rhythm of a policy. ValueError: dt_ns is not positive.
    def __init__(self, dt_ns: int, rows: int, horizon: int, max_delay: int) -> None: ...
    # Horizon and delay end before the last row. ValueError names every number outside its bounds.
    @staticmethod
    def checked(rows: float, dt_s: float, horizon: float, max_delay: float) -> Pace: ...
    @property
    def dt_ns(self) -> int: ...  # Distance between rows.
    @property
    def rows(self) -> int: ...  # T, rows of a chunk.
    @property
    def horizon(self) -> int: ...  # Rows to follow before planning again.
    @property
    def max_delay(self) -> int: ...  # Most rows the policy accepts as committed.
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

# Rows to commit when a plan arrives `latency_ns` after its inference began on an observation that old.
def needed_rows(age_ns: int, latency_ns: int, dt_ns: int) -> int: ...

# What 95 % of the declared inferences do not exceed; 0: none is declared.
def declared_latency_ns(policy: PolicyTiming) -> int: ...

class Bridge:  # Whether the rows that a policy accepts as committed last until its next plan. ValueError: dt_ns.
    def __init__(
        self, declared_ns: int, measured_ns: int, age_ns: int, dt_ns: int, accepted: int
    ) -> None: ...
    @property
    def declared_ns(self) -> int: ...  # 95 % quantile of the robot's latency; 0 where it declares none.
    @property
    def measured_ns(self) -> int: ...  # What an inference took here; 0 where none was timed.
    @property
    def age_ns(self) -> int: ...  # Of an observation when its inference starts.
    @property
    def dt_ns(self) -> int: ...  # Distance between rows.
    @property
    def accepted(self) -> int: ...  # Most rows the policy accepts as committed.
    @property
    def latency_ns(self) -> int: ...  # What an inference has to be expected to take.
    @property
    def needed(self) -> int: ...  # Rows that must be committed.
    @property
    def holds(self) -> bool: ...  # Whether the policy accepts as many.

class Scheduler:  # When to infer again, and how many rows to commit meanwhile. One thread at a time.
    MEMORY: int  # Latencies remembered: eight seconds of replanning.
    TRUSTED: int  # Measured latencies that the declared one gives way to.
    def __init__(self, pace: Pace, prior_ns: int = 0) -> None: ...  # The robot's declared latency; 0: none.
    # A chunk took this long from the start of its inference to the push.
    def record(self, latency_ns: int) -> None: ...
    # Rows to commit for an observation that is `age_ns` old when its inference starts.
    def delay(self, age_ns: int) -> int: ...
    # When the next inference starts, after an accepted chunk whose row 0 is at `t0_ns`.
    def next_start_ns(self, t0_ns: int, delay: int) -> int: ...
    # Rows of a chunk observed at `t0_ns` that the newest accepted chunk also has something to say about.
    def planned_rows(self, t0_ns: int) -> int: ...
    @property
    def pace(self) -> Pace: ...
    @property
    def latency_ns(self) -> int: ...  # What the next inference is expected to take: the slowest remembered.
    @property
    def measured(self) -> bool: ...  # False while the declared latency is what counts.
    @property
    def needed(self) -> int: ...  # Rows that the last observation needed committed.
    @property
    def declared(self) -> int: ...  # Rows committed last, at most what the policy accepts.
    @property
    def shortfalls(self) -> int: ...  # How often that was fewer than needed.

class SlotMap:  # Joints (radians) <-> 200 slots: slot = scale * q + offset. Lossless on mapped slots, zero elsewhere.
    # ValueError: lengths differ, a slot is out of range or twice, a scale is zero.
    def __init__(self, slots: Sequence[int], scale: Sequence[float], offset: Sequence[float]) -> None: ...
    @property
    def slots(self) -> list[int]: ...
    @property
    def joints(self) -> int: ...
    def scatter(self, q: ArrayLike) -> _Floats: ...  # (J,) -> (200,).
    def gather(self, s: ArrayLike) -> _Floats: ...  # (200,) -> (J,).
    # A given `out` (float32, C order) is filled and returned: nothing is allocated.
    def scatter_chunk(self, q: ArrayLike, out: _Floats | None = None) -> _Floats: ...  # (T, J) -> (T, 200).
    def gather_chunk(self, s: ArrayLike, out: _Floats | None = None) -> _Floats: ...  # (T, 200) -> (T, J).

class ControlConfig:  # Limits, rates and policies of the control thread; J is the length of every list.
    # ValueError: wrong shape or policy. Contradictions: ControlCore, Robot.
    def __init__(
        self,
        *,
        lower_rad: ArrayLike,
        upper_rad: ArrayLike,
        max_velocity_rad_s: ArrayLike,
        max_acceleration_rad_s2: ArrayLike,
        max_effort: ArrayLike,
        rest_rad: ArrayLike,
        rate_hz: float = 200.0,
        max_state_age_s: float = 0.1,
        max_command_age_s: float = 0.5,
        trip_after: int = 20,
        approach_velocity_share: float = 0.25,
        fallback: RestPolicy = ...,
        fallback_after_s: float = 3.0,
        exit: RestPolicy = ...,  # noqa: A002
        park_timeout_s: float = 6.0,
        blend_s: float = 0.15,
        guard: Sequence[GuardJoint] = ...,
        estop_hold_s: float = 0.5,
        max_jerk_rad_s3: ArrayLike | None = None,
        position_jump_rad: float = 0.25,
        cpu: int = -1,
        arrival_tolerance_rad: ArrayLike | None = None,
        settle_s: float = 1.0,
        grippers: Sequence[bool] = (),
        start_gap_rad: ArrayLike | None = None,
    ) -> None: ...
    @property
    def joints(self) -> int: ...
    @property
    def rate_hz(self) -> float: ...
    @property
    def exit(self) -> RestPolicy: ...
    @property
    def lower_rad(self) -> _Floats: ...  # J
    @property
    def upper_rad(self) -> _Floats: ...
    @property
    def max_velocity_rad_s(self) -> _Floats: ...
    @property
    def rest_rad(self) -> _Floats: ...

class ControlCore:  # One control tick in virtual time, for one Python thread. See Robot for the thread.
    # Raises ValueError when the config contradicts itself.
    def __init__(self, config: ControlConfig) -> None: ...
    # (J,) gated goal; the measured position while torque is off.
    def tick(
        self,
        now_ns: int,
        position_rad: ArrayLike,
        velocity_rad_s: ArrayLike,
        effort: ArrayLike,
        state_t_ns: int,
    ) -> _Floats: ...
    # At the next tick with fresh state: goal := present, torque on, mode holding.
    def enable(self) -> None: ...
    def hold(self) -> None: ...
    def park(self) -> None: ...
    def release(self) -> None: ...
    def estop(self) -> None: ...  # Latched: the goal stands still, torque goes off `estop_hold_s` later.
    def accept_position(self) -> None: ...  # Ends a latched position jump: somebody has looked.
    def reset_estop(self) -> bool: ...  # To "released". False: torque is still on.
    # (J,), finite; None: approach share. ValueError outside (0, 1].
    def move_to(self, q: ArrayLike, velocity_share: float | None = None) -> None: ...
    # (T, J) setpoints at t0 + i dt; rows below `delay` were committed and stay as planned.
    def push_chunk(
        self, chunk: ArrayLike, t0_ns: int, dt_ns: int, delay: int, now_ns: int, final: bool = False
    ) -> PushStatus: ...
    # (rows, J) setpoints planned at t0 + i dt.
    def committed(self, t0_ns: int, dt_ns: int, rows: int) -> _Floats: ...
    def setpoint(self, t_ns: int) -> _Floats: ...  # (J,) setpoint planned at `t_ns`.
    @property
    def setpoint_rad(self) -> _Floats: ...  # (J,) of the last tick, before the gate.
    @property
    def goal_rad(self) -> _Floats: ...
    @property
    def meant_rad(self) -> tuple[_Floats, _Floats]: ...  # (J,) lowest, (J,) highest value of a chunk.
    @property
    def mode(self) -> Mode: ...
    @property
    def reason(self) -> Reason: ...
    def stats(self) -> CoreStats: ...

class Relay:  # What passes between a control thread and whoever serves its servos: see robots/vendor_kit.py.
    def __init__(self, joints: int, servos_watch: bool = False) -> None: ...
    # (6, J): see vendor_kit
    def publish(self, t_ns: int, readings: ArrayLike, joint_t_ns: ArrayLike) -> None: ...
    def goal(self) -> tuple[int, _Floats] | None: ...  # The newest that passed the gate, and its number.
    def torque_request(self) -> tuple[int, bool]: ...  # Ticket, and whether torque is to be on.
    def done(self, ticket: int, ok: bool) -> None: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...

# SIGTERM, SIGHUP: arms come to rest first. False: others handle them. Any thread.
def guard_termination() -> bool: ...
def unguard_termination() -> None: ...
def has_signal_handler(number: int) -> bool: ...  # One that somebody installed, Python or not.

class Robot:  # One arm: buses, control thread, joints in the unified slots. Any thread may call any method.
    # Opens a bus on each port; torque is left as found. Raises BusError, ValueError.
    @overload
    def __init__(self, config: RobotConfig, ports: Sequence[str]) -> None: ...
    @overload
    def __init__(self, config: RobotConfig, relay: Relay) -> None: ...  # Somebody else serves the servos.
    def start(self) -> None: ...  # Starts reading joints; torque stays off.
    def stop(self) -> None: ...  # Exit policy (bounded by its time-out), then ends the thread.
    # Goal := present, torque on, read back from every servo. False (and off): not all in time.
    def enable(self, timeout_s: float = 2.0) -> bool: ...
    # Straight slew to (J,). With a time-out it waits and tells whether the arm arrived, measured.
    def move_to(self, q: ArrayLike, velocity_share: float | None = None, timeout_s: float = 0.0) -> bool: ...
    # As move_to, and says how it ended. A time-out or an interrupt holds the arm.
    def slew(self, q: ArrayLike, velocity_share: float | None = None, timeout_s: float = 15.0) -> MoveEnd: ...
    def hold(self) -> None: ...
    # Rest pose, then torque off. False when the arm did not get there in time or the bus is dead.
    def park(self, timeout_s: float = 10.0) -> bool: ...
    def release(self) -> None: ...
    # Once engaged: joint j goes to scale[j] * leader[source[j]] + offset[j]; max_age_s.
    def follow(self, leader: Robot, map: dict[str, Any]) -> None: ...  # noqa: A002
    # Follow the leader from where the arm is, until hold() or another request. False: not ready.
    def engage(self) -> bool: ...
    def estop(self) -> None: ...  # As in ControlCore, at the next tick, whatever waits in a queue.
    # Which setting of a servo kept torque off at the last try; "": none.
    def torque_problem(self) -> str: ...
    # Until every joint has answered once; those that did not.
    def wait_until_heard(self, timeout_s: float = 1.0) -> list[Problem]: ...
    # Check every joint, then torque; springs of an arm moved by hand go home. Else why not.
    def power_up(self, timeout_s: float = 2.0) -> list[Problem]: ...
    # Joints unheard or elsewhere. BusError: not there in time (0: one try). RuntimeError: it is well.
    def reconnect(self, timeout_s: float = 0.0) -> list[Problem]: ...
    # Ends a latched position jump: somebody has looked. False: not taken, and withdrawn.
    def accept_position(self) -> bool: ...
    # Lock-step: one tick in a time of the caller's own, never started. RuntimeError otherwise.
    def step(self, now_ns: int) -> None: ...
    # False: torque is still on, or an input still asks for a stop.
    def reset_estop(self, timeout_s: float = 2.0) -> bool: ...
    # Stop when `fd` is readable (with `keys`: says one of them), hangs up or fails. Its number; OSError.
    def watch_estop(self, fd: int, keys: bytes = b"", hand_on: bool = False) -> int: ...
    def unwatch_estop(self, input: int) -> None: ...  # noqa: A002
    def take_keys(self) -> list[tuple[int, int]]: ...  # (t_ns, byte) of keys handed on since the last call.
    # As ControlCore.push_chunk, now being now: (T, J) in radians.
    def push_joints(
        self, chunk: ArrayLike, t0_ns: int, dt_ns: int, delay: int, final: bool = False
    ) -> PushStatus: ...
    # (rows, J) setpoints planned at t0 + i dt.
    def committed_joints(self, t0_ns: int, dt_ns: int, rows: int) -> _Floats: ...
    # As push_joints, (T, 200) in slots.
    def push_slots(
        self, chunk: ArrayLike, t0_ns: int, dt_ns: int, delay: int, final: bool = False
    ) -> PushStatus: ...
    # (rows, 200) values planned at t0 + i dt; zero in slots that no joint has.
    def committed_slots(self, t0_ns: int, dt_ns: int, rows: int) -> _Floats: ...
    def push_chunk(self, *args: Any, **options: Any) -> PushStatus: ...  # Old name of push_joints; warns.
    def committed(self, *args: Any, **options: Any) -> _Floats: ...  # Old name of committed_joints; warns.
    @property
    def goal_rad(self) -> _Floats: ...
    @property
    def meant_rad(self) -> tuple[_Floats, _Floats]: ...  # (J,) lowest, (J,) highest value of a chunk.
    @property
    def joints(self) -> int: ...
    @property
    def mode(self) -> Mode: ...
    @property
    def reason(self) -> Reason: ...
    def state(self) -> JointState: ...  # The newest reading; no joints before the first.
    # Joints at `t_ns`, interpolated; the nearest reading beyond the 4 s of memory; None before the first.
    def state_at(self, t_ns: int) -> JointSample | None: ...
    # (J,) setpoint in force at `t_ns`, straight between ticks; None: no tick has come that far yet.
    def setpoint_at(self, t_ns: int) -> _Floats | None: ...
    def stats(self) -> LoopStats: ...
    # Why the arm is in fault, or was brought to rest by itself; empty while it is neither.
    def why_stopped(self) -> list[Problem]: ...
    # 20 ticks up to a fault; the newest without one. Oldest first.
    def last_states(self) -> list[ArmState]: ...
    # Structured array of the ticks since the last call; what was overwritten is counted in stats.
    def telemetry(self) -> NDArray[np.void]: ...

# ---- camera frames in shared memory ----------------------------------------------------------------------------------

# Memory one ring needs. ValueError: a size is zero or too large.
def frame_ring_bytes(height: int, width: int, channels: int = 3, slots: int = 4) -> int: ...

class FrameWriter:  # The writing end; one thread. Keeps `memory` exported. ValueError says why memory is unfit.
    # resume: go on with the ring of a dead writer, whatever its shape.
    def __init__(
        self,
        memory: Buffer,
        height: int = 0,
        width: int = 0,
        channels: int = 3,
        slots: int = 4,
        resume: bool = False,
    ) -> None: ...
    # (H, W, C) C order; its number, from 1. ValueError: other size.
    def write(self, image: NDArray[np.uint8], t_ns: int) -> int: ...
    @property
    def number(self) -> int: ...

class FrameReader:  # A reading end; needs no right to write. ValueError: no ring, another version, truncated.
    def __init__(self, memory: Buffer) -> None: ...
    # (image, t_ns, number); None before the first.
    def latest(self) -> tuple[NDArray[np.uint8], int, int] | None: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...

# ---- bus -------------------------------------------------------------------------------------------------------------

class BusError(OSError): ...

class LimitsConfig:
    def __init__(
        self,
        *,
        lower_rad: Sequence[float],
        upper_rad: Sequence[float],
        max_velocity_rad_s: Sequence[float],
        max_acceleration_rad_s2: Sequence[float],
        max_effort: Sequence[float],
        dt_s: float,
        max_state_age_s: float,
        max_command_age_s: float,
        trip_after: int,
    ) -> None: ...
    @property
    def n_joints(self) -> int: ...
    @property
    def dt_s(self) -> float: ...

class GatedGoal:  # Made by a SafetyGate alone.
    @property
    def position_rad(self) -> _Floats: ...
    def __array__(self, *args: Any, **kwargs: Any) -> _Floats: ...
    def __len__(self) -> int: ...

class GuardJoint:  # See firmware/core/guard.h; 0 switches a part off.
    def __init__(
        self,
        *,
        stall_effort: float,
        stall_error_rad: float,
        stall_velocity_rad_s: float,
        stall_time_s: float,
        overload_effort: float,
        hold_effort: float,
        warn_c: float = 0.0,
        derate_c: float = 0.0,
        stop_c: float = 0.0,
        warn_v: float = 0.0,
        min_v: float = 0.0,
        max_v: float = 0.0,
    ) -> None: ...

class ServoGuard:  # In front of the gate, in the control thread; here for tests and tools. ValueError: contradictions.
    def __init__(self, joints: Sequence[GuardJoint], dt_s: float) -> None: ...
    # (goal, bits per joint, verdict)
    def step(
        self,
        goal_rad: ArrayLike,
        measured_rad: ArrayLike,
        velocity_rad_s: ArrayLike,
        effort: ArrayLike,
        temperature_c: ArrayLike,
        voltage_v: ArrayLike,
    ) -> tuple[NDArray[np.float32], list[GuardBits], GuardVerdict]: ...
    def clear(self) -> None: ...

class SafetyGate:
    def __init__(self, config: LimitsConfig) -> None: ...
    def arm(self, measured_rad: ArrayLike) -> bool: ...
    def apply(
        self,
        goal_rad: ArrayLike,
        measured_rad: ArrayLike,
        effort: ArrayLike,
        now_ns: int,
        state_t_ns: int,
        command_t_ns: int,
    ) -> tuple[GatedGoal, Verdict, GateCauses]: ...
    def reset(self) -> None: ...
    def counters(self) -> GateCounters: ...
    @property
    def armed(self) -> bool: ...
    @property
    def tripped(self) -> bool: ...

class FieldFormat:
    def __init__(
        self, *, is_signed: bool = False, sign_bit: int = 0, high_byte_first: bool = False
    ) -> None: ...

class SettingWords:
    def __init__(
        self, *, joint: str = "", name: str = "", about: str = "", unit: str = "", remedy: str = ""
    ) -> None: ...
    @property
    def joint(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def remedy(self) -> str: ...

class SettingBound:
    def __init__(self, *, address: int = 0, size: int = 0, name: str = "") -> None: ...
    @property
    def address(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def name(self) -> str: ...

class ServoSetting:
    def __init__(
        self,
        *,
        joint: int,
        address: int,
        size: int,
        value: int,
        mask: int = 0xFFFFFFFF,
        eeprom: bool = False,
        check_only: bool = False,
        field: FieldFormat = ...,
        bound: SettingBound = ...,
        words: SettingWords = ...,
    ) -> None: ...
    @property
    def joint(self) -> int: ...
    @property
    def address(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def value(self) -> int: ...
    @property
    def mask(self) -> int: ...
    @property
    def eeprom(self) -> bool: ...
    @property
    def check_only(self) -> bool: ...
    @property
    def bound(self) -> SettingBound: ...
    @property
    def words(self) -> SettingWords: ...
    def number(self, raw: int) -> int: ...
    def describe(
        self, trouble: SettingTrouble, servo_id: int, port: str, found: int = 0, error: int = 0
    ) -> str: ...

class ServoJoint:  # One servo of a chain: how its counts become the radians of its joint.
    id: int
    model_number: int  # 0 accepts any servo
    zero_ticks: float  # ticks at zero radians
    middle_ticks: float  # middle of the joint's limits, from its zero: tells turns apart
    sign: int  # +1 or -1
    ticks_per_rad: float
    rad_s_per_unit: float  # of present velocity; dynamixel
    effort_full_scale: float  # present current or load at stall torque, in register units; dynamixel
    min_ticks: int  # goals stay inside
    max_ticks: int
    fast_firmware: int  # the first that knows Fast Sync Read; 0: none does
    passive: bool  # read but never given torque
    def __init__(self) -> None: ...

class BusConfig:  # One servo bus, its servos in joint order. Lists and dicts are copied: assign them whole.
    family: str  # one of `bus_families()`
    side: str  # of a robot with several arms
    baud: int
    reply_margin_s: float
    health_period_s: float  # one servo's voltage, temperature or torque is read this often; dynamixel
    watchdog_units: int  # of 20 ms without a request until servos stop; 0: never; dynamixel
    joints: list[ServoJoint]
    settings: list[ServoSetting]
    traits: dict[
        str, int
    ]  # what the family's driver must know of the whole chain, such as a register's address
    def __init__(self) -> None: ...

class RobotJoint:  # One joint of a robot: its name, its slot, its bounds before torque.
    name: str
    slot: int
    slot_scale: float
    slot_offset: float
    home_rad: float
    min_position_rad: float  # outside of these bounds it gets no torque
    max_position_rad: float
    min_supply_v: float
    max_supply_v: float
    hot_c: float
    fault_names: list[str]  # of the 8 bits of the status byte; empty: no name
    forbids_torque: int  # bits of the status byte with which it gets no torque
    torque_lost: int  # bits by which the servo says that its torque is off though it was switched on
    def __init__(self) -> None: ...

class PolicyTiming:
    rate_hz: float
    latency_budget_s: float
    latency_s: list[float]  # ascending; empty: the robot declares no distribution
    latency_weight: list[float]
    def __init__(self) -> None: ...

class RobotCamera:
    role: str
    width: int
    height: int
    fps: float
    max_age_s: float
    def __init__(self) -> None: ...

class RobotConfig:  # Everything between a robot's declaration with its calibration and a running arm.
    name: str
    spec_hash: bytes  # 32 bytes, SHA-256 of what gives ticks their meaning
    control: ControlConfig
    policy: PolicyTiming
    joints: list[RobotJoint]
    buses: list[BusConfig]
    cameras: list[RobotCamera]
    def __init__(self) -> None: ...
    def check(self) -> None: ...  # Raises ValueError where its parts contradict each other.
    def to_bytes(self) -> bytes: ...  # The compiled robot; the same bytes wherever everything is equal.
    def content_hash(self) -> bytes: ...  # SHA-256, 32 bytes: equal where everything is.

class RobotReading:  # What the bytes of a compiled robot hold, or what is wrong with them.
    @property
    def problem(self) -> FileProblem: ...
    @property
    def text(self) -> str: ...  # the problem in a few words
    @property
    def config(self) -> RobotConfig: ...

def read_robot(data: bytes | memoryview) -> RobotReading: ...
def bus_families() -> list[str]: ...

# The driver of its family. Raises BusError, ValueError.
def open_bus(port: str, config: BusConfig) -> JointBus: ...

class ServiceBus:  # Raw registers of a chain of servos, for set-up and diagnosis; writes nothing that moves a motor.
    # Raises BusError, ValueError. fresh: wait out what is overdue.
    def __init__(
        self, family: str, port: str, baud: int = 1_000_000, reply_margin_us: int = 4000, fresh: bool = True
    ) -> None: ...
    def ping(self, servo_id: int) -> bool: ...
    def read(self, servo_id: int, address: int, size: int) -> bytes | None: ...  # None: no good answer.
    # fast: in one packet of all. ValueError: the protocol has none.
    def sync_read(
        self, ids: Sequence[int], address: int, size: int, fast: bool = False
    ) -> dict[int, bytes | None]: ...
    # ValueError: a register that moves a motor. BusError: under torque. False: not confirmed.
    def configure(self, servo_id: int, address: int, data: bytes) -> bool: ...
    # Its torque is off then. ValueError: the protocol cannot say so.
    def reboot(self, servo_id: int) -> bool: ...
    def counters(self) -> BusCounters: ...
    def latency(self) -> LatencyReport: ...

class JointBus:  # A chain of servos in SI units. Unguarded: any gate's goal will do (docs/safety.md).
    def read_state(self, state: JointState) -> BusStatus: ...
    def write_goal(self, goal: GatedGoal) -> BusStatus: ...
    def set_torque(self, on: bool) -> BusStatus: ...
    def counters(self) -> BusCounters: ...
    def latency(self) -> LatencyReport: ...

class FeetechBus(JointBus):
    def __init__(self, port: str, config: BusConfig) -> None: ...

class DynamixelBus(JointBus):
    def __init__(self, port: str, config: BusConfig) -> None: ...
    def reboot(self, joint: int) -> BusStatus: ...
    @property
    def fast(self) -> bool: ...

def emulated_families() -> list[str]: ...  # Of which there are virtual servos.

class EmulatedRegister:
    def __init__(self, *, address: int, size: int, writable: bool, eeprom: bool, initial: int) -> None: ...

class ServoModel:  # What a virtual servo behaves by; each family looks at what its servos differ in.
    model_number: int
    firmware: int
    fast_firmware: int
    effort_full_scale: int
    ticks_per_turn: int
    counts: int  # Of the encoder, which may end before the turn does.
    high_byte_first: bool
    registers: list[EmulatedRegister]
    def __init__(self) -> None: ...

class ServoEmulator:  # Virtual servos that answer their protocol on a pseudo-terminal, in a thread of their own.
    # Feetech protocol 0: STS, or SCS with the high byte first.
    def __init__(
        self, ids: Sequence[int], model: int = 777, high_byte_first: bool = False, turns: Sequence[int] = ()
    ) -> None: ...
    # `emulated_families`. Raises ValueError.
    @staticmethod
    def of(family: str, servos: Sequence[tuple[int, ServoModel]]) -> ServoEmulator: ...
    @staticmethod
    def dynamixel(servos: Sequence[tuple[int, ServoModel]]) -> ServoEmulator: ...  # of("dynamixel", servos)
    @property
    def port(self) -> str: ...
    def update(
        self,
        position_ticks: ArrayLike,
        speed_ticks_s: ArrayLike,
        load_permille: ArrayLike,
        voltage_dv: ArrayLike | None = None,
        temperature_c: ArrayLike | None = None,
        current_raw: ArrayLike | None = None,
        moving: ArrayLike | None = None,
        status: ArrayLike | None = None,
    ) -> None: ...
    def goals(self) -> ServoGoals: ...
    def registers(self, servo_id: int) -> bytes: ...
    def poke(self, servo_id: int, address: int, data: bytes) -> None: ...
    def set_fault(
        self, kind: ServoFault, servo_id: int | None = None, period: int = 1, delay_s: float = 0.02
    ) -> None: ...
    def set_condition(
        self,
        servo_id: int | None = None,
        *,
        overload: bool = False,
        overheat: bool = False,
        sag_dv: int = 0,
    ) -> None: ...
    def set_baud(self, baud: int) -> None: ...  # Deaf to clients whose port has another speed; 0: to none.
    def table(self, place: int) -> bytes: ...  # As `registers`, of the servo at that place of the chain.
    # As the factory: past all write protection, into EEPROM too.
    def program(self, place: int, address: int, data: bytes) -> None: ...
    def connect(self, place: int, on: bool) -> None: ...  # The cables of one servo; those behind it stay on.
    def set_own_bauds(self) -> None: ...  # Each servo listens at the speed of its own register only.
    def set_wire(self, baud: int) -> None: ...  # Replies take their time on a wire of this speed; 0: none.
    def unplug(self, servo_id: int) -> None: ...  # The cable in front of this servo.
    def replug(self) -> None: ...
    def power_cycle(self, servo_id: int | None = None) -> None: ...
    def stats(self) -> EmulatorStats: ...
    def close(self) -> None: ...

class NanoEngine:  # The motorium nano network; encode() once per observation, then denoise().
    # ValueError: a config, tensor or option that does not fit.
    def __init__(
        self,
        config: dict[str, Any],
        tensors: dict[str, Any],
        isa: str = "",
        precision: Precision = ...,
        threads: int = 1,
        cpus: Sequence[int] = (),
    ) -> None: ...
    def encode(
        self, images: Sequence[NDArray[np.uint8]], token_ids: ArrayLike, embodiment: int = 0
    ) -> None: ...
    # Free rows are drawn to `previous` (p, 200) by `pull` (p); see policies/guidance.py.
    def denoise(
        self,
        state: ArrayLike,
        noise: ArrayLike,
        committed: ArrayLike | None,
        steps: int,
        previous: ArrayLike | None = None,
        pull: ArrayLike | None = None,
        pull_limit: float = 5.0,
    ) -> NDArray[np.float32]: ...
    @property
    def scene(self) -> NDArray[np.float32]: ...
    @property
    def pictures(self) -> NDArray[np.float32]: ...
    @property
    def isa(self) -> str: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def weight_bytes_read(self) -> int: ...  # By all products so far.

class Recorder:  # Collects intermediate values of a run, for parity checks.
    def __init__(self) -> None: ...
    def take(self) -> list[tuple[str, str, int, NDArray[np.float32]]]: ...

class Denoiser:  # The K-step loop of an action expert over cached keys and values.
    # As NanoEngine.
    def __init__(
        self,
        config: dict[str, Any],
        tensors: dict[str, Any],
        isa: str = "",
        precision: Precision = ...,
        threads: int = 1,
        cpus: Sequence[int] = (),
    ) -> None: ...
    def set_prefix(self, layer: int, keys: ArrayLike, values: ArrayLike) -> None: ...
    def set_position(self, position: int) -> None: ...
    # On time, height and width: rope_sections.
    def set_positions(self, positions: Sequence[int]) -> None: ...
    def set_lead(self, rows: ArrayLike) -> None: ...
    def set_tail(self, rows: ArrayLike) -> None: ...
    # What the network gets is multiplied with `mask` (T, channels).
    def run(
        self,
        noise: ArrayLike,
        steps: int,
        committed: ArrayLike | None = None,
        context: ArrayLike | None = None,
        domain: int = 0,
        directions: ArrayLike | None = None,
        recorder: Recorder | None = None,
        previous: ArrayLike | None = None,
        pull: ArrayLike | None = None,
        pull_limit: float = 5.0,
        mask: ArrayLike | None = None,
    ) -> NDArray[np.float32]: ...
    @property
    def isa(self) -> str: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def weight_bytes_read(self) -> int: ...

class BeingH05Engine:  # Being-H0.5: encode() once per observation, then denoise().
    # As NanoEngine.
    def __init__(
        self,
        config: dict[str, Any],
        tensors: dict[str, Any],
        isa: str = "",
        precision: Precision = ...,
        threads: int = 1,
        cpus: Sequence[int] = (),
    ) -> None: ...
    def encode(
        self,
        pixels: ArrayLike,
        prompt: ArrayLike,
        state: ArrayLike,
        behind: ArrayLike | None = None,
        recorder: Recorder | None = None,
    ) -> None: ...
    def denoise(
        self,
        noise: ArrayLike,
        steps: int,
        committed: ArrayLike | None = None,
        directions: ArrayLike | None = None,
        recorder: Recorder | None = None,
    ) -> NDArray[np.float32]: ...
    @property
    def isa(self) -> str: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def weight_bytes_read(self) -> int: ...

class XvlaEngine:  # X-VLA from features: encode() once per observation, then denoise().
    # As NanoEngine.
    def __init__(
        self,
        config: dict[str, Any],
        tensors: dict[str, Any],
        isa: str = "",
        precision: Precision = ...,
        threads: int = 1,
        cpus: Sequence[int] = (),
    ) -> None: ...
    def encode(
        self, features: ArrayLike, views: ArrayLike, domain: int, recorder: Recorder | None = None
    ) -> None: ...
    def denoise(
        self,
        noise: ArrayLike,
        steps: int,
        proprio: ArrayLike,
        committed: ArrayLike | None = None,
        recorder: Recorder | None = None,
    ) -> NDArray[np.float32]: ...
    @property
    def isa(self) -> str: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def weight_bytes_read(self) -> int: ...

class XiaomiR0Engine:  # Xiaomi-Robotics-0 from keys and values: encode() once per observation, then denoise().
    # As NanoEngine.
    def __init__(
        self,
        config: dict[str, Any],
        tensors: dict[str, Any],
        isa: str = "",
        precision: Precision = ...,
        threads: int = 1,
        cpus: Sequence[int] = (),
    ) -> None: ...
    def encode(
        self,
        keys: ArrayLike,
        values: ArrayLike,
        positions: Sequence[int],
        state: ArrayLike,
        recorder: Recorder | None = None,
    ) -> None: ...
    def denoise(
        self,
        noise: ArrayLike,
        steps: int,
        committed: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        recorder: Recorder | None = None,
    ) -> NDArray[np.float32]: ...
    @property
    def isa(self) -> str: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def weight_bytes_read(self) -> int: ...

class FlorenceEncoder:  # X-VLA's DaViT and BART: pixels and token ids to features.
    def __init__(
        self,
        config: dict[str, Any],
        tensors: dict[str, Any],
        isa: str = "",
        precision: Precision = ...,
        threads: int = 1,
        cpus: Sequence[int] = (),
    ) -> None: ...
    def encode(
        self, pixels: ArrayLike, valid: ArrayLike, ids: ArrayLike, recorder: Recorder | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
    @property
    def isa(self) -> str: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def weight_bytes_read(self) -> int: ...

class KernelTable(_Struct):  # The kernels of one instruction set, and how they lay out weights.
    @property
    def isa(self) -> str: ...  # Its name.
    @property
    def lanes(self) -> int: ...  # Floats in a vector.
    @property
    def panel(self) -> int: ...  # Outputs of a panel of weights.
    @property
    def fused(self) -> bool: ...  # Whether products and sums are rounded once.
    @property
    def bf16_group(self) -> int: ...  # Neighbours of a bfloat16 product that lie together; 1: widened.
    @property
    def i8_group(self) -> int: ...  # Neighbours of an int8 product that lie together.
    @property
    def i8_levels(self) -> int: ...  # Largest magnitude of an int8 input.
    @property
    def i8_weight_sum(self) -> int: ...  # Bound of the weights of one sign in a 16-bit sum; 0: none.

class ProductTimes(_Struct):  # How long one product of an engine takes.
    @property
    def seconds(self) -> list[float]: ...  # Per product, s; each the mean of one turn through the copies.
    @property
    def weight_bytes(self) -> int: ...  # Of one copy of its weights.

kernels: Any  # A submodule: single kernels and what this machine can do, for tests and benchmarks.
