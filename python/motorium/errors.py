"""One exception per cause. Every message says what happened, where, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .printable import printable

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._core import ArmState


class MotoriumError(Exception):
    """Base of everything motorium raises on purpose.

    Attributes:
        for_shell: the message for someone who gave a command instead of writing a program; None: the same.
        last_states: of an error of an arm, its control ticks up to the fault, oldest first; else empty.
        joint_names: of that arm, in the order of the states' arrays.
    """

    for_shell: str | None = None
    last_states: tuple[ArmState, ...] = ()
    joint_names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the message with control characters as escapes: parts of it come from files and devices."""
        return printable(super().__str__(), lines=True)

    @classmethod
    def with_remedy(cls, cause: str, *, program: str, command: str) -> Self:
        """Make an error whose remedy is a call in a program, and a command in a shell."""
        error = cls(f"{cause} {program}")
        error.for_shell = f"{cause} {command}"
        return error


class SpecError(MotoriumError):
    """A robot or motor declaration has an unknown, missing or contradictory key."""


class CheckpointError(MotoriumError):
    """A checkpoint cannot be read: missing, truncated, renamed, wrong shape, not safetensors."""


class BindingError(MotoriumError):
    """A checkpoint's inputs or outputs do not match the robot's."""


class BusError(MotoriumError):
    """A servo bus cannot be opened or has stopped answering."""


class CalibrationError(MotoriumError):
    """A calibration is missing, damaged, or belongs to another arm."""


class CameraError(MotoriumError):
    """A camera is missing or delivers no fresh frame."""


class SafetyError(MotoriumError):
    """The safety gate tripped, or a self-check failed; the robot is at rest."""


class SimulationError(MotoriumError):
    """The simulated world could not start or has died."""


class PromptError(MotoriumError):
    """An instruction cannot be encoded for this checkpoint."""


class BenchmarkError(MotoriumError):
    """A comparison cannot run: a tool is missing, or the contenders compute different things."""


class DataError(MotoriumError):
    """A dataset is damaged, of another schema, in use by another writer, or cannot be written."""


class StorageError(MotoriumError):
    """A required folder or file cannot be found or written: no home, no permission, no room."""
