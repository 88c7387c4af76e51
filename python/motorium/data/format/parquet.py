"""Read untrusted parquet files: their unpacked size is bounded before and during reading."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from ...errors import DataError
from ...foreign import descriptor_path, open_regular
from ...printable import printable
from .parquet_pages import CODECS, Chunk, Page, longest_text, pages, read_groups

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

T = TypeVar("T")
MAX_ROWS = 50_000_000
MAX_FILE_BYTES = 64 << 30
MAX_COLUMNS = 20_000
MAX_GROUP_BYTES = 1 << 28
"""Largest column of lists in one row group: a single row may claim all of it."""
MAX_TEXTS = 1 << 18
"""Most texts of a dictionary that are measured one by one."""
SPARE_BYTES = 64 << 20
RATIO = 8
"""A page of texts or pictures may unpack to so many times its packed size, and `SPARE_BYTES` more."""
BATCH_BYTES = 32 << 20
CHUNKS_KEPT = 1 << 15
"""Footers are kept until they list so many columns of row groups: those of a few hundred files of an episode each."""
TABLE_BYTES = 128 << 20
"""Largest table that is read whole, and `RATIO` times its file's bytes more."""
_ENCODINGS = frozenset({0, 2, 3, 4, 5, 6, 8, 9})
"""Parquet's numbers of those in which a value is no longer than its bytes in the page; 7 writes prefixes."""

_footers: dict[tuple[int, ...], list[list[Chunk]]] = {}


@contextmanager
def opened(path: Path, inside: Path | None = None) -> Iterator[ParquetTable]:
    """Open a parquet file of others.

    Args:
        path: of the file.
        inside: the dataset that it belongs to; no link may lead out of it.

    Raises DataError, also while it is read: absent, no regular file, damaged, or it unpacks to more than is read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_regular(path, MAX_FILE_BYTES, error=DataError, inside=inside) as pages_of:
        try:
            groups = _named(_groups_of, f"{path} is damaged", pages_of)
            with pq.ParquetFile(descriptor_path(pages_of, path)) as file:
                yield ParquetTable(file, path, pages_of.fileno(), groups)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            words = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path} is damaged: {printable(words[:500])}") from error


def _groups_of(file: BinaryIO) -> list[list[Chunk]]:
    """Read the footer of an opened file, once: a dataset's file is opened again for each of its episodes."""
    found = os.fstat(file.fileno())
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    groups = _footers.get(state)
    if groups is None:
        groups = read_groups(file)
        known = list(_footers.items())  # at once: another thread may read, too
        count = sum(len(group) for _, others in [*known, (state, groups)] for group in others)
        for old, others in known:
            if count <= CHUNKS_KEPT:
                break
            _footers.pop(old, None)
            count -= sum(map(len, others))
        _footers[state] = groups
    return groups


def _beginnings(path: str) -> set[str]:
    """A column's path and what stands before each of its dots: the names that it may be asked for by."""
    return {path, *(path[:place] for place, sign in enumerate(path) if sign == ".")}


def _named(act: Callable[..., T], where: object, *arguments: Any) -> T:
    """Return what `act` gives; a DataError of it begins with where."""
    try:
        return act(*arguments)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _may_hold(chunk: Chunk, value: int) -> bool:
    if chunk.low is None or chunk.high is None or not len(chunk.low) == len(chunk.high) == 8:
        return True
    low, high = (int.from_bytes(end, "little", signed=True) for end in (chunk.low, chunk.high))
    return low <= value <= high


