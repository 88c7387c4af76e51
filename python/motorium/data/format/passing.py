"""Recognise temporary errors: a full disk, a limit, a failing device. What they interrupt stays where it is."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from ...errors import DataError
from ...rooted import LinkError

_REMEDIES = {
    "make room on that disk": (errno.ENOSPC, errno.EDQUOT, errno.EMLINK),
    "allow larger files (ulimit -f), or use a disk that takes them": (errno.EFBIG,),
    "allow more open files (ulimit -n)": (errno.EMFILE, errno.ENFILE),
    "free memory": (errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS),
    "find out why the disk fails (dmesg), and copy the dataset to another one": (errno.EIO, errno.ENXIO, errno.ENODEV),
    "make the folder writable": (errno.EROFS, errno.EACCES, errno.EPERM),
    "wait until the file system answers again": (
        errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY, errno.EINTR, errno.ENOTCONN, errno.EREMOTEIO,
    ),
}  # fmt: skip
_REMEDY_OF = {number: text for text, numbers in _REMEDIES.items() for number in numbers}
_LONGEST_CHAIN = 20


def passing(error: BaseException) -> BaseException | None:
    """Find a removable cause of `error`: a temporary OSError or MemoryError, or a link in the way."""
    cause: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if cause is None:
            return None
        if isinstance(cause, (MemoryError, LinkError)) or getattr(cause, "errno", None) in _REMEDY_OF:
            return cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return None


def remedy(error: BaseException) -> str:
    """Say what makes an error pass."""
    cause = passing(error)
    number = errno.ENOMEM if isinstance(cause, MemoryError) else getattr(cause, "errno", None)
    return _REMEDY_OF.get(number or 0, "see to that link" if isinstance(cause, LinkError) else "see to that")


@contextlib.contextmanager
def as_data_error(what: str) -> Iterator[None]:
    """Raise an OSError of the block as a DataError that says `what` failed; the cause stays attached."""
    try:
        yield
    except OSError as error:
        named = f"{error.filename}: " if isinstance(error.filename, str) else ""
        raise DataError(f"{what}: {named}{error.strerror or error}") from error
