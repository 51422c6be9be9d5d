"""Read a TOML table strictly: every key is asked for, and what nobody asked for is an error."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError

_TYPE_NAMES = {str: "a string", int: "an integer", float: "a number", list: "a list", dict: "a table"}


class Table:
    """One table of a TOML file, whose readers say file and key when something is wrong."""

    def __init__(self, file: Path, values: dict[str, Any], path: str = "") -> None:
        self._file, self._values, self._path = file, values, path
        self._asked: set[str] = set()

    def error(self, key: str, what: str, fix: str = "") -> ToolkitError:
        """Return the error that ``key`` of this table is wrong."""
        return ToolkitError(f"{self._path}{key} {what}", at=str(self._file), fix=fix)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def _get(self, key: str, kind: type) -> Any:
        self._asked.add(key)
        if key not in self._values:
            raise self.error(key, "is missing", f"add {self._path}{key}, {_TYPE_NAMES[kind]}")
        value = self._values[key]
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise self.error(key, f"must be {_TYPE_NAMES[kind]}, not {value!r:.60}")
        return value

    def text(self, key: str, *, choices: tuple[str, ...] = ()) -> str:
        """Return a string that is not empty, one of ``choices`` when given."""
        value: str = self._get(key, str)
        if not value.strip():
            raise self.error(key, "is empty")
        if choices and value not in choices:
            raise self.error(key, f"is {value!r:.60}", f"use one of: {', '.join(choices)}")
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """Return an integer in ``low..high``."""
        value: int = self._get(key, int)
        if not low <= value <= high:
            raise self.error(key, f"is {value}, outside {low}..{high}")
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        self._asked.add(key)
        value = self._values.get(key)
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, not {value!r:.60}")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        """Return a finite number in ``low..high``."""
        value = float(self._get(key, float))
        if not low <= value <= high:
            raise self.error(key, f"is {value}, outside {low}..{high}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._get(key, list)
        if not all(isinstance(item, str) for item in value):
            raise self.error(key, f"must hold strings only, not {value!r:.60}")
        return tuple(value)

    def booleans(self, key: str) -> tuple[bool, ...]:
        """Return a list of ``true`` and ``false``."""
        value = self._get(key, list)
        if not all(isinstance(item, bool) for item in value):
            raise self.error(key, f"must hold true and false only, not {value!r:.60}")
        return tuple(value)

    def table(self, key: str) -> Table:
        """Return the table ``key``."""
        return Table(self._file, self._get(key, dict), f"{self._path}{key}.")

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Yield the tables inside the table ``key``, each with its name."""
        outer = self.table(key)
        for name in outer._values:
            yield name, outer.table(name)

    def values(self, key: str) -> dict[str, Any]:
        """Return the table ``key`` as it is, for a reader elsewhere that checks its keys."""
        values: dict[str, Any] = self._get(key, dict)
        return values

    def __iter__(self) -> Iterator[str]:
        """The names of all keys."""
        return iter(self._values)

    def done(self) -> None:
        """Raise for keys that nothing asked for."""
        for key in self._values:
            if key not in self._asked:
                raise self.error(
                    key, "is not a key that means anything here", "remove it, or check its spelling"
                )


def read(file: Path) -> dict[str, Any]:
    """Return the raw contents of a TOML file. Raises ``ToolkitError`` when it cannot be read or parsed."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ToolkitError(f"cannot read {file}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ToolkitError(
            f"not a valid TOML file: {error}", at=str(file), fix="mend the line it names"
        ) from error