class ParquetTable:
    """An opened file, read in pieces of bounded size."""

    def __init__(self, file: pq.ParquetFile, path: Path, fd: int, groups: Sequence[Sequence[Chunk]]) -> None:
        """Open a file by a descriptor of the same and its footer. Raises DataError when it claims too much."""
        self.schema_arrow, self.rows = file.schema_arrow, int(file.metadata.num_rows)
        self._file, self._path, self._fd, self._groups = file, path, fd, groups
        count = len(file.schema)
        if self.rows > MAX_ROWS or count > MAX_COLUMNS:
            raise DataError(
                f"{path} holds {self.rows} rows of {count} columns; at most {MAX_ROWS} of {MAX_COLUMNS} are read"
            )
        self._columns = [file.schema.column(i) for i in range(count)]
        self._names = [_beginnings(column.path) for column in self._columns]
        if any(len(group) != count for group in groups) or len(groups) != file.metadata.num_row_groups:
            raise DataError(f"{path} is damaged: not every group of rows has {count} columns")

    @property
    def names(self) -> list[str]:
        """Names of its columns."""
        return list(self.schema_arrow.names)

    def groups_with(self, name: str, value: int) -> list[int]:
        """List groups of rows in which a column of int64 may hold a value, as far as the footer tells."""
        places = [i for i, column in enumerate(self._columns) if column.path == name]
        if len(places) != 1 or self._columns[places[0]].physical_type != "INT64":
            return list(range(len(self._groups)))
        return [i for i, group in enumerate(self._groups) if _may_hold(group[places[0]], value)]

    def iter_batches(
        self, batch_size: int, *, columns: Sequence[str], row_groups: Sequence[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Read rows, at most `batch_size` at once and fewer where they are large. Raises DataError."""
        import pyarrow as pa

        groups = list(range(len(self._groups))) if row_groups is None else list(row_groups)
        asked = set(columns)
        places = [i for i, names in enumerate(self._names) if not asked.isdisjoint(names)]
        longest = max((self._measure(group, places) for group in groups), default=0)
        size = max(1, min(batch_size, BATCH_BYTES // max(1, longest)))
        found = self._file.iter_batches(size, row_groups=groups, columns=list(columns), use_threads=False)
        for batch in found:
            arrays = [self._plain(array) for array in batch.columns]
            fields = [field.with_type(array.type) for field, array in zip(batch.schema, arrays, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, batch.schema.metadata))

    def read(self, columns: Sequence[str] | None = None, *, max_rows: int) -> pa.Table:
        """Read all rows of some columns, or of all. Raises DataError when there are more than `max_rows`."""
        import pyarrow as pa

        names = self.names if columns is None else list(columns)
        if self.rows > max_rows:
            raise DataError(f"{self._path} holds {self.rows} rows; at most {max_rows} are read")
        batches, size = [], 0
        for batch in self.iter_batches(4096, columns=names):
            batches.append(batch)
            size += batch.nbytes
            self._bound(size)
        if not batches:
            return self._file.schema_arrow.empty_table().select(names)
        return pa.Table.from_batches(batches)

    def _bound(self, size: int) -> None:
        most = TABLE_BYTES + RATIO * os.fstat(self._fd).st_size
        if size > most:
            raise DataError(f"{self._path} unpacks to more than the {most >> 20} MB that are allowed")

    def _measure(self, group: int, places: Sequence[int]) -> int:
        """Return the bytes that a row of the group may have in a column; DataError: pages unpack to too much."""
        longest = 1
        for place in places:
            column, chunk = self._columns[place], self._groups[group][place]
            where = f"{self._path}: column {printable(column.path)!r}"
            longest = max(longest, _named(self._measure_column, where, chunk, column))
        return longest

    def _measure_column(self, chunk: Chunk, column: Any) -> int:
        texts = column.physical_type == "BYTE_ARRAY"
        values = packed = unpacked = 0
        longest = 8 if texts else max(8, column.length)
        for page in pages(self._fd, chunk):
            if page.unpacked > SPARE_BYTES + RATIO * page.packed:
                raise DataError(f"a page of {page.packed} bytes unpacks to {page.unpacked >> 20} MB")
            if texts and page.encoding not in _ENCODINGS:
                raise DataError(
                    f"encoding {page.encoding} of texts is not supported; rewrite it with pyarrow"
                )
            if page.dictionary:
                longest = max(longest, self._longest(page, chunk.codec) if texts else 0)
                continue
            values, packed, unpacked = values + page.values, packed + page.packed, unpacked + page.unpacked
        if texts and unpacked > SPARE_BYTES + RATIO * packed:
            raise DataError(f"{packed} bytes unpack to {unpacked >> 20} MB")
        if column.max_repetition_level:
            if values * longest > MAX_GROUP_BYTES:
                raise DataError(f"{values} values of {longest} bytes in one row group, which is too much")
            return 8
        if values > MAX_ROWS:
            raise DataError(f"{values} rows; at most {MAX_ROWS} are read")
        return longest

    def _longest(self, page: Page, codec: int) -> int:
        """Return the bytes of the longest text in a dictionary; of all of it where that is not to be found out."""
        import pyarrow as pa

        content = os.pread(self._fd, page.packed, page.place)
        try:
            if codec:
                content = pa.decompress(content, page.unpacked, CODECS.get(codec, "unknown"), asbytes=True)
        except (pa.ArrowException, OSError, ValueError):
            return page.unpacked
        return longest_text(content, page.values) if page.values <= MAX_TEXTS else page.unpacked

    def _plain(self, array: pa.Array) -> pa.Array:
        """Replace numbers of a dictionary by its texts. DataError when they are too long together."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pa.types.is_dictionary(array.type):
            return array
        words = array.dictionary
        if pa.types.is_string(words.type) or pa.types.is_binary(words.type):
            self._bound(pc.sum(pc.binary_length(words).take(array.indices)).as_py() or 0)
        return array.dictionary_decode()
