"""Checked access to the tables and vectors of a flatbuffer."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError

# What the generated accessors raise where an offset or a length leads out of the file.
_OUTSIDE = (struct.error, TypeError, ValueError, IndexError, OverflowError)
READ_AGAIN = 4  # vectors may overlap in a file; all that is read may be this many times its size


class Tables:
    """Reads fields of generated accessor classes, and knows what it has read.

    A file may let any number of vectors share the same bytes, so that a small file describes a huge model. The
    sum of what is read is therefore bounded by the file's size.
    """

    def __init__(self, data: bytes, path: str) -> None:
        self.data = data
        self.path = path
        self._left_bytes = READ_AGAIN * len(data) + 2**16

    def damaged(self, what: str) -> ToolkitError:
        """Return the error for a file that contradicts itself."""
        return ToolkitError(
            f"the file is damaged: {what}",
            at=self.path,
            fix="convert or download the model again",
        )

    def field(self, table: Any, name: str) -> Any:
        """Return a scalar or table field, None or the default where the file leaves it out."""
        try:
            return getattr(table, name)()
        except _OUTSIDE as error:
            raise self.damaged(f"{name} of {type(table).__name__} leads out of the file") from error

    def accessor(self, kind: type, table: Any) -> Any:
        """Return the accessor of class ``kind`` for a table of a union."""
        found = kind()
        try:
            found.Init(table.Bytes, table.Pos)
        except _OUTSIDE as error:
            raise self.damaged(f"{kind.__name__} lie outside the file") from error
        return found

    def text(self, table: Any, name: str) -> str:
        """Return a string field; characters that are not UTF-8 are replaced."""
        found = self.field(table, name) or b""
        self._spend(len(found), name)
        return found.decode("utf-8", "replace")

    def numbers(self, table: Any, name: str, itemsize: int) -> np.ndarray:
        """Return a vector of numbers as a view of the file; empty where the file leaves it out."""
        count = self._length(table, name, itemsize)
        if not count:
            return np.zeros(0, np.int64)
        found = self.field(table, f"{name}AsNumpy")
        if not isinstance(found, np.ndarray) or found.nbytes != count * itemsize:
            raise self.damaged(f"{name} of {type(table).__name__} has another type than it should")
        return found

    def tables(self, table: Any, name: str, most: int) -> list[Any]:
        """Return a vector of tables.

        Raises:
            ToolkitError: there are more than ``most``, or one lies outside the file.
        """
        count = self._length(table, name, 4)
        if count > most:
            raise self.damaged(f"{count:,} {name} are more than {most:,}")
        try:
            return [getattr(table, name)(i) for i in range(count)]
        except _OUTSIDE as error:
            raise self.damaged(f"{name} of {type(table).__name__} lead out of the file") from error

    def _length(self, table: Any, name: str, itemsize: int) -> int:
        count = int(self.field(table, f"{name}Length"))
        self._spend(count * itemsize, name)
        return count

    def _spend(self, count: int, name: str) -> None:
        self._left_bytes -= count
        if count > len(self.data) or self._left_bytes < 0:
            raise self.damaged(f"{name} claims {count:,} bytes of a file of {len(self.data):,}")
