"""A trace that something else recorded: a CSV or NPZ file with time, current or power, and perhaps marks."""

from __future__ import annotations

import csv
import re
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np

from toolkit.errors import USAGE, ToolkitError
from toolkit.measure.energy import marks
from toolkit.measure.energy.trace import Trace
from toolkit.measure.meters.base import Accuracy, Facts, Meter, Options

_UNITS = {
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6},
    "current": {"a": 1.0, "ma": 1e-3, "ua": 1e-6, "µa": 1e-6, "na": 1e-9},
    "voltage": {"v": 1.0, "mv": 1e-3},
    "power": {"w": 1.0, "mw": 1e-3, "uw": 1e-6, "µw": 1e-6},
}
_NAMES = {"timestamp": "time", "t": "time", "i": "current", "v": "voltage", "p": "power"}
_MOST_BYTES = 1 << 30
_GAP = 1.5  # of the usual step between samples: longer ones are gaps


class Recorded(Meter):
    """See ``toolkit.measure.meters.base.Meter``; the port is the file, all of which ``stop`` returns."""

    FACTS: ClassVar[Facts] = Facts(
        title="a recorded trace",
        measures="what is in the file: columns time, current or power, voltage and a marker, with units in their "
        "names, like time_ms or Current(uA)",
        accuracy="as you say it is",
        needs="a .csv file with a line of names (lines with # in front are remarks), or a .npz of arrays so named",
        wiring="none",
        options={
            "voltage": "in volts, where the file has none",
            "marker": "the column that marks windows (marker)",
            "marks": "high (default), low or pulses: what the marker is inside windows",
            "accuracy": "of what recorded it, as share of the reading",
        },
        window_s=1.0,
        marks=True,
    )

    def __init__(self, port: str | None, options: Options) -> None:
        super().__init__(port, options)
        self.voltage = options.number("voltage", 0.0, 0.0, 1e3)
        self.marker = options.get("marker", "marker")
        self.marks = options.choice("marks", marks.STYLES)
        self._share = options.number("accuracy", -1.0, 0.0, 0.5)
        self._trace: Trace | None = None

    def open(self) -> None:
        """See ``Meter.open``. Reads the file."""
        if self.port is None:
            raise ToolkitError("a recorded trace is a file", fix="add --meter-port trace.csv")
        columns = _read(Path(self.port))
        self._trace = self._of(columns)

    def start(self) -> None:
        """See ``Meter.start``."""

    def stop(self) -> Trace:
        """See ``Meter.stop``."""
        assert self._trace is not None
        return self._trace

    def close(self) -> None:
        """See ``Meter.close``."""

    def accuracy(self) -> Accuracy:
        """See ``Meter.accuracy``."""
        if self._share < 0:
            return Accuracy(
                0.0, 0.0, "add --meter-option accuracy=2% for what recorded the trace", stated=False
            )
        return Accuracy(self._share, 0.0, "--meter-option accuracy")

    def _of(self, columns: dict[str, np.ndarray]) -> Trace:
        time = columns.get("time")
        if time is None or len(time) < 2:
            raise self._wrong("has no column of times, or fewer than two", "name one time_s or time_ms")
        power = columns.get("power")
        if power is None:
            current, voltage = columns.get("current"), columns.get("voltage")
            if current is None:
                raise self._wrong(
                    "has no column of currents or powers", "name one current_a, current_ma or power_w"
                )
            if voltage is None and not self.voltage:
                raise self._wrong("has no column of voltages", "add --meter-option voltage=3.3")
            power = current * (self.voltage if self.voltage or voltage is None else voltage)
        steps = np.diff(time)
        if not np.isfinite(time).all() or (steps <= 0).any():
            raise self._wrong("has times that do not rise", "sort it by time, drop doubles")
        usual = float(np.median(steps))
        gaps = np.flatnonzero(steps > _GAP * usual)
        if len(gaps) > len(steps) // 10:
            gaps = gaps[:0]  # its steps are of all lengths
        level = columns.get(self.marker)
        if level is None and "marker" in self.options:
            raise self._wrong(f"has no column {self.marker!r:.40}", f"it has {', '.join(columns)}"[:200])
        marker = None if level is None else np.insert(marks.inside(level, self.marks), gaps + 1, 0)
        if marker is not None:
            marker[gaps + 1 + np.arange(len(gaps))] = marker[gaps + np.arange(len(gaps))]
        return Trace(
            np.insert(np.append(time, time[-1] + usual), gaps + 1, time[gaps] + usual),
            np.insert(power.astype(np.float64), gaps + 1, np.nan),
            marker,
        )

    def _wrong(self, what: str, fix: str) -> ToolkitError:
        return ToolkitError(f"the trace {what}", at=str(self.port), fix=fix, exit_code=USAGE)


def _read(file: Path) -> dict[str, np.ndarray]:
    """Return columns by what they are, in SI units, float64."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ToolkitError("the trace has more than 1 GB", at=str(file), fix="cut it")
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                names, values = (
                    list(arrays),
                    [np.asarray(arrays[name], np.float64).ravel() for name in arrays],
                )
        else:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                lines = [line for line in stream if line.strip() and not line.startswith("#")]
            if len(lines) < 2:
                raise ValueError("it has no lines of numbers")
            names = next(csv.reader(lines[:1]))
            values = list(np.loadtxt(lines[1:], delimiter=",", ndmin=2, comments=None).T)
    except OSError as error:
        raise ToolkitError(f"cannot read {file}: {error.strerror or error}", fix="check the path") from error
    except (ValueError, EOFError, zipfile.BadZipFile, UnicodeDecodeError, StopIteration, csv.Error) as error:
        raise ToolkitError(
            f"not a trace: {str(error)[:200]}",
            at=str(file),
            fix="write a line of names like time_s,current_ma,marker, then lines of numbers with commas between",
        ) from error
    if len(names) != len(values) or len({len(value) for value in values}) > 1:
        raise ToolkitError(
            "the trace's columns differ in length", at=str(file), fix="give each line as many numbers"
        )
    return dict(_column(name, value) for name, value in zip(names, values, strict=True))


def _column(name: str, value: np.ndarray) -> tuple[str, np.ndarray]:
    """Return ``Current(uA)`` as current in amperes; other names stay as they are."""
    found = re.fullmatch(r"\s*([A-Za-z]+)(?:_([a-zµ]+)|\s*[(\[]\s*([A-Za-zµ]+)\s*[)\]])?\s*", name)
    if found is None:
        return name.strip(), value
    kind = _NAMES.get(found[1].lower(), found[1].lower())
    unit = (found[2] or found[3] or "").lower()
    scales = _UNITS.get(kind)
    if scales is None or (unit and unit not in scales):
        return name.strip(), value
    return kind, value * (scales[unit] if unit else 1.0)


METER = Recorded
